package import Diagnostics
import Dispatch
package import Tensors

extension SlidingWindow {
  package func batchShape(for input: Shape) throws -> Shape {
    try WindowGrid(self, input: input).batchShape
  }

  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], progress: ProgressObserver? = nil
  ) throws -> [Tensor] {
    let grid = try WindowGrid(self, input: input.shape)
    var sums = WindowSums(grid: grid, images: input.shape[0], weights: try weights(for: grid, input: input.shape))
    try stitch(input, grid, predictors, progress) { try sums.add($0, of: $1, onAllCores: $2) }
    return try sums.means()
  }

  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], reducing reduction: any VoxelwiseReduction,
    progress: ProgressObserver? = nil
  ) throws -> Tensor {
    let natural = try WindowGrid(self, input: input.shape)
    let order = WindowOrder.leanest(for: natural)
    let grid = natural.ordered(order)
    guard input.shape[0] == 1 else { throw SlidingWindowError.severalImages(input.shape) }
    let checks = OutputChecks(grid: grid)
    let volume = ReducedVolume(imageSize: grid.imageSize)
    let sums = RollingSums(grid: grid, order: order, weights: try weights(for: grid, input: input.shape)) {
      means, region in
      try volume.write(try reduction.apply(means), at: region)
    }
    try stitch(input, grid, predictors, progress) { outputs, windows, onAllCores in
      try checks.check(outputs, count: windows.count)
      try sums.add(&outputs[0], of: windows, onAllCores: onAllCores)
    }
    return try volume.result(spatialRank: input.shape.rank - 2)
  }

  /// Runs the windows through the predictors and hands their outputs to `add`, in the windows' order, one thread at a time.
  private func stitch(
    _ input: Tensor, _ grid: WindowGrid, _ predictors: [any WindowPredictor], _ progress: ProgressObserver?,
    _ add: (inout [Tensor], Range<Int>, _ onAllCores: Bool) throws -> Void
  ) throws {
    guard !predictors.isEmpty else { throw SlidingWindowError.noPredictor }
    let image = input.converted(to: .float32)
    let source = try WindowSource(image, grid: grid, paddingMode: paddingMode, fill: fill)
    try withoutActuallyEscaping(add) { add in
      let stitching = Stitching(
        source: source, grid: grid, total: input.shape[0] * grid.count, onAllCores: predictors.count == 1,
        progress: progress, add: add)
      progress?(ProgressUpdate(stage: Self.stage, completed: 0, total: stitching.total))
      // Each predictor is used by one iteration, so by one thread at a time.
      let workers = Shared(predictors)
      DispatchQueue.concurrentPerform(iterations: predictors.count) { stitching.run(workers.value[$0]) }
      try stitching.finish()
    }
  }

  private func weights(for grid: WindowGrid, input: Shape) throws -> WindowWeights {
    guard mode == .gaussian else { return .ones }
    let scales = try WindowGrid.values(sigmaScale, "sigma_scale", input)
    // Leading axes of extent 1 have the weight 1, whatever their deviation.
    let leading = Array(repeating: 1.0, count: 3 - scales.count)
    return .map(ImportanceMap.gaussian(roi: grid.roi, sigmaScale: leading + scales))
  }
}

/// One inference: windows go to the predictors, their outputs to `add` in the windows' order.
private final class Stitching: @unchecked Sendable {
  // Unchecked: `add` is called only in the batches' order, one thread at a time.
  private let source: WindowSource
  private let grid: WindowGrid
  let total: Int
  /// Whether cutting and adding use all cores: a single predictor leaves them free meanwhile.
  private let onAllCores: Bool
  private let progress: ProgressObserver?
  private let add: (inout [Tensor], Range<Int>, Bool) throws -> Void
  private let batches: OrderedBatches

  init(
    source: WindowSource, grid: WindowGrid, total: Int, onAllCores: Bool, progress: ProgressObserver?,
    add: @escaping (inout [Tensor], Range<Int>, Bool) throws -> Void
  ) {
    self.source = source
    self.grid = grid
    self.total = total
    self.onAllCores = onAllCores
    self.progress = progress
    self.add = add
    batches = OrderedBatches(count: (total + grid.batchShape[0] - 1) / grid.batchShape[0])
  }

  /// Works with one predictor until no batch is left.
  func run(_ predictor: any WindowPredictor) {
    var batch = Tensor(.float32, grid.batchShape, isZeroed: false)
    var outputs: [Tensor] = []
    do {
      while let number = batches.take() {
        try Cancellation.check()
        let windows = number * grid.batchShape[0]..<min((number + 1) * grid.batchShape[0], total)
        if windows.count != batch.shape[0] {
          var shape = grid.batchShape
          shape[0] = windows.count
          batch = Tensor(.float32, shape, isZeroed: false)
        }
        batch.withMutableElements(of: Float.self) { source.gather(windows, into: $0, onAllCores: onAllCores) }
        try predictor.predict(batch, into: &outputs)
        try batches.inOrder(number) {
          try add(&outputs, windows, onAllCores)
          progress?(ProgressUpdate(stage: SlidingWindow.stage, completed: windows.upperBound, total: total))
        }
      }
    } catch {
      batches.fail(error)
    }
  }

  /// To be called once every predictor has returned.
  /// - Throws: the first error of any of them.
  func finish() throws { try batches.finish() }
}
