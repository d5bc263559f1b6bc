import ArgumentParser
import Graphs
import Pipelines

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Shows what is inside: a bundle, a checkpoint, a scan, an array.",
    discussion: """
      Examples:
        martlet inspect Examples/brain-tissue
        martlet inspect Examples/brain-tissue --graph
        martlet inspect Examples/brain-tissue --plan --input-shape 1,1,96,96,96
        martlet inspect Examples/data/t1_sample.nii.gz
      """)

  @Argument(help: "The file or folder.")
  var path: String

  @Flag(help: "Prints the network's graph, a line per node.")
  var graph = false

  @Flag(help: "Prints how Martlet's own engine computes the network, a line per step, with the times of one run.")
  var plan = false

  @Option(help: "With --plan, the input's shape. Default: the network's own.")
  var inputShape: String?

  @OptionGroup var network: NetworkArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    if plan {
      let source = try NetworkSource(try Model(path: path), try network.options(inputShape: inputShape))
      let batch = try inputShape.map { try OptionError.numbers($0, option: "--input-shape")[0] } ?? 1
      let report = try NativePlanReport(source, batch: max(batch, 1)).text
      return try printing.show(report)
    }
    if graph {
      let dump = try NetworkSource(try Model(path: path), try network.options()).graph().dump
      return try printing.show(dump.hasSuffix("\n") ? String(dump.dropLast()) : dump)
    }
    let inspection = try Inspection(path: path, try network.options())
    try printing.show(inspection, inspection.text)
  }
}
