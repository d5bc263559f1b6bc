package import Graphs
import OrderedCollections
import Tensors

/// Writes large instance normalisations as means along one axis after the other.
///
/// OpenVINO adds a channel's values up one by one in float32. On scans, where most voxels are background and so nearly
/// equal, the rounding errors of such a sum all go the same way: a normalisation of 64³ voxels is off by 1e-4, where means
/// along the axes, which add a few hundred numbers at a time, are exact to 2e-6.
package struct AxiswiseNormalization: Pass {
  package let name = "axiswise-normalization"

  /// Channels of fewer values are left alone.
  private static let smallest = 1 << 12

  package init() {}

  package func apply(to graph: Graph) throws -> PassResult? {
    guard graph.nodes.contains(where: { Self.isLarge($0, graph) }) else { return nil }
    var rebuilder = GraphRebuilder(graph)
    for input in graph.inputs {
      rebuilder.map(input, to: try rebuilder.graph.input(graph.name(of: input), graph.type(of: input)))
    }
    for node in graph.nodes {
      var inputs: [Value?] = []
      for input in node.inputs { inputs.append(try input.map { try rebuilder.value($0) }) }
      if Self.isLarge(node, graph), let output = node.outputs.first, let input = inputs[0], let scale = inputs[1],
        let bias = inputs[2]
      {
        let new = try Self.normalize(input, scale, bias, epsilon: Self.epsilon(node), in: &rebuilder.graph)
        rebuilder.map(output, to: new)
        continue
      }
      for (old, new) in zip(node.outputs, try rebuilder.append(node, inputs: inputs)) { rebuilder.map(old, to: new) }
    }
    for (name, value) in graph.outputs { try rebuilder.graph.output(rebuilder.value(value), name: name) }
    return PassResult(rebuilder.graph)
  }

  /// Whether the node normalises many values per channel, in float32 and of known extents.
  private static func isLarge(_ node: Node, _ graph: Graph) -> Bool {
    guard node.operator == "InstanceNormalization", node.inputs.count == 3, let input = node.inputs[0] else {
      return false
    }
    let type = graph.type(of: input)
    let extents = type.shape.dropFirst().compactMap(\.constant)
    return type.elementType == .float32 && type.shape.count > 2 && extents.count == type.shape.count - 1
      && extents.dropFirst().reduce(1, *) >= smallest
  }

  private static func epsilon(_ node: Node) -> Float {
    if case .float(let value)? = node.attributes["epsilon"] { return value }
    // The operator's default.
    return 1e-5
  }

  private static func normalize(
    _ input: Value, _ scale: Value, _ bias: Value, epsilon: Float, in graph: inout Graph
  ) throws -> Value {
    let shape = graph.type(of: input).shape
    var extents = shape.dropFirst().compactMap(\.constant)
    // The groups of a group normalisation have one long axis.
    if extents.count == 2 {
      let length = extents[1]
      let divisor = (1...max(Int(Double(length).squareRoot()), 1)).last { length % $0 == 0 } ?? 1
      extents = [extents[0], divisor, length / divisor]
    }
    let isReshaped = extents.count + 1 != shape.count
    let values = isReshaped ? try graph.reshape(input, [-1] + extents) : input
    let axes = Array((2...extents.count).reversed())
    func mean(_ value: Value) throws -> Value {
      try axes.reduce(value) { try graph.reduceMean($0, axes: [$1]) }
    }
    let centred = try graph.subtract(values, try mean(values))
    let variance = try mean(try graph.multiply(centred, centred))
    let room = graph.constant([epsilon], name: "epsilon")
    let deviation = try graph.sqrt(try graph.add(variance, room))
    let perChannel = [1, extents[0]] + Array(repeating: 1, count: extents.count - 1)
    var result = try graph.divide(centred, deviation)
    if !isFilled(scale, with: 1, graph) {
      result = try graph.multiply(result, try graph.reshape(scale, perChannel))
    }
    if !isFilled(bias, with: 0, graph) { result = try graph.add(result, try graph.reshape(bias, perChannel)) }
    return isReshaped ? try graph.reshape(result, to: shape) : result
  }

  private static func isFilled(_ value: Value, with number: Float, _ graph: Graph) -> Bool {
    graph.constant(value)?.array(of: Float.self).allSatisfy { $0 == number } ?? false
  }
}
