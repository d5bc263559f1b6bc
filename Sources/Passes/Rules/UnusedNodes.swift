package import Graphs
import OrderedCollections

/// Leaves out the nodes that no output depends on.
package struct UnusedNodes: Pass {
  package let name = "unused-nodes"

  package init() {}

  package func apply(to graph: Graph) throws -> PassResult? {
    var result = graph
    result.removeUnusedNodes()
    let count = graph.nodes.count - result.nodes.count
    return count == 0 ? nil : PassResult(result, patches: ["\(count) nodes left out"])
  }
}
