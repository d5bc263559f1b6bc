import Pipelines
import Tensors

/// The window functions `f` and `f2` of `Tools/goldens/make_windows.py`: their values depend on the position within
/// the window.
final class RampPredictor: WindowPredictor {
  private let outputCount: Int
  /// Called before each batch, with its number of windows.
  private let beforeBatch: (Int) throws -> Void

  init(outputCount: Int = 1, beforeBatch: @escaping (Int) throws -> Void = { _ in }) {
    self.outputCount = outputCount
    self.beforeBatch = beforeBatch
  }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws {
    try beforeBatch(batch.shape[0])
    let values = batch.array(of: Float.self)
    let (windows, channels) = (batch.shape[0], batch.shape[1])
    let volume = batch.count / windows / channels
    let ramp = (0..<volume).map { Float($0) / Float(volume) }
    var first = [Float](repeating: 0, count: 2 * values.count)
    var second = [Float](repeating: 0, count: windows * volume)
    for window in 0..<windows {
      for channel in 0..<channels {
        let source = (window * channels + channel) * volume
        let scaled = (window * 2 * channels + channel) * volume
        let shifted = scaled + channels * volume
        let mean = Float(values[source..<source + volume].reduce(0.0) { $0 + Double($1) } / Double(volume))
        for place in 0..<volume {
          first[scaled + place] = values[source + place] * (1 + ramp[place])
          first[shifted + place] = mean + ramp[place]
          second[window * volume + place] += 2 * values[source + place]
        }
      }
      for place in 0..<volume { second[window * volume + place] -= ramp[place] }
    }
    var shape = batch.shape
    shape[1] = 2 * channels
    outputs = [Tensor(first, shape)]
    guard outputCount == 2 else { return }
    shape[1] = 1
    outputs.append(Tensor(second, shape))
  }
}
