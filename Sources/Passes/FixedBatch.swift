package import Graphs

/// Gives the symbols of a graph's shapes (the batch) fixed values, so that an engine can be tuned for one shape.
package struct FixedBatch: Pass {
  package let name = "fixed-batch"
  package let batch: Int

  package init(_ batch: Int) { self.batch = batch }

  /// - Throws: ``PassError/unboundSymbol(input:shape:)`` when an input has another symbol than `batch`.
  package func apply(to graph: Graph) throws -> PassResult? {
    guard graph.inputs.contains(where: { graph.type(of: $0).constantShape == nil }) else { return nil }
    var rebuilder = GraphRebuilder(graph)
    for input in graph.inputs {
      var type = graph.type(of: input)
      type.shape = try type.shape.map { extent in
        guard let number = extent.evaluated(["batch": batch]) else {
          throw PassError.unboundSymbol(input: graph.name(of: input), shape: "\(type)")
        }
        return Dimension(number)
      }
      rebuilder.map(input, to: try rebuilder.graph.input(graph.name(of: input), type))
    }
    for node in graph.nodes { try rebuilder.copy(node) }
    return PassResult(try rebuilder.finished())
  }
}
