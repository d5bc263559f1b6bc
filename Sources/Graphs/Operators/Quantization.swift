// Numbers as integers and a scale: real = scale · (integer - zero point).
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html (opset 19), onnx__DequantizeLinear.html (19)

import OrderedCollections
import Tensors

let quantizationOperators = [
  OperatorDefinition("QuantizeLinear", since: 19, inputs: 2...3, attributes: ["axis": .int, "saturate": .int]) { call in
    let input = try call.input(0)
    let scale = try call.input(1)
    try call.requireFloatingPoint(input)
    let target = call.optionalInput(2)?.elementType ?? .uint8
    guard scale.elementType == input.elementType, target.isInteger else {
      throw call.error(
        "the scale is \(scale) and the zero point \(target)", expected: "the input's type and an integer")
    }
    try requireAxisParameters(call)
    return [TensorType(target, input.shape)]
  },
  OperatorDefinition("DequantizeLinear", since: 19, inputs: 2...3, attributes: ["axis": .int]) { call in
    let input = try call.input(0)
    let scale = try call.input(1)
    try call.requireFloatingPoint(scale)
    guard input.elementType.isInteger, call.optionalInput(2).map({ $0.elementType == input.elementType }) ?? true else {
      throw call.error("the input is \(input)", expected: "integers, and a zero point of their type")
    }
    try requireAxisParameters(call)
    return [TensorType(scale.elementType, input.shape)]
  },
]

/// A scale and a zero point are one number, or one for each entry of the axis.
private func requireAxisParameters(_ call: OperatorCall) throws {
  let input = try call.input(0)
  let scale = try call.input(1)
  if let zero = call.optionalInput(2), zero.shape != scale.shape {
    throw call.error("the zero point is \(zero) and the scale \(scale)", expected: "the same shape")
  }
  if scale.rank == 0 || scale.shape == [1] { return }
  let axis = try call.axis(call.int("axis", default: 1), rank: input.rank)
  guard scale.rank == 1, scale.shape[0] == input.shape[axis] else {
    throw call.error("the scale is \(scale)", expected: "one number, or \(input.shape[axis]) for axis \(axis)")
  }
}

extension Graph {
  /// The integers nearest to input / scale (ties to even) + zero point, held within their type.
  package mutating func quantize(_ input: Value, scale: Value, zeroPoint: Value, axis: Int = 1) throws -> Value {
    try apply("QuantizeLinear", [input, scale, zeroPoint], ["axis": .int(axis)])[0]
  }

  /// (input - zero point) · scale.
  package mutating func dequantize(_ input: Value, scale: Value, zeroPoint: Value?, axis: Int = 1) throws -> Value {
    try apply("DequantizeLinear", [input, scale] + (zeroPoint.map { [$0] } ?? []), ["axis": .int(axis)])[0]
  }
}
