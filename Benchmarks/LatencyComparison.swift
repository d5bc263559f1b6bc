import Archives
import Engines
import Graphs
import Pipelines
import Tensors

/// A network with an input, and what sessions of it take, run by run in turns.
struct LatencyComparison {
  let input: Tensor
  let graph: Graph
  /// As a run compiles it: optimised, and in the engine's own forms.
  var choice = EngineChoice()

  /// - Parameter bundle: A folder that martlet reads, with an input.npy for its network.
  init(bundle: String) throws {
    input = try Npy.read(path: bundle + "/input.npy").converted(to: .float32)
    var options = NetworkOptions()
    options.inputShape = input.shape.dimensions
    graph = try NetworkSource(try Model(path: bundle), options).graph()
    choice.options.batch = input.shape[0]
    choice.runtime = .native
  }

  /// The median milliseconds of each session over `rounds` runs, after one that isn't counted, and its last outputs.
  func run(_ sessions: [any Session], rounds: Int) throws -> (medians: [Double], outputs: [[Tensor]]) {
    var outputs = sessions.map { _ in [Tensor]() }
    var times = sessions.map { _ in [Double]() }
    let clock = ContinuousClock()
    for _ in 0...rounds {
      for (index, session) in sessions.enumerated() {
        times[index].append(try clock.measure { try session.run([input], into: &outputs[index]) } / .milliseconds(1))
      }
    }
    return (times.map { $0.dropFirst().sorted()[rounds / 2] }, outputs)
  }
}
