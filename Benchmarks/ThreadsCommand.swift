import ArgumentParser
import Engines
import Foundation
import Pipelines
import Tensors

/// The latency of Martlet's CPU engine with one thread beside several, run by run in turns.
struct ThreadsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "threads",
    abstract: "Compares the latency and the bits of Martlet's CPU engine with one thread and with several.")

  @Argument(help: "Folders that martlet reads, each with an input.npy for its network.")
  var bundles: [String]

  @Option(help: "Threads beside one. Default: all cores.")
  var threads: Int?

  @Option(help: "Runs of each, after one that isn't counted.")
  var rounds = 7

  func validate() throws {
    guard rounds > 0 else { throw ValidationError("--rounds must be at least 1") }
    guard threads ?? 2 > 1 else { throw ValidationError("--threads must be at least 2") }
  }

  func run() throws {
    for bundle in bundles { try compare(bundle) }
  }

  private func compare(_ bundle: String) throws {
    var comparison = try LatencyComparison(bundle: bundle)
    let counts = [1, threads ?? EngineOptions.usableCores]
    var sessions: [any Session] = []
    for count in counts {
      comparison.choice.options.threads = count
      sessions.append(try comparison.choice.compile(comparison.graph).makeSession())
    }
    let (medians, outputs) = try comparison.run(sessions, rounds: rounds)
    let isSame = zip(outputs[0], outputs[1]).allSatisfy { one, other in
      one.withUnsafeBytes { first in other.withUnsafeBytes { first.elementsEqual($0) } }
    }
    func number(_ value: Double, _ digits: Int) -> String {
      value.formatted(.number.precision(.fractionLength(digits)))
    }
    print(
      "\(bundle.split(separator: "/").last ?? ""): 1 thread \(number(medians[0], 1)) ms, \(counts[1]) threads "
        + "\(number(medians[1], 1)) ms, ratio \(number(medians[0] / medians[1], 2)), "
        + (isSame ? "the same bits" : "the outputs differ"))
  }
}
