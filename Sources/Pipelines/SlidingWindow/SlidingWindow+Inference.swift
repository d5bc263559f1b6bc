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
    guard !predictors.isEmpty else { throw SlidingWindowError.noPredictor }
    let grid = try WindowGrid(self, input: input.shape)
    let image = input.converted(to: .float32)
    let source = try WindowSource(image, grid: grid, paddingMode: paddingMode, fill: fill)
    let weights = try weights(for: grid, input: input.shape)
    let stitching = Stitching(
      source: source, sums: WindowSums(grid: grid, images: input.shape[0], weights: weights), grid: grid,
      total: input.shape[0] * grid.count, onAllCores: predictors.count == 1, progress: progress)
    progress?(ProgressUpdate(stage: Self.stage, completed: 0, total: stitching.total))
    // Each predictor is used by one iteration, so by one thread at a time.
    let workers = Shared(predictors)
    DispatchQueue.concurrentPerform(iterations: predictors.count) { stitching.run(workers.value[$0]) }
    return try stitching.means()
  }

  private func weights(for grid: WindowGrid, input: Shape) throws -> WindowWeights {
    guard mode == .gaussian else { return .ones }
    let scales = try WindowGrid.values(sigmaScale, "sigma_scale", input)
    // Leading axes of extent 1 have the weight 1, whatever their deviation.
    let leading = Array(repeating: 1.0, count: 3 - scales.count)
    return .map(ImportanceMap.gaussian(roi: grid.roi, sigmaScale: leading + scales))
  }
}

/// One inference: windows go to the predictors, their outputs into the sums in the windows' order.
private final class Stitching: @unchecked Sendable {
  // Unchecked: `sums` is touched only in the batches' order, one thread at a time.
  private let source: WindowSource
  private var sums: WindowSums
  private let grid: WindowGrid
  let total: Int
  /// Whether cutting and adding use all cores: a single predictor leaves them free meanwhile.
  private let onAllCores: Bool
  private let progress: ProgressObserver?
  private let batches: OrderedBatches

  init(
    source: WindowSource, sums: WindowSums, grid: WindowGrid, total: Int, onAllCores: Bool, progress: ProgressObserver?
  ) {
    self.source = source
    self.sums = sums
    self.grid = grid
    self.total = total
    self.onAllCores = onAllCores
    self.progress = progress
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
          try sums.add(outputs, of: windows, onAllCores: onAllCores)
          progress?(ProgressUpdate(stage: SlidingWindow.stage, completed: windows.upperBound, total: total))
        }
      }
    } catch {
      batches.fail(error)
    }
  }

  /// The means of all windows, once every predictor has returned.
  /// - Throws: the first error of any of them.
  func means() throws -> [Tensor] {
    try batches.finish()
    return try sums.means()
  }
}
