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
        martlet inspect Examples/data/t1_sample.nii.gz
      """)

  @Argument(help: "The file or folder.")
  var path: String

  @Flag(help: "Prints the network's graph, a line per node.")
  var graph = false

  @OptionGroup var network: NetworkArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    if graph {
      let dump = try NetworkSource(try Model(path: path), try network.options()).graph().dump
      return try printing.show(dump.hasSuffix("\n") ? String(dump.dropLast()) : dump)
    }
    let inspection = try Inspection(path: path, try network.options())
    try printing.show(inspection, inspection.text)
  }
}
