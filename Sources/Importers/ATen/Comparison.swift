import Graphs
import Tensors

/// Comparisons, logic and choices, element by element.
let comparisonOperators: [ATenOperator] =
  [
    ("eq.Tensor(Tensor self, Tensor other) -> Tensor", ElementComparison.equal),
    ("eq.Scalar(Tensor self, Scalar other) -> Tensor", .equal),
    ("gt.Tensor(Tensor self, Tensor other) -> Tensor", .greater),
    ("gt.Scalar(Tensor self, Scalar other) -> Tensor", .greater),
    ("lt.Tensor(Tensor self, Tensor other) -> Tensor", .less),
    ("lt.Scalar(Tensor self, Scalar other) -> Tensor", .less),
    ("ge.Tensor(Tensor self, Tensor other) -> Tensor", .greaterOrEqual),
    ("ge.Scalar(Tensor self, Scalar other) -> Tensor", .greaterOrEqual),
    ("le.Tensor(Tensor self, Tensor other) -> Tensor", .lessOrEqual),
    ("le.Scalar(Tensor self, Scalar other) -> Tensor", .lessOrEqual),
  ].map { schema, comparison in .value(schema) { try compare($0, comparison) } }
  + ["ne.Tensor(Tensor self, Tensor other) -> Tensor", "ne.Scalar(Tensor self, Scalar other) -> Tensor"].map { schema in
    .value(schema) { try $0.graph.logicalNot(compare($0, .equal)) }
  }
  + [
    .value("logical_not(Tensor self) -> Tensor") {
      try $0.graph.logicalNot($0.writer.cast($0.value("self"), to: .bool))
    },
    .value("logical_and(Tensor self, Tensor other) -> Tensor") {
      try $0.graph.logicalAnd($0.truth("self"), $0.truth("other"))
    },
    .value("logical_or(Tensor self, Tensor other) -> Tensor") {
      try $0.graph.logicalOr($0.truth("self"), $0.truth("other"))
    },
    .value("logical_xor(Tensor self, Tensor other) -> Tensor") {
      try $0.graph.logicalXor($0.truth("self"), $0.truth("other"))
    },
    .value("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", choose),
    .value("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", choose),
    .value("where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", choose),
    .value("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor") { call in
      let numbers = [try call.argument("self"), try call.argument("other")]
      var type = ElementType.int64
      for case .double in numbers { type = .float32 }
      return try call.graph.select(
        call.writer.cast(call.value("condition"), to: .bool), call.scalar(call.double("self"), type),
        call.scalar(call.double("other"), type))
    },
    .value("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", fill),
    .value("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor", fill),
    .value("isnan(Tensor self) -> Tensor") { call in
      let input = try call.value("self")
      return try call.graph.logicalNot(call.graph.compare(.equal, input, input))
    },
    .value("signbit(Tensor self) -> Tensor") { try isNegative($0, $0.value("self")) },
    .value("copysign.Tensor(Tensor self, Tensor other) -> Tensor", copySign),
    .value("copysign.Scalar(Tensor self, Scalar other) -> Tensor", copySign),
  ]

extension ATenCall {
  /// Which elements aren't 0.
  fileprivate func truth(_ name: String) throws -> Value { try writer.cast(value(name), to: .bool) }
}

/// Which elements are below 0, or 0 with a sign.
private func isNegative(_ call: ATenCall, _ value: Value) throws -> Value {
  let type = call.type(value).elementType
  let isBelow = try call.graph.compare(.less, value, call.scalar(0, type))
  guard type.isFloatingPoint else { return isBelow }
  let inverse = try call.graph.apply("Reciprocal", [value])[0]
  return try call.graph.logicalOr(isBelow, call.graph.compare(.equal, inverse, call.scalar(-.infinity, type)))
}

@Sendable private func copySign(_ call: ATenCall) throws -> Value {
  let (first, second) = try call.operands()
  let magnitude = try call.graph.apply("Abs", [first])[0]
  return try call.graph.select(isNegative(call, second), call.graph.apply("Neg", [magnitude])[0], magnitude)
}

private func compare(_ call: ATenCall, _ comparison: ElementComparison) throws -> Value {
  let (left, right) = try call.operands()
  return try call.graph.compare(comparison, left, right)
}

@Sendable private func choose(_ call: ATenCall) throws -> Value {
  let (first, second) = try call.operands("self", "other")
  return try call.graph.select(call.writer.cast(call.value("condition"), to: .bool), first, second)
}

@Sendable private func fill(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input).elementType
  let value: Value
  if case .tensor = try call.argument("value") {
    value = try call.writer.cast(call.value("value"), to: type)
  } else {
    value = call.scalar(try call.double("value"), type)
  }
  return try call.graph.select(call.value("mask"), value, input)
}
