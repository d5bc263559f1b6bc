package import Graphs
import OrderedCollections
import Tensors

/// Padding with zeros in front of a convolution becomes the convolution's own.
package struct PaddingFolding: RewriteRule {
  package let name = "padding-folding"
  package let operators: Set<String> = ["Conv"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let padding = index.producer(of: node.inputs[0], "Pad"), let (input, pads) = index.zeroPadding(padding),
      let weight = index.constant(node.inputs[1])?.shape.dimensions
    else { return nil }
    let rank = pads.count / 2
    guard [0, 1, rank, rank + 1].allSatisfy({ pads[$0] == 0 }) else { return nil }
    let own = node.ints("pads") ?? Array(repeating: 0, count: 2 * (rank - 2))
    let sums = zip(own, pads[2..<rank] + pads[(rank + 2)...]).map(+)
    // Engines needn't take windows that lie in the padding alone.
    let dilations = node.ints("dilations") ?? Array(repeating: 1, count: rank - 2)
    let reaches = zip(weight.dropFirst(2), dilations).map { ($0 - 1) * $1 }
    guard zip(sums, reaches + reaches).allSatisfy({ $0 <= $1 }) else { return nil }
    let others = node.inputs.dropFirst().map(\.self)
    return Patch("\(padding.name) into \(node.name)", operands: [input] + others.compactMap(\.self)) { rebuilder in
      var attributes = node.attributes
      attributes["pads"] = .ints(sums)
      let inputs = try [rebuilder.value(input)] + others.map { value in try value.map { try rebuilder.value($0) } }
      return [try rebuilder.apply("Conv", inputs, attributes, named: node.name)]
    }
  }
}
