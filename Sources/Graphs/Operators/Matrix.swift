// Matrix products. https://onnx.ai/onnx/operators/onnx__MatMul.html (opset 13),
// https://onnx.ai/onnx/operators/onnx__Gemm.html (opset 13)

import OrderedCollections
import Tensors

let matrixOperators = [
  OperatorDefinition("MatMul", since: 13, inputs: 2...2) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == right.elementType, left.rank >= 2, right.rank >= 2,
      left.shape[left.rank - 1] == right.shape[right.rank - 2]
    else {
      throw call.error("\(left) can't be multiplied by \(right)", expected: "[…, m, k] and […, k, n]")
    }
    let batch = try broadcast(call, Array(left.shape.dropLast(2)), Array(right.shape.dropLast(2)))
    return [TensorType(left.elementType, batch + [left.shape[left.rank - 2], right.shape[right.rank - 1]])]
  },
  OperatorDefinition(
    "Gemm", since: 13, inputs: 2...3, attributes: ["alpha": .float, "beta": .float, "transA": .int, "transB": .int]
  ) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == right.elementType, left.rank == 2, right.rank == 2 else {
      throw call.error("the inputs are \(left) and \(right)", expected: "two matrices")
    }
    let (rows, inner) =
      call.int("transA", default: 0) == 0 ? (left.shape[0], left.shape[1]) : (left.shape[1], left.shape[0])
    let (depth, columns) =
      call.int("transB", default: 0) == 0 ? (right.shape[0], right.shape[1]) : (right.shape[1], right.shape[0])
    guard inner == depth else { throw call.error("\(left) can't be multiplied by \(right)") }
    let result = [rows, columns]
    if let bias = call.optionalInput(2), try broadcast(call, result, bias.shape) != result {
      throw call.error("the bias \(bias) doesn't broadcast to \(result)")
    }
    return [TensorType(left.elementType, result)]
  },
]

extension Graph {
  /// The matrix product of the last two axes, the others broadcast.
  package mutating func matmul(_ left: Value, _ right: Value) throws -> Value { try apply("MatMul", [left, right])[0] }

  /// `[N, in]` times the transpose of `weight` `[out, in]`, plus `bias` `[out]`.
  package mutating func gemm(_ input: Value, weight: Value, bias: Value?) throws -> Value {
    try apply("Gemm", [input, weight] + (bias.map { [$0] } ?? []), ["transB": .int(1)])[0]
  }
}
