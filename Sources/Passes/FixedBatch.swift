package import Graphs

/// Gives the symbols of a graph's shapes (the batch) fixed values, so that an engine can be tuned for one shape.
package struct FixedBatch: Pass {
  package let name = "fixed-batch"
  package let batch: Int

  package init(_ batch: Int) { self.batch = batch }

  /// - Throws: ``PassError/unboundSymbol(input:shape:)`` when an input has another symbol than `batch`.
  package func apply(to graph: Graph) throws -> PassResult? {
    for input in graph.inputs {
      let type = graph.type(of: input)
      guard type.shape.allSatisfy({ $0.evaluated(["batch": batch]) != nil }) else {
        throw PassError.unboundSymbol(input: graph.name(of: input), shape: "\(type)")
      }
    }
    return try FixedSymbols(["batch": batch]).apply(to: graph)
  }
}

/// Gives symbols of a graph's shapes fixed values; others stay.
package struct FixedSymbols: Pass {
  package let name = "fixed-symbols"
  private let values: [String: Dimension]

  package init(_ values: [String: Int]) { self.values = values.mapValues { Dimension($0) } }

  package func apply(to graph: Graph) throws -> PassResult? {
    var rebuilder = GraphRebuilder(graph)
    var isChanged = false
    for input in graph.inputs {
      var type = graph.type(of: input)
      type.shape = type.shape.map { $0.substituting(values) }
      if type != graph.type(of: input) { isChanged = true }
      rebuilder.map(input, to: try rebuilder.graph.input(graph.name(of: input), type))
    }
    guard isChanged else { return nil }
    for node in graph.nodes { try rebuilder.copy(node) }
    return PassResult(try rebuilder.finished())
  }
}
