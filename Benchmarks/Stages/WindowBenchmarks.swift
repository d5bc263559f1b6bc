import Arguments
import Images
import OrderedCollections
import Pipelines
import Tensors
import Transforms

/// The sliding window without its network: cutting windows, adding outputs with their weights, dividing.
enum WindowBenchmarks {
  static func all(_ workload: Workload) throws -> [Benchmark] {
    let input = workload.volume.voxels.converted(to: .float32)
    let batch = input.expanded(to: Shape([1] + input.shape.dimensions)).contiguous()
    let argmax = Component(
      target: "AsDiscreted", arguments: ["keys": .string("pred"), "argmax": .bool(true)], path: "benchmark")
    let steps = Compose([try TransformTable.make(argmax)], path: "benchmark").splittingReduction(of: "pred")?.steps
    var benchmarks: [Benchmark] = []
    for mode in BlendMode.allCases {
      let window = SlidingWindow(roiSize: .uniform(96), overlap: .uniform(0.5), mode: mode)
      let work = (workload.megavoxels, "Mvoxel")
      benchmarks.append(
        Benchmark(name: "windows of 96³, half overlapping, \(mode), 4 classes", work: work) {
          { _ = try window.infer(batch, predictors: predictors(classes: 4), progress: nil) }
        })
      guard let steps else { continue }
      benchmarks.append(
        Benchmark(name: "the same, \(mode), 4 classes reduced to labels", work: work) {
          { _ = try window.infer(batch, predictors: predictors(classes: 4), reducing: steps, progress: nil) }
        })
    }
    return benchmarks
  }

  private static func predictors(classes: Int) -> [any WindowPredictor] {
    [ConstantPredictor(classes: classes), ConstantPredictor(classes: classes)]
  }
}

/// In the place of a network: its output is made once and costs nothing after that.
private final class ConstantPredictor: WindowPredictor {
  private let classes: Int

  init(classes: Int) { self.classes = classes }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws {
    var shape = batch.shape
    shape[1] = classes
    if outputs.first?.shape != shape { outputs = [Tensor(.float32, shape)] }
  }
}
