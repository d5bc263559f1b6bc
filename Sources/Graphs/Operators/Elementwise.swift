// Arithmetic, element by element, with NumPy's broadcasting. https://onnx.ai/onnx/repo-docs/Broadcasting.html

import OrderedCollections
package import Tensors

let elementwiseOperators =
  binaryOperators + unaryOperators + bitOperators + [
    OperatorDefinition("IsNaN", since: 20, inputs: 1...1) { call in [TensorType(.bool, try call.input(0).shape)] },
    OperatorDefinition(
      "IsInf", since: 20, inputs: 1...1, attributes: ["detect_negative": .int, "detect_positive": .int]
    ) { call in [TensorType(.bool, try call.input(0).shape)] },
    OperatorDefinition("Cast", since: 19, inputs: 1...1, attributes: ["to": .int]) { call in
      let number = call.int("to", default: 0)
      guard let target = ElementType.allCases.first(where: { $0.onnxType.rawValue == number }) else {
        throw call.error("'to' is \(number)", expected: "the number of an element type")
      }
      return [TensorType(target, try call.input(0).shape)]
    },
  ]

private let unaryOperators = [
  ("Sqrt", 13), ("Exp", 13), ("Log", 13), ("Neg", 13), ("Abs", 13), ("Sign", 13), ("Sin", 7), ("Cos", 7), ("Tan", 7),
  ("Atan", 7), ("Floor", 13), ("Ceil", 13), ("Round", 11), ("Reciprocal", 13),
].map { name, version in
  OperatorDefinition(name, since: version, inputs: 1...1) { call in
    let input = try call.input(0)
    if !["Neg", "Abs", "Sign"].contains(name) { try call.requireFloatingPoint(input) }
    return [input]
  }
}

private let binaryOperators = [
  ("Add", 14), ("Sub", 14), ("Mul", 14), ("Div", 14), ("Pow", 15), ("Min", 13), ("Max", 13),
].map { name, version in
  OperatorDefinition(name, since: version, inputs: 2...2) { call in
    let left = try call.input(0)
    let right = try call.input(1)
    guard left.elementType == right.elementType else {
      throw call.error("the inputs are \(left.elementType) and \(right.elementType)", expected: "the same element type")
    }
    return [TensorType(left.elementType, try broadcast(call, left.shape, right.shape))]
  }
}

private let bitOperators =
  [("BitwiseAnd", 18, [:]), ("BitwiseOr", 18, [:]), ("BitwiseXor", 18, [:]), ("BitShift", 11, ["direction": .string])]
  .map { (name: String, version: Int, attributes: [String: Attribute.Kind]) in
    OperatorDefinition(name, since: version, inputs: 2...2, attributes: attributes) { call in
      let left = try call.input(0)
      let right = try call.input(1)
      // Bits of signed numbers aren't shifted: what becomes of the sign, languages see differently.
      let isShift = name == "BitShift"
      guard left.elementType == right.elementType, left.elementType.isInteger, !isShift || !left.elementType.isSigned
      else {
        throw call.error(
          "the inputs are \(left.elementType) and \(right.elementType)",
          expected: "the same \(isShift ? "unsigned " : "")integer type")
      }
      if isShift {
        let direction = call.string("direction", default: "")
        guard ["LEFT", "RIGHT"].contains(direction) else {
          throw call.error("the direction is '\(direction)'", expected: "LEFT or RIGHT")
        }
      }
      return [TensorType(left.elementType, try broadcast(call, left.shape, right.shape))]
    }
  } + [
    OperatorDefinition("BitwiseNot", since: 18, inputs: 1...1) { call in
      let input = try call.input(0)
      guard input.elementType.isInteger else {
        throw call.error("the input is \(input.elementType)", expected: "an integer type")
      }
      return [input]
    }
  ]

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
  package mutating func power(_ left: Value, _ right: Value) throws -> Value { try apply("Pow", [left, right])[0] }
  package mutating func minimum(_ left: Value, _ right: Value) throws -> Value { try apply("Min", [left, right])[0] }
  package mutating func maximum(_ left: Value, _ right: Value) throws -> Value { try apply("Max", [left, right])[0] }
  package mutating func sqrt(_ input: Value) throws -> Value { try apply("Sqrt", [input])[0] }
  package mutating func exp(_ input: Value) throws -> Value { try apply("Exp", [input])[0] }
  package mutating func sin(_ input: Value) throws -> Value { try apply("Sin", [input])[0] }
  package mutating func cos(_ input: Value) throws -> Value { try apply("Cos", [input])[0] }

  /// The input times a number.
  package mutating func scale(_ input: Value, by factor: Float) throws -> Value {
    try multiply(input, constant([factor], shape: [], name: "factor"))
  }

  /// The elements as another type.
  package mutating func cast(_ input: Value, to type: ElementType, named name: String? = nil) throws -> Value {
    try apply("Cast", [input], ["to": .int(type.onnxType.rawValue)], named: name)[0]
  }
}
