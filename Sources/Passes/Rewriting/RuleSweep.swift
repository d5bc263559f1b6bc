package import Graphs

/// One rule, asked at every node of a graph, and all of its patches applied at once.
///
/// Patches may overlap: each says what stands for a value in terms of other values of the old graph, all of which have
/// something that stands for them. Nodes that nothing needs afterwards are left out.
package struct RuleSweep: Pass {
  private let rule: any RewriteRule

  package var name: String { rule.name }

  package init(_ rule: any RewriteRule) { self.rule = rule }

  package func apply(to graph: Graph) throws -> PassResult? {
    let index = GraphIndex(graph)
    let operators = rule.operators
    var patches: [Int: Patch] = [:]
    for (place, node) in graph.nodes.enumerated() where operators.contains(node.operator) {
      if let patch = try rule.patch(node, index) { patches[place] = patch }
    }
    guard !patches.isEmpty else { return nil }
    let live = liveNodes(graph, patches)
    var labels: [String] = []
    var rebuilder = try GraphRebuilder(copyingInputsOf: graph)
    for (place, node) in graph.nodes.enumerated() where live[place] {
      guard let patch = patches[place] else {
        try rebuilder.copy(node)
        continue
      }
      let results = try patch.build(&rebuilder)
      guard results.map({ rebuilder.graph.type(of: $0) }) == node.outputs.map({ graph.type(of: $0) }) else {
        throw PassError.invalidGraph(pass: name, reason: "\(patch.label): the result has another type")
      }
      for (old, new) in zip(node.outputs, results) { rebuilder.map(old, to: new) }
      labels.append(patch.label)
    }
    guard !labels.isEmpty else { return nil }
    return PassResult(try rebuilder.finished(), patches: labels)
  }

  /// For each node, whether an output needs it once the patches are applied.
  private func liveNodes(_ graph: Graph, _ patches: [Int: Patch]) -> [Bool] {
    var needed = Set(graph.outputs.map(\.value))
    var live = graph.nodes.map { _ in false }
    for (place, node) in graph.nodes.enumerated().reversed() where node.outputs.contains(where: needed.contains) {
      live[place] = true
      needed.formUnion(patches[place]?.operands ?? node.inputs.compactMap(\.self))
    }
    return live
  }
}
