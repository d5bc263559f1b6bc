import OrderedCollections

// Convolutions. https://onnx.ai/onnx/operators/onnx__Conv.html (opset 11),
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html (opset 11)

let convolutionOperators = [
  OperatorDefinition("Conv", since: 11, inputs: 2...3, attributes: convolutionAttributes) { call in
    let input = try call.input(0)
    let weight = try convolutionWeight(call)
    let rank = input.rank - 2
    let group = call.int("group", default: 1)
    let channels = try call.channels(input)
    guard group >= 1, weight[0] % group == 0, channels == weight[1] * group else {
      throw call.error(
        "\(channels) input channels in \(group) groups don't fit the weight \(weight)",
        expected: "weight [out, in / groups, kernel…]")
    }
    try requireBias(call, count: weight[0])
    let strides = try call.spatialInts("strides", count: rank, default: 1, minimum: 1)
    let dilations = try call.spatialInts("dilations", count: rank, default: 1, minimum: 1)
    let pads = try call.spatialInts("pads", count: 2 * rank, default: 0, minimum: 0)
    let spatial = try (0..<rank).map { axis in
      let reach = dilations[axis] * (weight[axis + 2] - 1) + 1
      return try call.windowed(
        input.shape[axis + 2], window: reach, stride: strides[axis], padding: pads[axis] + pads[axis + rank])
    }
    return [TensorType(input.elementType, [input.shape[0], Dimension(weight[0])] + spatial)]
  },
  OperatorDefinition(
    "ConvTranspose", since: 11, inputs: 2...3,
    attributes: convolutionAttributes.merging(["output_padding": .ints]) { first, _ in first }
  ) { call in
    let input = try call.input(0)
    let weight = try convolutionWeight(call)
    let rank = input.rank - 2
    let group = call.int("group", default: 1)
    let channels = try call.channels(input)
    guard group >= 1, channels == weight[0], channels % group == 0 else {
      throw call.error(
        "\(channels) input channels in \(group) groups don't fit the weight \(weight)",
        expected: "weight [in, out / groups, kernel…]")
    }
    try requireBias(call, count: weight[1] * group)
    let strides = try call.spatialInts("strides", count: rank, default: 1, minimum: 1)
    let dilations = try call.spatialInts("dilations", count: rank, default: 1, minimum: 1)
    let pads = try call.spatialInts("pads", count: 2 * rank, default: 0, minimum: 0)
    let outputPadding = try call.spatialInts("output_padding", count: rank, default: 0, minimum: 0)
    let spatial = (0..<rank).map { axis in
      let reach = dilations[axis] * (weight[axis + 2] - 1) + 1 + outputPadding[axis] - pads[axis] - pads[axis + rank]
      return (input.shape[axis + 2] - 1) * Dimension(strides[axis]) + Dimension(reach)
    }
    return [TensorType(input.elementType, [input.shape[0], Dimension(weight[1] * group)] + spatial)]
  },
]

private let convolutionAttributes: [String: Attribute.Kind] = [
  "kernel_shape": .ints, "strides": .ints, "dilations": .ints, "pads": .ints, "group": .int,
]

/// The weight's extents, of the rank that the input asks for.
private func convolutionWeight(_ call: OperatorCall) throws -> [Int] {
  let input = try call.input(0)
  let weight = try call.input(1)
  try call.requireFloatingPoint(input)
  guard let shape = weight.constantShape, shape.count == input.rank, shape.count >= 3, shape.allSatisfy({ $0 > 0 }),
    weight.elementType == input.elementType
  else {
    throw call.error(
      "the weight is \(weight) for the input \(input)", expected: "a weight of the input's rank and type")
  }
  if let kernel = call.ints("kernel_shape"), kernel != Array(shape[2...]) {
    throw call.error("kernel_shape is \(kernel)", expected: "\(shape[2...])")
  }
  return shape
}

private func requireBias(_ call: OperatorCall, count: Int) throws {
  guard let bias = call.optionalInput(2) else { return }
  guard bias.constantShape == [count] else { throw call.error("the bias is \(bias)", expected: "[\(count)]") }
}

extension OperatorCall {
  /// The extent after sliding a window: floor((extent + padding - window) / stride) + 1. A symbolic extent must
  /// divide exactly.
  func windowed(_ extent: Dimension, window: Int, stride: Int, padding: Int) throws -> Dimension {
    if let number = extent.constant {
      guard number + padding >= window else {
        throw error("a window of \(window) doesn't fit the extent \(number) with padding \(padding)")
      }
      return Dimension((number + padding - window) / stride + 1)
    }
    let reach = extent + Dimension(padding - window)
    guard let steps = reach.exactQuotient(by: Dimension(stride)) else {
      throw error(
        "the extent \(extent) can't be divided by the stride \(stride) for every value", expected: "a fixed extent")
    }
    return steps + 1
  }
}

extension Graph {
  /// Convolution of `[N, C, spatial…]` with a weight `[out, C / groups, kernel…]`; `padding` is for both sides of
  /// each axis. Output `[N, out, spatial…]`.
  package mutating func conv(
    _ input: Value, weight: Value, bias: Value? = nil, strides: [Int]? = nil, padding: [Int]? = nil,
    dilations: [Int]? = nil, groups: Int = 1
  ) throws -> Value {
    try apply(
      "Conv", [input, weight] + (bias.map { [$0] } ?? []),
      convolutionArguments(input, weight, strides, padding, dilations, groups))[0]
  }

  /// Transposed convolution of `[N, C, spatial…]` with a weight `[C, out / groups, kernel…]`. Output extents are
  /// (extent - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1.
  package mutating func convTranspose(
    _ input: Value, weight: Value, bias: Value? = nil, strides: [Int]? = nil, padding: [Int]? = nil,
    outputPadding: [Int]? = nil, dilations: [Int]? = nil, groups: Int = 1
  ) throws -> Value {
    var arguments = convolutionArguments(input, weight, strides, padding, dilations, groups)
    if let outputPadding { arguments["output_padding"] = .ints(outputPadding) }
    return try apply("ConvTranspose", [input, weight] + (bias.map { [$0] } ?? []), arguments)[0]
  }

  private func convolutionArguments(
    _ input: Value, _ weight: Value, _ strides: [Int]?, _ padding: [Int]?, _ dilations: [Int]?, _ groups: Int
  ) -> OrderedDictionary<String, Attribute> {
    let rank = max(type(of: input).rank - 2, 0)
    let ones = Array(repeating: 1, count: rank)
    let padding = padding ?? Array(repeating: 0, count: rank)
    var arguments: OrderedDictionary<String, Attribute> = [:]
    if let kernel = type(of: weight).constantShape { arguments["kernel_shape"] = .ints(Array(kernel.dropFirst(2))) }
    arguments["strides"] = .ints(strides ?? ones)
    arguments["pads"] = .ints(padding + padding)
    arguments["dilations"] = .ints(dilations ?? ones)
    arguments["group"] = .int(groups)
    return arguments
  }
}
