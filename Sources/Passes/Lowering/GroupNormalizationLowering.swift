package import Graphs
import Tensors

/// Group normalisation in pooled form, ``PooledNormalization``: for OpenVINO.
///
/// Its CPU plugin keeps large images with the channels innermost; the reshape to groups and back makes it copy them to
/// the plain layout and back, a fifth of SegResNet's time.
package struct GroupNormalizationLowering: RewriteRule {
  package let name = "group-normalization-lowering"
  package let operators: Set<String> = ["Reshape", "Mul", "Add"]

  package init() {}

  /// Fewer positions aren't worth it.
  private static let smallestCount = 512

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let norm = GroupNormalizationPattern(endingWith: node, index), norm.type.elementType == .float32,
      (4...5).contains(norm.type.rank), let channels = norm.type.shape[1].constant
    else { return nil }
    let extents = norm.type.spatial.compactMap(\.constant)
    guard extents.count == norm.type.rank - 2, extents.reduce(1, *) >= Self.smallestCount else { return nil }
    let normalization = PooledNormalization(
      channels: channels, groups: norm.groups, extents: extents, epsilon: norm.epsilon, name: node.name)
    return Patch(norm.name, operands: [norm.input]) { rebuilder in
      let scale = normalization.constant(norm.scale, [1, channels], "scale", in: &rebuilder)
      let bias = normalization.constant(norm.bias, [1, channels], "bias", in: &rebuilder)
      let input = try rebuilder.value(norm.input)
      return [try normalization.append(to: &rebuilder, input: input, scale: scale, bias: bias)]
    }
  }
}

/// Group normalisation as the graph has it: a reshape to groups, an instance normalisation without parameters, the
/// reshape back, and a factor and an addend for each channel that may be missing.
struct GroupNormalizationPattern {
  let input: Value
  /// Of the input and the result.
  let type: TensorType
  let groups: Int
  let epsilon: Float
  let scale: [Float]
  let bias: [Float]
  let name: String

  init?(endingWith node: Node, _ index: GraphIndex) {
    var last = node
    var factors: [String: [Float]] = [:]
    for step in ["Add", "Mul"] where last.operator == step {
      guard let pair = index.constantOperand(of: last), let numbers = Self.perChannel(pair.constant, last, index),
        index.isReadOnce(pair.other), let previous = index.producer(of: pair.other, "Mul", "Reshape")
      else { return nil }
      factors[step] = numbers
      last = previous
    }
    guard last.operator == "Reshape", let norm = index.producer(of: last.inputs[0], "InstanceNormalization"),
      index.isReadOnce(norm.outputs[0]), norm.inputs[1].flatMap(index.uniform) == 1,
      norm.inputs[2].flatMap(index.uniform) == 0, let grouping = index.producer(of: norm.inputs[0], "Reshape"),
      let source = grouping.inputs[0]
    else { return nil }
    let (type, grouped) = (index.graph.type(of: source), index.graph.type(of: grouping.outputs[0]))
    guard type == index.graph.type(of: node.outputs[0]), grouped.rank >= 3, grouped.shape[0] == type.shape[0],
      type.rank >= 3, let count = grouped.shape[1].constant, let channels = type.shape[1].constant,
      channels % count == 0
    else { return nil }
    input = source
    self.type = type
    groups = count
    epsilon = norm.float("epsilon") ?? 1e-5
    scale = factors["Mul"] ?? Array(repeating: 1, count: channels)
    bias = factors["Add"] ?? Array(repeating: 0, count: channels)
    name = norm.name
  }

  /// A constant with one number for each channel of the node's result.
  private static func perChannel(_ value: Value, _ node: Node, _ index: GraphIndex) -> [Float]? {
    let type = index.graph.type(of: node.outputs[0])
    guard let tensor = index.constant(value), tensor.elementType == .float32, type.rank >= 3,
      let channels = type.shape[1].constant
    else { return nil }
    let shape = tensor.shape.dimensions
    let padded = Array(repeating: 1, count: max(0, type.rank - shape.count)) + shape
    guard padded.count == type.rank, padded[1] == channels, tensor.count == channels else { return nil }
    return tensor.array(of: Float.self)
  }
}
