import Bundles
import Engines
import Pipelines
import Tensors

/// The network of the bundle on its engine, and the whole way from a scan to a segmentation.
enum EngineBenchmarks {
  static func all(_ workload: Workload) throws -> [Benchmark] {
    let graph = try NetworkSource(try Model(path: workload.bundle), NetworkOptions()).graph()
    let engine = try EngineChoice().compile(graph)
    let session = try engine.makeSession()
    let inputs = session.inputs.map { Tensor($0.elementType, $0.shape(batch: 1)) }
    var outputs: [Tensor] = []
    let voxels = Double(inputs.reduce(0) { $0 + $1.count }) / 1e6
    return [
      Benchmark(name: "compile the network", work: (1, "network")) {
        { _ = try EngineChoice().compile(graph) }
      },
      Benchmark(
        name: "run one window, \(inputs.map(\.shape.description).joined(separator: ", "))", work: (voxels, "Mvoxel")
      ) {
        { try session.run(inputs, into: &outputs) }
      },
      Benchmark(name: "scan to segmentation, engine included", work: (1, "scan")) {
        {
          let pipeline = try BundlePipeline(
            try Bundle(path: workload.bundle), NetworkOptions(), EngineChoice(), outputFolder: workload.folder)
          _ = try pipeline.run(workload.scan)
        }
      },
    ]
  }
}
