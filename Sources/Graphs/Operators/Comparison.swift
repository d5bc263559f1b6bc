// Comparisons and truth values, element by element with NumPy's broadcasting.
// https://onnx.ai/onnx/operators/onnx__Where.html (opset 16), Equal 19, Greater and Less 13, GreaterOrEqual 16

import Tensors

let comparisonOperators =
  comparisons + logicalOperators + [
    OperatorDefinition("Not", since: 1, inputs: 1...1) { call in
      let input = try call.input(0)
      guard input.elementType == .bool else { throw call.error("the input is \(input)", expected: "bool") }
      return [input]
    },
    OperatorDefinition("Where", since: 16, inputs: 3...3) { call in
      let condition = try call.input(0)
      let first = try call.input(1)
      let second = try call.input(2)
      guard condition.elementType == .bool, first.elementType == second.elementType else {
        throw call.error(
          "the inputs are \(condition), \(first) and \(second)", expected: "bool and two of the same element type")
      }
      let shape = try broadcast(call, condition.shape, broadcast(call, first.shape, second.shape))
      return [TensorType(first.elementType, shape)]
    },
  ]

private let comparisons = [
  ("Equal", 19), ("Greater", 13), ("Less", 13), ("GreaterOrEqual", 16), ("LessOrEqual", 16),
].map { name, version in
  OperatorDefinition(name, since: version, inputs: 2...2) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == right.elementType else {
      throw call.error("the inputs are \(left.elementType) and \(right.elementType)", expected: "the same element type")
    }
    return [TensorType(.bool, try broadcast(call, left.shape, right.shape))]
  }
}

private let logicalOperators = ["And", "Or", "Xor"].map { name in
  OperatorDefinition(name, since: 7, inputs: 2...2) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == .bool, right.elementType == .bool else {
      throw call.error("the inputs are \(left.elementType) and \(right.elementType)", expected: "bool")
    }
    return [TensorType(.bool, try broadcast(call, left.shape, right.shape))]
  }
}

/// What a comparison asks of two elements.
package enum ElementComparison: String, Sendable, Hashable {
  case equal = "Equal"
  case greater = "Greater"
  case less = "Less"
  case greaterOrEqual = "GreaterOrEqual"
  case lessOrEqual = "LessOrEqual"
}

extension Graph {
  /// Whether each pair of elements compares so.
  package mutating func compare(_ comparison: ElementComparison, _ left: Value, _ right: Value) throws -> Value {
    try apply(comparison.rawValue, [left, right])[0]
  }
  package mutating func logicalNot(_ input: Value) throws -> Value { try apply("Not", [input])[0] }
  package mutating func logicalAnd(_ left: Value, _ right: Value) throws -> Value {
    try apply("And", [left, right])[0]
  }
  package mutating func logicalOr(_ left: Value, _ right: Value) throws -> Value { try apply("Or", [left, right])[0] }
  package mutating func logicalXor(_ left: Value, _ right: Value) throws -> Value {
    try apply("Xor", [left, right])[0]
  }

  /// `first` where the condition holds, `second` elsewhere.
  package mutating func select(_ condition: Value, _ first: Value, _ second: Value) throws -> Value {
    try apply("Where", [condition, first, second])[0]
  }
}
