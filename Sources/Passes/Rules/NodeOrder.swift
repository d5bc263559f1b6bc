package import Graphs

/// Puts each node as late as its first reader allows, a node's operands one after the other.
///
/// Engines that keep the order then hold fewer values at a time, and the same network has the same order wherever it
/// comes from: PyTorch's exporters write the short branch of a residual block first, whose result waits for the long one.
/// A sum's first operand is computed first here, which is the long branch.
package struct NodeOrder: Pass {
  package let name = "node-order"

  package init() {}

  package func apply(to graph: Graph) throws -> PassResult? {
    let order = Self.order(of: graph)
    let moved = zip(order, order.indices).count { $0 != $1 }
    guard moved > 0 else { return nil }
    var rebuilder = try GraphRebuilder(copyingInputsOf: graph)
    for place in order { try rebuilder.copy(graph.nodes[place]) }
    return PassResult(try rebuilder.finished(), patches: ["\(moved) nodes moved"])
  }

  /// The places of the nodes that outputs depend on: each behind all of its operands, depth first.
  private static func order(of graph: Graph) -> [Int] {
    var producers: [Value: Int] = [:]
    for (place, node) in graph.nodes.enumerated() { for output in node.outputs { producers[output] = place } }
    var isSeen = graph.nodes.map { _ in false }
    var order: [Int] = []
    order.reserveCapacity(graph.nodes.count)
    for (_, output) in graph.outputs {
      // Nodes that wait for their operands, each with the next one to look at.
      var waiting: [(place: Int, operand: Int)] = []
      func visit(_ value: Value?) {
        guard let value, let place = producers[value], !isSeen[place] else { return }
        isSeen[place] = true
        waiting.append((place, 0))
      }
      visit(output)
      while let (place, operand) = waiting.last {
        let inputs = graph.nodes[place].inputs
        if operand < inputs.count {
          waiting[waiting.count - 1].operand += 1
          visit(inputs[operand])
        } else {
          waiting.removeLast()
          order.append(place)
        }
      }
    }
    return order
  }
}
