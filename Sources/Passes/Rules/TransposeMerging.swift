package import Graphs
import OrderedCollections

/// A transposition of a transposition is one.
package struct TransposeMerging: RewriteRule {
  package let name = "transpose-merging"
  package let operators: Set<String> = ["Transpose"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let first = index.producer(of: node.inputs[0], "Transpose"), let input = first.inputs[0],
      let inner = first.ints("perm"), let outer = node.ints("perm")
    else { return nil }
    let order = outer.map { inner[$0] }
    return Patch("\(first.name) and \(node.name)", operands: [input]) { rebuilder in
      [try rebuilder.apply("Transpose", [rebuilder.value(input)], ["perm": .ints(order)], named: node.name)]
    }
  }
}
