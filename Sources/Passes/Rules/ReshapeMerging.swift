package import Graphs
import OrderedCollections
import Tensors

/// Changes of shape behind each other are one.
package struct ReshapeMerging: RewriteRule {
  package let name = "reshape-merging"
  package let operators: Set<String> = ["Reshape", "Flatten", "Squeeze", "Unsqueeze"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let first = index.producer(of: node.inputs[0], "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
      let input = first.inputs[0], !isGrouping(node, index),
      let shape = Self.operand(index.graph.type(of: node.outputs[0]), from: index.graph.type(of: input))
    else { return nil }
    return Patch("\(first.name) and \(node.name)", operands: [input]) { rebuilder in
      let operand = rebuilder.graph.constant(Tensor(shape, [shape.count]), name: "\(node.name)/shape")
      return [try rebuilder.apply("Reshape", [rebuilder.value(input), operand], named: node.name)]
    }
  }

  /// Whether the node makes the groups of a group normalisation, which engines recognise by the shape before it.
  private func isGrouping(_ node: Node, _ index: GraphIndex) -> Bool {
    index.onlyReader(of: node.outputs[0])?.operator == "InstanceNormalization"
  }

  /// Reshape's operand for the result `type`; nil when more extents are open than it can tell.
  static func operand(_ type: TensorType, from input: TensorType) -> [Int64]? {
    var numbers: [Int64] = []
    var isOpen = false
    for (axis, extent) in type.shape.enumerated() {
      if let number = extent.constant {
        // 0 means the input's extent.
        guard number > 0 else { return nil }
        numbers.append(Int64(number))
      } else if axis < input.rank, input.shape[axis] == extent {
        numbers.append(0)
      } else {
        guard !isOpen else { return nil }
        isOpen = true
        numbers.append(-1)
      }
    }
    return numbers
  }
}
