import ArgumentParser
import Bundles
import Files
import Pipelines

struct Transform: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Applies one Compose of a config to a scan, to see what the network would see.",
    discussion: """
      Examples:
        martlet transform Examples/brain-tissue --id preprocessing --input scan.nii.gz --output seen.nii.gz
        martlet transform Examples/brain-tissue --id postprocessing --input scan.nii.gz --pred pred.npy --output out.npy
      """)

  @Argument(help: "A bundle's folder or a config file.")
  var config: String

  @Option(help: "The entry that is a Compose.")
  var id = "preprocessing"

  @Option(name: .shortAndLong, help: "The scan.")
  var input: String

  @Option(help: "The network's output, [C, X, Y, Z]; the Compose is then applied to it.")
  var pred: String?

  @Option(name: .shortAndLong, help: "The file to write: .nii, .nii.gz, or .npy with .affine.npy beside it.")
  var output: String

  @Option(help: ArgumentHelp("Replaces a config entry: a#b=value.", valueName: "a#b=value"))
  var set: [String] = []

  @OptionGroup var printing: OutputArguments

  func run() throws {
    let overrides = try set.map { try ConfigOverride(parsing: $0) }
    let display = ProgressDisplay(title: Paths.name(of: input), isQuiet: printing.quiet)
    defer { display.finish() }
    let files = try TransformRun(config: config, id: id, overrides: overrides).run(
      scan: input, prediction: pred, output: output, progress: display.observer)
    display.finish()
    try printing.show(["files": files], files.joined(separator: "\n"))
  }
}
