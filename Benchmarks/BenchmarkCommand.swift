import ArgumentParser

@main
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet-benchmarks",
    abstract: "Times the stages of the pipeline.",
    subcommands: [StagesCommand.self, SessionCommand.self],
    defaultSubcommand: StagesCommand.self)
}
