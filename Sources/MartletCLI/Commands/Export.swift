import ArgumentParser
import Diagnostics
import Graphs
import Pipelines

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a network.",
    discussion: """
      Example:
        martlet export Examples/brain-tissue --target onnx --output brain.onnx

      The batch stays open; the spatial size is the inferer's window, what the metadata says, or --input-shape.
      """)

  enum Target: String, ExpressibleByArgument, CaseIterable { case onnx }

  @Argument(help: "A bundle's folder, or a checkpoint together with --config-file.")
  var model: String

  @Option(help: "What to make: onnx.")
  var target: Target

  @Option(name: .shortAndLong, help: "The file to write.")
  var output: String

  @Option(help: "The input's shape, N,C,D,H,W; or the spatial extents alone.")
  var inputShape: String?

  @OptionGroup var network: NetworkArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    let export = try OnnxExport(try Model(path: model), try network.options(inputShape: inputShape), to: output)
    let facts = Facts(export)
    if printing.json { return try Terminal.printJSON(facts) }
    print(facts.text)
    if !printing.quiet {
      Terminal.printError(
        "not verified: this version has no engine of its own to compare an ONNX model with; "
          + "compare with PyTorch's output by: martlet infer MODEL --inputs x.npy --reference y.npy --output DIR")
    }
  }

  private struct Facts: Encodable {
    var path: String
    var network: String
    var nodes: Int
    var inputs: [String]
    var outputs: [String]
    var inputShapeFrom: String
    var bytes: Int
    var seconds: Double

    init(_ export: OnnxExport) {
      let graph = export.graph
      path = export.path
      network = graph.name
      nodes = graph.nodes.count
      inputs = graph.inputs.map { "\(graph.name(of: $0)): \(graph.type(of: $0))" }
      outputs = graph.outputs.map { "\($0.name): \(graph.type(of: $0.value))" }
      inputShapeFrom = export.shapeOrigin
      bytes = export.byteCount
      seconds = export.seconds
    }

    var text: String {
      """
      \(path): \(network), \(nodes) nodes, \(bytes.byteText), in \(seconds.fixed(3)) s
        in   \(inputs.joined(separator: ", "))  (size from \(inputShapeFrom))
        out  \(outputs.joined(separator: ", "))
      """
    }
  }
}
