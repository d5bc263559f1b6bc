package import Arguments
package import Diagnostics
package import Tensors

/// Gives the whole image to the network at once, as `monai.inferers.SimpleInferer` does.
package struct SimpleInferer: Inferer {
  package init() {}

  /// - Throws: `ArgumentError`; the class has no arguments.
  package init(_ component: Component) throws {
    try ArgumentReader(component).finish()
  }

  package func batchShape(for input: Shape) -> Shape { input }

  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], progress: ProgressObserver? = nil
  ) throws -> [Tensor] {
    guard let predictor = predictors.first else { throw SlidingWindowError.noPredictor }
    guard input.count > 0 else { throw SlidingWindowError.emptyInput(input.shape) }
    try Cancellation.check()
    progress?(ProgressUpdate(stage: SlidingWindow.stage, completed: 0, total: 1))
    var outputs: [Tensor] = []
    try predictor.predict(input.converted(to: .float32).contiguous(), into: &outputs)
    guard !outputs.isEmpty else { throw SlidingWindowError.noOutput }
    progress?(ProgressUpdate(stage: SlidingWindow.stage, completed: 1, total: 1))
    return outputs.map { $0.converted(to: .float32).contiguous() }
  }
}
