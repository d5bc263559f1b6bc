import Diagnostics
import Dispatch
package import Graphs

/// What an export to ONNX did.
package struct OnnxExport: Sendable {
  package let graph: Graph
  package let path: String
  package let byteCount: Int
  /// Where the input shape came from.
  package let shapeOrigin: String
  package let seconds: Double

  /// Builds the graph of `model`'s network and writes it to `path`, whole or not at all.
  /// - Throws: what is wrong with the model; `FileError` when the file can't be written.
  package init(_ model: Model, _ options: NetworkOptions, to path: String) throws {
    var times = StageTimes()
    (graph, byteCount, shapeOrigin) = try times.measure("export") {
      let source = try NetworkSource(model, options)
      let graph = try source.graph()
      let writer = try ONNXWriter(graph)
      try writer.write(to: path)
      return (graph, writer.byteCount, source.inputShape?.origin ?? "")
    }
    self.path = path
    seconds = times.stages[0].seconds
  }
}
