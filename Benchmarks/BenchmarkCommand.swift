import ArgumentParser

@main
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet-benchmarks",
    abstract: "Times the stages of the pipeline and the engines.",
    subcommands: [StagesCommand.self, SessionCommand.self, EnginesCommand.self, ThreadsCommand.self],
    defaultSubcommand: StagesCommand.self)
}
