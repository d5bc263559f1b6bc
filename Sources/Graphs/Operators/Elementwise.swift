// Arithmetic with NumPy's broadcasting. https://onnx.ai/onnx/repo-docs/Broadcasting.html

import OrderedCollections
import Tensors

let elementwiseOperators = ["Add", "Sub", "Mul", "Div", "Pow"].map { name in
  OperatorDefinition(name, since: name == "Pow" ? 15 : 14, inputs: 2...2) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == right.elementType else {
      throw call.error("the inputs are \(left.elementType) and \(right.elementType)", expected: "the same element type")
    }
    return [TensorType(left.elementType, try broadcast(call, left.shape, right.shape))]
  }
}

/// The common shape of two operands: aligned at the last axis, an extent of 1 stretches.
func broadcast(_ call: OperatorCall, _ left: [Dimension], _ right: [Dimension]) throws -> [Dimension] {
  let rank = max(left.count, right.count)
  let padded = [left, right].map { Array(repeating: Dimension(1), count: rank - $0.count) + $0 }
  return try zip(padded[0], padded[1]).map { first, second in
    if first == second || second == 1 { return first }
    guard first == 1 else {
      throw call.error("the shapes \(left) and \(right) don't broadcast", expected: "equal extents, or 1")
    }
    return second
  }
}

extension Graph {
  package mutating func add(_ left: Value, _ right: Value) throws -> Value { try apply("Add", [left, right])[0] }
  package mutating func subtract(_ left: Value, _ right: Value) throws -> Value { try apply("Sub", [left, right])[0] }
  package mutating func multiply(_ left: Value, _ right: Value) throws -> Value { try apply("Mul", [left, right])[0] }
  package mutating func divide(_ left: Value, _ right: Value) throws -> Value { try apply("Div", [left, right])[0] }
}
