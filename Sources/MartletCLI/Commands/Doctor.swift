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

      The exit code is 0 when a network can be run here, 69 when not.
      """)

  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    let choice = try engine.choice()
    let environment = Environment.examine(choice.backends)
    if printing.json {
      try Terminal.printJSON(environment)
    } else {
      let width = environment.checks.map(\.name.count).max() ?? 0
      for check in environment.checks {
        print("\(check.status.rawValue.padded(8))\(check.name.padded(width))  \(check.value)")
        if let remedy = check.remedy { print("\("".padded(8 + width))  → \(remedy)") }
      }
    }
    guard choice.isAnyAvailable else { throw ExitCode(Diagnosis.Kind.unavailable.exitCode) }
  }
}
