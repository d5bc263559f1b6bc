package import Graphs
import OrderedCollections

/// Nodes that give back their input: dropout that was read as the identity, casts to the same type, slices of
/// everything, sums with 0, products with 1.
package struct IdentityRemoval: RewriteRule {
  package let name = "identity-removal"
  package let operators: Set<String> = [
    "Identity", "Cast", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Concat", "Pad",
    "Expand", "Tile", "Clip", "Add", "Sub", "Mul", "Div", "Pow",
  ]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let input = givenBack(by: node, index), index.graph.type(of: input) == index.graph.type(of: node.outputs[0])
    else { return nil }
    return .replacement(node.name, by: input)
  }

  /// The operand whose elements are the result's, as long as the types are equal.
  private func givenBack(by node: Node, _ index: GraphIndex) -> Value? {
    switch node.operator {
    case "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Pad", "Expand", "Tile":
      return node.inputs[0]
    case "Transpose":
      let order = node.ints("perm") ?? []
      return order == Array(order.indices) && !order.isEmpty ? node.inputs[0] : nil
    case "Split", "Concat":
      return node.inputs.count == (node.operator == "Split" ? 2 : 1) && node.outputs.count == 1
        ? node.inputs[0] : nil
    case "Clip": return node.inputs.dropFirst().allSatisfy { $0 == nil } ? node.inputs[0] : nil
    default: return neutralOperand(node, index)
    }
  }

  private func neutralOperand(_ node: Node, _ index: GraphIndex) -> Value? {
    guard let pair = index.constantOperand(of: node), let number = index.uniform(pair.constant) else { return nil }
    let isRight = node.inputs[1] == pair.constant
    switch node.operator {
    case "Add": return number == 0 ? pair.other : nil
    case "Sub": return number == 0 && isRight ? pair.other : nil
    case "Mul": return number == 1 ? pair.other : nil
    case "Div", "Pow": return number == 1 && isRight ? pair.other : nil
    default: return nil
    }
  }
}
