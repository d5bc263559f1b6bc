package import Tensors

/// A network as an inferer calls it: one compiled session with buffers of its own.
///
/// An inferer that is given several predictors calls each from one thread at a time.
package protocol WindowPredictor: AnyObject {
  /// Runs the network on `batch`, float32 `[B, C, …]`, contiguous.
  ///
  /// - Parameter outputs: empty at the first call; later what the last call left there, so that its memory can be
  ///   used again. Afterwards one tensor `[B, K, …]` per output of the network, always in the same order.
  ///
  /// B may be smaller in the last call. `batch` is overwritten after the call: a predictor that keeps it makes
  /// the next one a copy.
  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws
}
