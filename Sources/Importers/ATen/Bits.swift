import Graphs
import Tensors

/// Operators on the bits of integers, and on bools as single bits.
let bitOperators: [ATenOperator] =
  [("and", BitOperation.and), ("or", .or), ("xor", .xor)].flatMap { name, operation in
    [
      "bitwise_\(name).Tensor(Tensor self, Tensor other) -> Tensor",
      "bitwise_\(name).Scalar(Tensor self, Scalar other) -> Tensor",
      "bitwise_\(name).Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
      "__\(name)__.Tensor(Tensor self, Tensor other) -> Tensor",
      "__\(name)__.Scalar(Tensor self, Scalar other) -> Tensor",
    ].map { schema in .value(schema) { try combined($0, operation) } }
  }
  + [("left", true), ("right", false)].flatMap { name, isLeft in
    [
      "bitwise_\(name)_shift.Tensor(Tensor self, Tensor other) -> Tensor",
      "bitwise_\(name)_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor",
      "__\(name.prefix(1))shift__.Tensor(Tensor self, Tensor other) -> Tensor",
      "__\(name.prefix(1))shift__.Scalar(Tensor self, Scalar other) -> Tensor",
    ].map { schema in .value(schema) { try shifted($0, isLeft: isLeft) } }
  }
  + [
    .value("bitwise_not(Tensor self) -> Tensor") { call in
      let input = try call.value("self")
      if call.type(input).elementType == .bool { return try call.graph.logicalNot(input) }
      try requireIntegers(call, input)
      return try call.graph.apply("BitwiseNot", [input])[0]
    }
  ]

private enum BitOperation: String { case and = "And", or = "Or", xor = "Xor" }

private func requireIntegers(_ call: ATenCall, _ value: Value) throws {
  guard call.type(value).elementType.isInteger else {
    throw call.unsupported("the bits of \(call.type(value))", expected: "integers or bools")
  }
}

private func combined(_ call: ATenCall, _ operation: BitOperation) throws -> Value {
  let (left, right) = try call.operands()
  if call.type(left).elementType == .bool { return try call.graph.apply(operation.rawValue, [left, right])[0] }
  try requireIntegers(call, left)
  return try call.graph.apply("Bitwise\(operation.rawValue)", [left, right])[0]
}

/// A product with a power of two, or the quotient by it rounded down, which is what becomes of signed numbers.
private func shifted(_ call: ATenCall, isLeft: Bool) throws -> Value {
  let (left, right) = try call.operands()
  try requireIntegers(call, left)
  let type = call.type(left).elementType
  let factor: Value
  if let known = call.writer.constant(right) {
    let distances = known.converted(to: .int64).array(of: Int64.self)
    guard distances.allSatisfy({ (0..<Int64(type.byteCount * 8 - 1)).contains($0) }) else {
      throw call.unsupported("a shift by \(distances.prefix(4))", expected: "0 to \(type.byteCount * 8 - 2)")
    }
    factor = call.graph.constant(
      Tensor(distances.map { Int64(1) << $0 }, known.shape).converted(to: type), name: "factor")
  } else {
    factor = try call.graph.power(call.scalar(2, type), right)
  }
  if isLeft { return try call.graph.multiply(left, factor) }
  return try call.flooredQuotient(left, factor)
}
