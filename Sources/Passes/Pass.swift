package import Graphs

/// One rewrite of a whole graph. Each stands in a file of its own and knows nothing of the others.
package protocol Pass: Sendable {
  /// As `--dump-passes` and error messages call it: `half-precision`.
  var name: String { get }
  /// The graph after the rewrite; nil when there is nothing to do. The driver verifies the result.
  func apply(to graph: Graph) throws -> PassResult?
}

/// What a pass made of a graph.
package struct PassResult: Sendable {
  package var graph: Graph
  /// What a person should know of it: weights that don't fit, nodes that stay in another type.
  package var notes: [String]

  package init(_ graph: Graph, notes: [String] = []) {
    self.graph = graph
    self.notes = notes
  }
}

/// Applies passes in their order and verifies the graph after each that changed it.
package struct PassDriver: Sendable {
  package let passes: [any Pass]

  package init(_ passes: [any Pass]) { self.passes = passes }

  /// - Parameter observer: Told of each pass that changed the graph, with the graph after it.
  /// - Throws: ``PassError`` when a pass left an invalid graph; whatever a pass or the observer throws.
  package func run(
    _ graph: Graph, observer: (_ pass: String, _ graph: Graph) throws -> Void = { _, _ in }
  ) throws -> PassResult {
    var result = PassResult(graph)
    for pass in passes {
      guard let next = try pass.apply(to: result.graph) else { continue }
      do { try next.graph.verify() } catch { throw PassError.invalidGraph(pass: pass.name, reason: "\(error)") }
      result.graph = next.graph
      result.notes += next.notes
      try observer(pass.name, next.graph)
    }
    return result
  }
}
