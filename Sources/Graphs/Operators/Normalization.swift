// Normalisations. https://onnx.ai/onnx/operators/ (BatchNormalization 15, InstanceNormalization 6,
// LayerNormalization 17, LRN 13)

import OrderedCollections
import Tensors

let normalizationOperators = [
  OperatorDefinition("BatchNormalization", since: 15, inputs: 5...5, attributes: ["epsilon": .float]) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    let channels = try call.channels(input)
    for index in 1...4 {
      let parameter = try call.input(index)
      guard parameter.constantShape == [channels] else {
        throw call.error("parameter \(index) is \(parameter)", expected: "[\(channels)], one number per channel")
      }
    }
    return [input]
  },
  OperatorDefinition("InstanceNormalization", since: 6, inputs: 3...3, attributes: ["epsilon": .float]) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    let channels = try call.channels(input)
    for index in 1...2 {
      let parameter = try call.input(index)
      guard parameter.constantShape == [channels] else {
        throw call.error("parameter \(index) is \(parameter)", expected: "[\(channels)], one number per channel")
      }
    }
    return [input]
  },
  OperatorDefinition(
    "LayerNormalization", since: 17, inputs: 2...3, attributes: ["axis": .int, "epsilon": .float]
  ) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    let axis = try call.axis(call.int("axis", default: -1), rank: input.rank)
    for index in 1..<call.inputs.count {
      let parameter = try call.input(index)
      guard parameter.shape == Array(input.shape[axis...]) else {
        throw call.error("parameter \(index) is \(parameter)", expected: "the shape \(input.shape[axis...])")
      }
    }
    return [input]
  },
  OperatorDefinition(
    "LRN", since: 13, inputs: 1...1, attributes: ["size": .int, "alpha": .float, "beta": .float, "bias": .float]
  ) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    guard call.int("size", default: 0) >= 1 else { throw call.error("size is missing or below 1") }
    return [input]
  },
]

extension Graph {
  /// (x - mean) / √(variance + ε) · scale + bias, per channel of `[N, C, …]`, with the given statistics `[C]`.
  package mutating func batchNormalization(
    _ input: Value, scale: Value, bias: Value, mean: Value, variance: Value, epsilon: Float
  ) throws -> Value {
    try apply("BatchNormalization", [input, scale, bias, mean, variance], ["epsilon": .float(epsilon)])[0]
  }

  /// (x - mean) / √(variance + ε) · scale + bias with the statistics of each sample's channel.
  package mutating func instanceNormalization(
    _ input: Value, scale: Value, bias: Value, epsilon: Float
  ) throws -> Value {
    try apply("InstanceNormalization", [input, scale, bias], ["epsilon": .float(epsilon)])[0]
  }

  /// Normalisation over the axes from `axis` on; scale and bias have their shape.
  package mutating func layerNormalization(
    _ input: Value, scale: Value, bias: Value?, axis: Int, epsilon: Float
  ) throws -> Value {
    try apply(
      "LayerNormalization", [input, scale] + (bias.map { [$0] } ?? []),
      ["axis": .int(axis), "epsilon": .float(epsilon)])[0]
  }

  /// Group normalisation of `[N, C, …]` (https://arxiv.org/abs/1803.08494): the statistics are over each group of
  /// channels with all its positions; scale and bias are `[C]`, or nil for none. Written with the operators that
  /// every engine has: the groups become the channels of an instance normalisation.
  package mutating func groupNormalization(
    _ input: Value, groups: Int, scale: Value?, bias: Value?, epsilon: Float
  ) throws -> Value {
    let type = type(of: input)
    guard groups >= 1, type.rank >= 3, let channels = type.shape[1].constant, channels % groups == 0 else {
      throw GraphError.invalidNode(
        node: "GroupNormalization", operator: "Reshape", reason: "\(groups) groups of the channels of \(type)",
        expected: "a divisor of the number of channels")
    }
    if let scale, let bias, type.shape[1] == Dimension(groups) {
      return try instanceNormalization(input, scale: scale, bias: bias, epsilon: epsilon)
    }
    let ones = constant(Array(repeating: Float(1), count: groups), name: "ones")
    let zeros = constant(Array(repeating: Float(0), count: groups), name: "zeros")
    let grouped = try reshape(input, [0, groups, -1])
    let normalized = try instanceNormalization(grouped, scale: ones, bias: zeros, epsilon: epsilon)
    var result = try reshape(normalized, to: type.shape)
    let perChannel = [-1] + Array(repeating: 1, count: type.rank - 2)
    if let scale { result = try multiply(result, reshape(scale, perChannel)) }
    if let bias { result = try add(result, reshape(bias, perChannel)) }
    return result
  }

  /// `torch.nn.LocalResponseNorm`: x / (bias + alpha · mean of the squares of `size` neighbouring channels)^beta.
  ///
  /// A window of even size reaches one channel further back than ahead, where ONNX's does the opposite and engines
  /// disagree; it is written as a 1×1 convolution of the squares.
  package mutating func localResponseNormalization(
    _ input: Value, size: Int, alpha: Float, beta: Float, bias: Float
  ) throws -> Value {
    let type = type(of: input)
    guard size % 2 == 0, size > 0, type.rank > 2, let channels = type.shape[1].constant else {
      return try apply(
        "LRN", [input],
        ["size": .int(size), "alpha": .float(alpha), "beta": .float(beta), "bias": .float(bias)])[0]
    }
    var band = Array(repeating: Float(0), count: channels * channels)
    for channel in 0..<channels {
      for neighbour in max(0, channel - size / 2)..<min(channels, channel + (size + 1) / 2) {
        band[channel * channels + neighbour] = alpha / Float(size)
      }
    }
    let ones = Array(repeating: 1, count: type.rank - 2)
    let weight = constant(band, shape: Shape([channels, channels] + ones), name: "window")
    let offset = constant(Array(repeating: bias, count: channels), shape: [channels], name: "k")
    let sums = try conv(
      multiply(input, input), weight: weight, bias: offset, strides: ones, padding: ones.map { _ in 0 },
      dilations: ones, groups: 1)
    return try divide(input, apply("Pow", [sums, constant([beta], shape: [], name: "beta")])[0])
  }
}
