import Engines
import Tensors

/// How Martlet's own CPU engine computes a network, with the times of one run on noise.
package struct NativePlanReport {
  package let text: String

  /// - Parameter batch: Samples of the inputs.
  /// - Throws: `EngineError` when the engine refuses the network; `ModelError` when an input's shape is open.
  package init(_ source: NetworkSource, batch: Int) throws {
    var options = EngineOptions()
    options.batch = batch
    let engine = try NativeBackend().compile(try EngineSource(try source.graph()), options)
    guard let planned = engine as? any PlannedEngine else {
      throw EngineError.networkRefused(backend: NativeBackend().title, reason: "it has no plan")
    }
    text = try planned.planDescription(timedWith: try engine.inputs.map { try Noise.tensor($0, batch: batch) })
  }
}
