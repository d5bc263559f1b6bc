import ArgumentParser
import Diagnostics
import Engines
import Foundation
import Graphs
import Pipelines
import Tensors

/// The latency of Martlet's CPU engine beside OpenVINO's, run by run in turns.
struct EnginesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engines",
    abstract: "Compares the latency of Martlet's CPU engine with OpenVINO's, measured and expected.")

  @Argument(help: "Folders that martlet reads, each with an input.npy for its network.")
  var bundles: [String]

  @Option(help: "Runs of each engine, after one that isn't counted.")
  var rounds = 7

  @Option(help: "Threads. Default: all cores.")
  var threads: Int?

  @Flag(help: "Print the plan of Martlet's engine.")
  var plan = false

  @Flag(help: "Print the time of each step of the plan.")
  var steps = false

  @Flag(help: "Leave OpenVINO out.")
  var nativeOnly = false

  @Flag(help: "Compare every value of the network with the reference interpreter's.")
  var check = false

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds must be at least 1") }
  }

  func run() throws {
    for bundle in bundles { try compare(bundle) }
  }

  private func compare(_ bundle: String) throws {
    var comparison = try LatencyComparison(bundle: bundle)
    let (input, graph) = (comparison.input, comparison.graph)
    comparison.choice.options.threads = threads
    let loading = ContinuousClock.now
    let native = try comparison.choice.compile(graph)
    let loadTime = ContinuousClock.now - loading
    if plan, let plan = native as? any PlannedEngine {
      print(try plan.planDescription([input.shape]))
    }
    if steps, let plan = native as? any PlannedEngine {
      for (step, seconds) in try plan.timedSteps([input]) where seconds > 0.0003 {
        print((seconds * 1000).formatted(.number.precision(.fractionLength(2))), "ms ", step)
      }
    }
    if check { try compareValues(graph, input) }
    var sessions = [try native.makeSession()]
    if !nativeOnly {
      comparison.choice.runtime = .openvino
      sessions.append(try comparison.choice.compile(graph).makeSession())
    }
    let (medians, outputs) = try comparison.run(sessions, rounds: rounds)
    func milliseconds(_ value: Double) -> String { value.formatted(.number.precision(.fractionLength(1))) + " ms" }
    var line = "\(bundle.split(separator: "/").last ?? ""): native \(milliseconds(medians[0]))"
    if medians.count > 1 {
      let ratio = (medians[1] / medians[0]).formatted(.number.precision(.fractionLength(2)))
      line += ", OpenVINO \(milliseconds(medians[1])), ratio \(ratio), difference \(difference(outputs[0], outputs[1]))"
    }
    if let planned = native as? any PlannedEngine {
      let (own, library) = planned.expectedSeconds
      line += ", expected \(milliseconds(own * 1000)) and \(milliseconds(library * 1000)), ratio "
      line += planned.expectedRatio.formatted(.number.precision(.fractionLength(2)))
    }
    print(line + ", load \(loadTime)")
  }

  /// Compares every value of the network with the interpreter's, one at a time as a further output.
  private func compareValues(_ graph: Graph, _ input: Tensor) throws {
    for node in graph.nodes {
      var extended = graph
      guard let value = node.outputs.first, graph.type(of: value).elementType == .float32,
        (try? extended.output(value, name: "checked")) != nil, let source = try? EngineSource(extended)
      else { continue }
      let native = try NativeBackend().compile(source, EngineOptions()).makeSession().run([input])
      let plain = try ReferenceBackend().compile(source, EngineOptions()).makeSession().run([input])
      guard let found = native.last, let expected = plain.last else { continue }
      print(node.name, node.operator, expected.shape, difference([found], [expected]), difference(native, plain))
    }
  }

  /// The largest difference of the first outputs over the largest element.
  private func difference(_ first: [Tensor], _ second: [Tensor]) -> String {
    let (a, b) = (first[0].array(of: Float.self), second[0].array(of: Float.self))
    let highest = b.reduce(0) { max($0, abs($1)) }
    let distance = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
    return (distance / highest).formatted(.number.notation(.scientific).precision(.significantDigits(2)))
  }
}
