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
  /// What was done, a line for each place: what `--dump-passes` writes above the graph.
  package var patches: [String]

  package init(_ graph: Graph, notes: [String] = [], patches: [String] = []) {
    self.graph = graph
    self.notes = notes
    self.patches = patches
  }
}

/// Applies passes in their order and verifies the graph after each that changed it.
package struct PassDriver: Sendable {
  package let passes: [any Pass]
  /// How often the list is gone through at most; it ends when no pass finds anything.
  package let rounds: Int

  package init(_ passes: [any Pass], rounds: Int = 1) {
    self.passes = passes
    self.rounds = rounds
  }

  /// - Parameter observer: Told of each pass that changed the graph, with its result.
  /// - Throws: ``PassError`` when a pass left an invalid graph; whatever a pass or the observer throws.
  package func run(
    _ graph: Graph, observer: (_ pass: String, _ result: PassResult) throws -> Void = { _, _ in }
  ) throws -> PassResult {
    var result = PassResult(graph)
    for _ in 0..<rounds {
      var isChanged = false
      for pass in passes {
        guard let next = try pass.apply(to: result.graph) else { continue }
        do { try next.graph.verify() } catch { throw PassError.invalidGraph(pass: pass.name, reason: "\(error)") }
        isChanged = true
        result.graph = next.graph
        result.notes += next.notes
        result.patches += next.patches
        try observer(pass.name, next)
      }
      if !isChanged { break }
    }
    return result
  }
}
