import ArgumentParser
import Diagnostics
import Engines
import Pipelines

struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what this machine can do, and what is missing.",
    discussion: """
      Example:
        martlet doctor --json
        martlet doctor --require tensorrt-rtx

      The exit code is 0 when a network can be run or exported to an engine here, 69 when not. With --require it is 0
      only when all that is named can be used: the library is here, and for tensorrt a GPU, which it needs to build.
      """)

  @Option(help: "What must be usable: openvino, tensorrt-rtx, tensorrt. May be repeated.")
  var require: [String] = []

  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    let choice = try engine.choice()
    let known = choice.backends.map(\.name)
    for name in require where !known.contains(name) { throw OptionError.unknownTarget(name, known: known) }
    let environment = Environment.examine(choice.backends)
    try printing.show(environment, Self.text(environment))
    let isReady = require.isEmpty ? choice.isAnyAvailable : require.allSatisfy { choice.isUsable($0) }
    guard isReady else { throw ExitCode(Diagnosis.Kind.unavailable.exitCode) }
  }

  private static func text(_ environment: Environment) -> String {
    let width = environment.checks.map(\.name.count).max() ?? 0
    let lines = environment.checks.flatMap { check in
      ["\(check.status.rawValue.padded(8))\(check.name.padded(width))  \(check.value)"]
        + (check.remedy.map { ["\("".padded(8 + width))  → \($0)"] } ?? [])
    }
    return lines.joined(separator: "\n")
  }
}
