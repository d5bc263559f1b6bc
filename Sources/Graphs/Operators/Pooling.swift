// Pooling over windows and over all positions. https://onnx.ai/onnx/operators/onnx__MaxPool.html (opset 12),
// https://onnx.ai/onnx/operators/onnx__AveragePool.html (opset 19), GlobalAveragePool 1, GlobalMaxPool 1

import OrderedCollections
import Tensors

let poolingOperators = [
  OperatorDefinition("MaxPool", since: 12, inputs: 1...1, attributes: poolingAttributes, rule: slidingWindow),
  OperatorDefinition(
    "AveragePool", since: 19, inputs: 1...1,
    attributes: poolingAttributes.merging(["count_include_pad": .int]) { first, _ in first }, rule: slidingWindow),
  OperatorDefinition("GlobalAveragePool", since: 1, inputs: 1...1, rule: overAllPositions),
  OperatorDefinition("GlobalMaxPool", since: 1, inputs: 1...1, rule: overAllPositions),
]

private let poolingAttributes: [String: Attribute.Kind] = [
  "kernel_shape": .ints, "strides": .ints, "dilations": .ints, "pads": .ints, "ceil_mode": .int,
]

@Sendable private func slidingWindow(_ call: OperatorCall) throws -> [TensorType] {
  let input = try call.input(0)
  // The greatest of integers is one; their mean isn't.
  if call.operator != "MaxPool" { try call.requireFloatingPoint(input) }
  let rank = input.rank - 2
  guard rank >= 1, let kernel = call.ints("kernel_shape"), kernel.count == rank, kernel.allSatisfy({ $0 >= 1 }) else {
    throw call.error(
      "kernel_shape is missing or doesn't fit the input \(input)", expected: "one number per spatial axis")
  }
  guard call.int("ceil_mode", default: 0) == 0 else {
    throw call.error("ceil_mode is on", expected: "padding at the end instead, which all engines agree on")
  }
  let strides = try call.spatialInts("strides", count: rank, default: 1, minimum: 1)
  let dilations = try call.spatialInts("dilations", count: rank, default: 1, minimum: 1)
  let pads = try call.spatialInts("pads", count: 2 * rank, default: 0, minimum: 0)
  let spatial = try (0..<rank).map { axis in
    try call.windowed(
      input.shape[axis + 2], window: dilations[axis] * (kernel[axis] - 1) + 1, stride: strides[axis],
      padding: pads[axis] + pads[axis + rank])
  }
  return [TensorType(input.elementType, Array(input.shape.prefix(2)) + spatial)]
}

@Sendable private func overAllPositions(_ call: OperatorCall) throws -> [TensorType] {
  let input = try call.input(0)
  try call.requireFloatingPoint(input)
  guard input.rank >= 3 else { throw call.error("the input is \(input)", expected: "[N, C, spatial…]") }
  return [TensorType(input.elementType, Array(input.shape.prefix(2)) + input.spatial.map { _ in Dimension(1) })]
}

extension Graph {
  /// The greatest element of each window of `[N, C, spatial…]`; `padding` is for both sides of each axis.
  /// `isCeiling` lets the last window reach past the end, as PyTorch's `ceil_mode` does; that is written as padding at
  /// the end, for which the spatial extents must be fixed.
  package mutating func maxPool(
    _ input: Value, kernel: [Int], strides: [Int]? = nil, padding: [Int]? = nil, dilations: [Int]? = nil,
    isCeiling: Bool = false
  ) throws -> Value {
    let strides = strides ?? kernel
    let padding = padding ?? kernel.map { _ in 0 }
    let dilations = dilations ?? kernel.map { _ in 1 }
    var end = padding
    if isCeiling {
      for (axis, extent) in type(of: input).spatial.enumerated() where axis < kernel.count {
        guard let extent = extent.constant else { continue }
        let reach = extent + 2 * padding[axis] - dilations[axis] * (kernel[axis] - 1) - 1
        var windows = (reach + strides[axis] - 1) / strides[axis] + 1
        // A window that would begin in the padding behind the end is left out.
        if (windows - 1) * strides[axis] >= extent + padding[axis] { windows -= 1 }
        end[axis] = max((windows - 1) * strides[axis] - reach + padding[axis], padding[axis])
      }
    }
    var attributes: OrderedDictionary<String, Attribute> = [
      "kernel_shape": .ints(kernel), "strides": .ints(strides), "pads": .ints(padding + end),
    ]
    if dilations.contains(where: { $0 != 1 }) { attributes["dilations"] = .ints(dilations) }
    return try apply("MaxPool", [input], attributes)[0]
  }

  /// The mean of each window of `[N, C, spatial…]`; padding counts as zeros unless `countsPadding` is false.
  package mutating func averagePool(
    _ input: Value, kernel: [Int], strides: [Int]? = nil, padding: [Int]? = nil, countsPadding: Bool = true
  ) throws -> Value {
    let padding = padding ?? kernel.map { _ in 0 }
    return try apply(
      "AveragePool", [input],
      [
        "kernel_shape": .ints(kernel), "strides": .ints(strides ?? kernel), "pads": .ints(padding + padding),
        "count_include_pad": .int(countsPadding ? 1 : 0),
      ])[0]
  }

  /// `[N, C, spatial…]` to `[N, C, 1…]`.
  package mutating func globalAveragePool(_ input: Value) throws -> Value { try apply("GlobalAveragePool", [input])[0] }
  /// `[N, C, spatial…]` to `[N, C, 1…]`.
  package mutating func globalMaxPool(_ input: Value) throws -> Value { try apply("GlobalMaxPool", [input])[0] }
}
