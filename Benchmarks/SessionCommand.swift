import Archives
import ArgumentParser
import Engines
import Foundation
import Pipelines
import Tensors

extension Runtime: ExpressibleByArgument {}

/// Runs a session as often as it is told, so that another program can take turns with it.
struct SessionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "session",
    abstract: "Times single runs of a bundle's network, as many as each line of standard input says.",
    discussion: """
      Example:
        echo 5 | martlet-benchmarks session Examples/brain-tissue --input x.npy --output y.npy

      The first line of its output holds the engine's settings, each further line the milliseconds of the runs that a
      line of its input asked for. The last output is written when the input ends. Tools/compare/engine_overhead.py
      drives it.
      """)

  @Argument(help: "The bundle's folder.")
  var bundle: String

  @Option(help: "The network's input, .npy.")
  var input: String

  @Option(help: "The file for the network's first output, .npy.")
  var output: String

  @Option(help: "The engine: \(Runtime.allCases.map(\.rawValue).joined(separator: ", ")).")
  var runtime = Runtime.auto

  @Option(help: "Threads. Default: all cores.")
  var threads: Int?

  func run() throws {
    let tensor = try Npy.read(path: input).converted(to: .float32).contiguous()
    var options = NetworkOptions()
    options.inputShape = tensor.shape.dimensions
    let graph = try NetworkSource(try Model(path: bundle), options).graph()
    var choice = EngineChoice()
    choice.runtime = runtime
    choice.options.threads = threads
    choice.options.batch = tensor.shape[0]
    let engine = try choice.compile(graph)
    let session = try engine.makeSession()
    try printJSON(Dictionary(engine.settings.map { ($0.name, $0.value) }) { first, _ in first })
    fflush(nil)
    var outputs: [Tensor] = []
    let clock = ContinuousClock()
    while let line = readLine() {
      guard let count = Int(line), count > 0 else { throw ValidationError("'\(line)' is no number of runs") }
      let times = try (0..<count).map { _ in
        try clock.measure { try session.run([tensor], into: &outputs) } / .milliseconds(1)
      }
      try printJSON(times)
      fflush(nil)
    }
    if let first = outputs.first { try Npy.write(first, to: output) }
  }
}
