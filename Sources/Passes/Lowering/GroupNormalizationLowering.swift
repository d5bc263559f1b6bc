package import Graphs
import OrderedCollections
import Tensors

/// Group normalisation with operators that read the channels as they lie: for OpenVINO.
///
/// Its CPU plugin keeps large images with the channels innermost; the reshape to groups and back makes it copy them to
/// the plain layout and back, a fifth of SegResNet's time. Here the means are pooled window by window, a 1×1
/// convolution averages them over each group's channels, and each channel gets its factor and addend:
///
///     mean = average(pool(x)), variance = average(pool((x - mean)²)), f = scale / √(variance + ε)
///     y = x · f + (bias - mean · f)
///
/// Pooling in steps sums at most some hundred numbers at a time. One mean over all positions, which the plugin sums
/// number by number, would be off by 2e-4.
package struct GroupNormalizationLowering: RewriteRule {
  package let name = "group-normalization-lowering"
  package let operators: Set<String> = ["Reshape", "Mul", "Add"]

  package init() {}

  /// Fewer positions aren't worth it.
  private static let smallestCount = 512
  /// Elements along an axis that one pooling takes at most, where the extent has such a divisor.
  private static let largestWindow = 8

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let norm = GroupNormalizationPattern(endingWith: node, index), norm.type.elementType == .float32,
      (4...5).contains(norm.type.rank), let channels = norm.type.shape[1].constant
    else { return nil }
    let extents = norm.type.spatial.compactMap(\.constant)
    guard extents.count == norm.type.rank - 2, extents.reduce(1, *) >= Self.smallestCount else { return nil }
    return Patch(norm.name, operands: [norm.input]) { rebuilder in
      let input = try rebuilder.value(norm.input)
      let ones = Array(repeating: 1, count: extents.count)
      func constant(_ numbers: [Float], _ shape: [Int], _ name: String) -> Value {
        rebuilder.graph.constant(Tensor(numbers, Shape(shape)), name: "\(node.name)/\(name)")
      }
      let average = constant(Self.averages(channels, norm.groups), [channels, channels] + ones, "groups")
      let epsilon = constant([norm.epsilon], [], "epsilon")
      let two = constant([2], [], "two")
      let scale = constant(norm.scale, [1, channels] + ones, "scale")
      let bias = constant(norm.bias, [1, channels] + ones, "bias")
      func apply(_ name: String, _ inputs: [Value], _ suffix: String) throws -> Value {
        try rebuilder.apply(name, inputs, named: "\(node.name)/\(suffix)")
      }
      func mean(_ value: Value, _ suffix: String) throws -> Value {
        var (result, rest) = (value, extents)
        while rest.contains(where: { $0 > 1 }) {
          let window = rest.map(Self.window)
          result = try rebuilder.apply(
            "AveragePool", [result], ["kernel_shape": .ints(window), "strides": .ints(window)],
            named: "\(node.name)/\(suffix)/AveragePool")
          rest = zip(rest, window).map { $0 / $1 }
        }
        return try apply("Conv", [result, average], suffix)
      }
      let means = try mean(input, "mean")
      let square = try apply("Pow", [apply("Sub", [input, means], "centred"), two], "square")
      let root = try apply("Sqrt", [apply("Add", [mean(square, "variance"), epsilon], "sum")], "root")
      let factors = try apply("Div", [scale, root], "factors")
      let addends = try apply("Sub", [bias, apply("Mul", [means, factors], "offset")], "addends")
      return [try rebuilder.apply("Add", [apply("Mul", [input, factors], "scaled"), addends], named: node.name)]
    }
  }

  /// The largest divisor that one pooling takes; an extent without one at once.
  private static func window(_ extent: Int) -> Int {
    (2...largestWindow).last { extent % $0 == 0 } ?? extent
  }

  /// The weight of a 1×1 convolution that gives each channel the mean over its group.
  private static func averages(_ channels: Int, _ groups: Int) -> [Float] {
    let size = channels / groups
    return (0..<channels * channels).map { place in
      place / channels / size == place % channels / size ? 1 / Float(size) : 0
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
