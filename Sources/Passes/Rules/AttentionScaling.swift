package import Graphs
import OrderedCollections
import Tensors

/// Brings attention to one form: softmax(q·kᵀ [+ mask]) · v with the only factor on the queries.
///
/// A factor on the scores is a product for each pair of positions, on the queries for each of their channels; PyTorch's
/// exports have one on the queries and one on the keys. Attention stays in these operators: opset 20 has no fused one,
/// and the engines fuse this form themselves.
package struct AttentionScaling: RewriteRule {
  package let name = "attention-scaling"
  package let operators: Set<String> = ["MatMul", "Mul", "Div"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    node.operator == "MatMul" ? twoFactors(node, index) : factorOnScores(node, index)
  }

  /// (a·q)·(b·kᵀ) = (ab·q)·kᵀ
  private func twoFactors(_ node: Node, _ index: GraphIndex) -> Patch? {
    guard let left = node.inputs[0], let right = node.inputs[1], index.isReadOnce(left), index.isReadOnce(right),
      let first = index.scaling(index.producer(of: left)), let second = index.scaling(index.producer(of: right))
    else { return nil }
    return product(first.input, second.input, first.factor * second.factor, node.name, index)
  }

  /// s·(q·kᵀ) = (s·q)·kᵀ where that is the smaller tensor.
  private func factorOnScores(_ node: Node, _ index: GraphIndex) -> Patch? {
    guard let scaling = index.scaling(node), let matmul = index.producer(of: scaling.input, "MatMul"),
      index.isReadOnce(scaling.input), let left = matmul.inputs[0], let right = matmul.inputs[1],
      index.constant(left) == nil, index.constant(right) == nil
    else { return nil }
    let (queries, scores) = (index.graph.type(of: left), index.graph.type(of: scaling.input))
    guard let depth = queries.shape.last?.constant, let keys = scores.shape.last?.constant, depth < keys else {
      return nil
    }
    return product(left, right, scaling.factor, node.name, index)
  }

  private func product(
    _ queries: Value, _ keys: Value, _ factor: Double, _ name: String, _ index: GraphIndex
  ) -> Patch {
    let type = index.graph.type(of: queries).elementType
    return Patch("the factor of \(name)", operands: [queries, keys]) { rebuilder in
      let number = rebuilder.graph.constant(
        Tensor(scalar: Float(factor)).converted(to: type), name: "\(name)/factor")
      let scaled = try rebuilder.apply("Mul", [rebuilder.value(queries), number], named: "\(name)/Mul")
      return [try rebuilder.apply("MatMul", [scaled, rebuilder.value(keys)], named: name)]
    }
  }
}
