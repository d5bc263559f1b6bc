import Archives
import Pipelines

/// From the bundle's checkpoint to ONNX.
enum ConversionBenchmarks {
  static func all(_ workload: Workload) throws -> [Benchmark] {
    let model = try Model(path: workload.bundle)
    let weights = try Checkpoint.open(path: NetworkSource(model, NetworkOptions()).weightsFile).stateDict()
    let work = (Double(weights.byteCount) / 1e6, "MB")
    return [
      Benchmark(name: "open the checkpoint: zip and pickle", work: work) {
        { _ = try Checkpoint.open(path: weights.source).stateDict() }
      },
      Benchmark(name: "checkpoint and config to a graph", work: work) {
        { _ = try NetworkSource(try Model(path: workload.bundle), NetworkOptions()).graph() }
      },
      Benchmark(name: "checkpoint and config to an ONNX file", work: work) {
        {
          let path = workload.folder + "/network.onnx"
          _ = try Export(try Model(path: workload.bundle), ExportOptions(), to: ONNXTarget(), at: path).run()
        }
      },
    ]
  }
}
