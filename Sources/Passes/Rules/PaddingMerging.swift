package import Graphs
import OrderedCollections

/// The sum of two tensors that are padded alike with zeros is their sum, padded.
package struct PaddingMerging: RewriteRule {
  package let name = "padding-merging"
  package let operators: Set<String> = ["Add"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    let paddings = node.inputs.compactMap { index.producer(of: $0, "Pad") }
    guard paddings.count == 2, paddings.allSatisfy({ index.isReadOnce($0.outputs[0]) }),
      let first = index.zeroPadding(paddings[0]), let second = index.zeroPadding(paddings[1]),
      first.pads == second.pads, index.graph.type(of: first.input) == index.graph.type(of: second.input),
      let pads = paddings[0].inputs[1]
    else { return nil }
    let names = paddings.map(\.name)
    return Patch("\(names[0]) and \(names[1])", operands: [first.input, second.input, pads]) { rebuilder in
      let sum = try rebuilder.apply(
        "Add", [rebuilder.value(first.input), rebuilder.value(second.input)], named: node.name)
      return [try rebuilder.apply("Pad", [sum, rebuilder.value(pads)], named: names[0])]
    }
  }
}

extension GraphIndex {
  /// What a node pads with zeros, and by how much: the elements in front of all axes, then those behind.
  func zeroPadding(_ node: Node?) -> (input: Value, pads: [Int])? {
    guard let node, node.operator == "Pad", let input = node.inputs[0],
      node.string("mode") ?? "constant" == "constant", let pads = ints(node.inputs[1]),
      node.inputs.count < 3 || node.inputs[2] == nil || scalar(node.inputs[2]) == 0
    else { return nil }
    return (input, pads)
  }
}
