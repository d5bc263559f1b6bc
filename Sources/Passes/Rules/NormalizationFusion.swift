package import Graphs
import OrderedCollections
import Tensors

/// (x - mean) / √(variance + ε) written out is a normalisation: over the last axes a LayerNormalization, over the
/// positions of each channel an InstanceNormalization, which group normalisation is on groups for channels. Factors and
/// addends behind it are left to ``AffineFolding``.
package struct NormalizationFusion: RewriteRule {
  package let name = "normalization-fusion"
  package let operators: Set<String> = ["Div", "Mul"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let (centred, root) = parts(of: node, index), let sum = index.producer(of: root, "Add"),
      let epsilon = index.constantOperand(of: sum), let number = index.scalar(epsilon.constant), number >= 0,
      let variance = mean(epsilon.other, index), isSquare(variance.input, of: centred, index),
      let difference = index.producer(of: centred, "Sub"), let input = difference.inputs[0],
      let average = difference.inputs[1].flatMap({ mean($0, index) }), average.input == input,
      average.axes == variance.axes
    else { return nil }
    let type = index.graph.type(of: input)
    guard average.axes == Array((average.axes.first ?? type.rank)..<type.rank), let first = average.axes.first,
      type.elementType == .float32
    else { return nil }
    let epsilonValue = Float(number)
    let label = "\(difference.name) to \(node.name)"
    if first == 2, let channels = type.shape[1].constant, isPerChannel(node, type, index) {
      return Patch(label, operands: [input]) { rebuilder in
        let scale = rebuilder.filled([channels], 1, "\(node.name)/ones")
        let bias = rebuilder.filled([channels], 0, "\(node.name)/zeros")
        return [
          try rebuilder.apply(
            "InstanceNormalization", [rebuilder.value(input), scale, bias], ["epsilon": .float(epsilonValue)],
            named: node.name)
        ]
      }
    }
    guard first > 0 else { return nil }
    let shape = type.shape[first...].compactMap(\.constant)
    guard shape.count == type.rank - first, shape.reduce(1, *) <= 1 << 20 else { return nil }
    return Patch(label, operands: [input]) { rebuilder in
      let scale = rebuilder.filled(Shape(shape), 1, "\(node.name)/ones")
      return [
        try rebuilder.apply(
          "LayerNormalization", [rebuilder.value(input), scale],
          ["axis": .int(first), "epsilon": .float(epsilonValue)], named: node.name)
      ]
    }
  }

  /// The numerator and what stands below the root: of d / √v, d · 1/√v, d · v^-½.
  private func parts(of node: Node, _ index: GraphIndex) -> (centred: Value, root: Value)? {
    guard let left = node.inputs[0], let right = node.inputs[1] else { return nil }
    func power(_ value: Value, _ exponent: Double) -> Value? {
      guard let node = index.producer(of: value, "Pow"), index.scalar(node.inputs[1]) == exponent else { return nil }
      return node.inputs[0]
    }
    func root(_ value: Value) -> Value? { index.producer(of: value, "Sqrt")?.inputs[0] ?? power(value, 0.5) }
    if node.operator == "Div" { return root(right).map { (left, $0) } }
    func inverseRoot(_ value: Value) -> Value? {
      if let reciprocal = index.producer(of: value, "Reciprocal")?.inputs[0] { return root(reciprocal) }
      if let division = index.producer(of: value, "Div"), index.scalar(division.inputs[0]) == 1 {
        return division.inputs[1].flatMap(root)
      }
      return power(value, -0.5)
    }
    return inverseRoot(right).map { (left, $0) } ?? inverseRoot(left).map { (right, $0) }
  }

  /// What a mean that keeps its axes is over.
  private func mean(_ value: Value, _ index: GraphIndex) -> (input: Value, axes: [Int])? {
    guard let node = index.producer(of: value, "ReduceMean"), let input = node.inputs[0],
      node.int("keepdims") ?? 1 == 1,
      let axes = index.ints(node.inputs[1]), !axes.isEmpty
    else { return nil }
    let rank = index.graph.type(of: input).rank
    return (input, axes.map { $0 < 0 ? $0 + rank : $0 }.sorted())
  }

  private func isSquare(_ value: Value, of centred: Value, _ index: GraphIndex) -> Bool {
    guard let node = index.producer(of: value, "Mul", "Pow"), let base = node.inputs[0] else { return false }
    guard isSame(base, centred, index) else { return false }
    return node.operator == "Mul" ? node.inputs[1] == base : index.scalar(node.inputs[1]) == 2
  }

  /// PyTorch's exporter may write the difference twice.
  private func isSame(_ first: Value, _ second: Value, _ index: GraphIndex) -> Bool {
    if first == second { return true }
    guard let left = index.producer(of: first, "Sub"), let right = index.producer(of: second, "Sub") else {
      return false
    }
    return left.inputs == right.inputs
  }

  /// Whether positions of channels are meant where the last axis could be too: by the factors behind, or because the
  /// channels are groups.
  private func isPerChannel(_ node: Node, _ type: TensorType, _ index: GraphIndex) -> Bool {
    if type.rank > 3 { return true }
    if let next = index.onlyReader(of: node.outputs[0]), next.operator == "Mul",
      let pair = index.constantOperand(of: next), let shape = index.constant(pair.constant)?.shape.dimensions
    {
      return shape.count >= 2 && shape.last == 1 && shape[shape.count - 2] > 1
    }
    return index.onlyReader(of: node.outputs[0])?.operator == "Reshape"
  }
}

extension GraphRebuilder {
  /// A constant with the same number everywhere.
  mutating func filled(_ shape: Shape, _ number: Float, _ name: String) -> Value {
    graph.constant(Tensor(Array(repeating: number, count: shape.count), shape), name: name)
  }
}
