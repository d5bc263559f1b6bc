import Graphs
import Tensors

/// Arithmetic, element by element, with broadcasting and PyTorch's promotion of element types.
let arithmeticOperators: [ATenOperator] =
  [
    .any("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", addition),
    .any("add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", addition),
    .any("rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", reversedSubtraction),
    .any("sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", subtraction),
    .any("sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", subtraction),
    .any("rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", reversedSubtraction),
    .any("mul.Tensor(Tensor self, Tensor other) -> Tensor", multiplication),
    .any("mul.Scalar(Tensor self, Scalar other) -> Tensor", multiplication),
    .any("div.Tensor(Tensor self, Tensor other) -> Tensor", division),
    .any("div.Scalar(Tensor self, Scalar other) -> Tensor", division),
    .any("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", division),
    .any("div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", division),
    .any("floor_divide(Tensor self, Tensor other) -> Tensor", flooredDivision),
    .any("floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", flooredDivision),
    .any("remainder.Tensor(Tensor self, Tensor other) -> Tensor", remainder),
    .any("remainder.Scalar(Tensor self, Scalar other) -> Tensor", remainder),
    .value("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", power),
    .value("pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", power),
    .value("pow.Scalar(Scalar self, Tensor exponent) -> Tensor") { call in
      let exponent = try call.value("exponent")
      return try call.graph.power(call.scalar(call.double("self"), call.type(exponent).elementType), exponent)
    },
    .value("maximum(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      return try call.graph.maximum(left, right)
    },
    .value("minimum(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      return try call.graph.minimum(left, right)
    },
    .value("max.other(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      return try call.graph.maximum(left, right)
    },
    .value("min.other(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      return try call.graph.minimum(left, right)
    },
    .value("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp),
    .value("clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", clamp),
    .value("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor") { call in
      var result = try call.tensor("self")
      for (name, isMinimum) in [("min", true), ("max", false)] where try !call.isNone(name) {
        let (value, bound) = try call.operands(.tensor(result), call.argument(name))
        result = ProgramTensor(
          isMinimum ? try call.graph.maximum(value, bound) : try call.graph.minimum(value, bound))
      }
      return try result.value(call.writer)
    },
    .value("clamp_min(Tensor self, Scalar min) -> Tensor") { call in
      let input = try call.value("self")
      return try call.graph.maximum(input, call.scalar(call.double("min"), call.type(input).elementType))
    },
    .value("clamp_max(Tensor self, Scalar max) -> Tensor") { call in
      let input = try call.value("self")
      return try call.graph.minimum(input, call.scalar(call.double("max"), call.type(input).elementType))
    },
    .value("rsqrt(Tensor self) -> Tensor") {
      try $0.graph.apply("Reciprocal", [$0.graph.sqrt($0.floatingValue("self"))])[0]
    },
    .value("square(Tensor self) -> Tensor") { call in
      let input = try call.value("self")
      return try call.graph.multiply(input, input)
    },
    .value("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor") { call in
      let (left, right) = (try call.value("self"), try call.value("end"))
      let weight = call.scalar(try call.double("weight"), call.type(left).elementType)
      return try call.graph.add(left, call.graph.multiply(call.graph.subtract(right, left), weight))
    },
    .value("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor") { call in
      let (left, right) = (try call.value("self"), try call.value("end"))
      return try call.graph.add(left, call.graph.multiply(call.graph.subtract(right, left), call.value("weight")))
    },
    .value("addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") { call in
      let quotient = try call.graph.divide(call.value("tensor1"), call.value("tensor2"))
      let factor = call.scalar(try call.double("value"), call.type(quotient).elementType)
      return try call.graph.add(call.value("self"), call.graph.multiply(quotient, factor))
    },
    .value("addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor") { call in
      let product = try call.graph.multiply(call.value("tensor1"), call.value("tensor2"))
      let type = call.type(product).elementType
      let factor = try call.double("value")
      let scaled = factor == 1 ? product : try call.graph.multiply(product, call.scalar(factor, type))
      return try call.graph.add(call.value("self"), scaled)
    },
  ]
  + [
    ("exp(Tensor self) -> Tensor", "Exp"), ("log(Tensor self) -> Tensor", "Log"),
    ("sqrt(Tensor self) -> Tensor", "Sqrt"), ("sin(Tensor self) -> Tensor", "Sin"),
    ("cos(Tensor self) -> Tensor", "Cos"), ("tan(Tensor self) -> Tensor", "Tan"),
    ("atan(Tensor self) -> Tensor", "Atan"), ("reciprocal(Tensor self) -> Tensor", "Reciprocal"),
    ("erf(Tensor self) -> Tensor", "Erf"),
  ].map { schema, name in .value(schema) { try $0.graph.apply(name, [$0.floatingValue("self")])[0] } }
  + [
    ("neg(Tensor self) -> Tensor", "Neg"), ("abs(Tensor self) -> Tensor", "Abs"),
    ("sign(Tensor self) -> Tensor", "Sign"),
  ].map { schema, name in .value(schema) { try $0.graph.apply(name, [$0.value("self")])[0] } }
  + [
    ("floor(Tensor self) -> Tensor", "Floor"), ("ceil(Tensor self) -> Tensor", "Ceil"),
    ("round(Tensor self) -> Tensor", "Round"),
  ].map { schema, name in
    .value(schema) { call in
      let input = try call.value("self")
      return call.type(input).elementType.isFloatingPoint ? try call.graph.apply(name, [input])[0] : input
    }
  }

extension ATenCall {
  /// The value in a floating-point type.
  func floatingValue(_ name: String) throws -> Value {
    let value = try value(name)
    return type(value).elementType.isFloatingPoint ? value : try graph.cast(value, to: .float32)
  }

  /// The two operands in the element type that PyTorch promotes them to: numbers and scalar tensors only count when
  /// they are of a higher category (bool, integer, floating point).
  func operands(_ first: String = "self", _ second: String = "other") throws -> (Value, Value) {
    try operands(argument(first), argument(second))
  }

  func operands(_ first: ProgramValue, _ second: ProgramValue) throws -> (Value, Value) {
    switch (first, second) {
    case (.tensor(let left), .tensor(let right)):
      let values = (try left.value(writer), try right.value(writer))
      let type = promoted(type(values.0), type(values.1))
      return (try writer.cast(values.0, to: type), try writer.cast(values.1, to: type))
    case (.tensor(let left), let number):
      return try operands(left, with: number)
    case (let number, .tensor(let right)):
      let (value, scalar) = try operands(right, with: number)
      return (scalar, value)
    default: throw unsupported("neither operand is a tensor", expected: "a tensor and a number")
    }
  }

  private func operands(_ tensor: ProgramTensor, with number: ProgramValue) throws -> (Value, Value) {
    let value = try tensor.value(writer)
    var element = type(value).elementType
    if case .double = number, !element.isFloatingPoint { element = .float32 }
    if case .int = number, element == .bool { element = .int64 }
    return (try writer.cast(value, to: element), scalar(try self.double(of: number), element))
  }

  private func promoted(_ left: TensorType, _ right: TensorType) -> ElementType {
    if left.elementType == right.elementType { return left.elementType }
    let (a, b) = (left.elementType.category, right.elementType.category)
    if a != b, (left.rank == 0) == (right.rank == 0) || (a > b) == (left.rank > 0) {
      return a > b ? left.elementType : right.elementType
    }
    if a != b {
      // A scalar of a higher category lifts to the default type of that category.
      return max(a, b) == 2 ? .float32 : .int64
    }
    if left.rank == 0, right.rank > 0 { return right.elementType }
    if right.rank == 0, left.rank > 0 { return left.elementType }
    let types = [left.elementType, right.elementType]
    if types.contains(.float16), types.contains(.bfloat16) { return .float32 }
    return left.elementType.byteCount >= right.elementType.byteCount ? left.elementType : right.elementType
  }

  /// Both operands as integers, when a scalar made of a size is one of them.
  func symbols() throws -> (Dimension, Dimension)? {
    guard case .tensor(let left) = try argument("self") else { return nil }
    var isSymbolic = left.symbol != nil
    if case .tensor(let right) = try argument("other"), right.symbol != nil { isSymbolic = true }
    guard isSymbolic else { return nil }
    // A scalar of floating point leaves the integers.
    if case .double = try argument("other") { return nil }
    for name in ["self", "other"] {
      if case .tensor(let tensor) = try argument(name), tensor.symbol == nil {
        let type = type(try tensor.value(writer))
        if type.rank > 0 || type.elementType.isFloatingPoint { return nil }
      }
    }
    return (try dimension("self"), try dimension("other"))
  }

  func symbol(_ dimension: Dimension) -> ProgramValue { .tensor(ProgramTensor(symbol: dimension)) }

  /// The second operand times alpha.
  fileprivate func scaledByAlpha(_ value: Value) throws -> Value {
    let alpha = try double("alpha")
    return alpha == 1 ? value : try graph.multiply(value, scalar(alpha, type(value).elementType))
  }
}

extension ElementType {
  /// 0 for bool, 1 for integers, 2 for floating point.
  fileprivate var category: Int { self == .bool ? 0 : isFloatingPoint ? 2 : 1 }
}

@Sendable private func addition(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() {
    return call.symbol(try left.adding(right.multiplied(by: Dimension(call.int("alpha")))))
  }
  let (left, right) = try call.operands()
  if call.type(left).elementType == .bool { return call.result(try call.graph.logicalOr(left, right)) }
  return call.result(try call.graph.add(left, call.scaledByAlpha(right)))
}

@Sendable private func subtraction(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() {
    return call.symbol(try left.adding(right.multiplied(by: Dimension(-call.int("alpha")))))
  }
  let (left, right) = try call.operands()
  return call.result(try call.graph.subtract(left, call.scaledByAlpha(right)))
}

@Sendable private func reversedSubtraction(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() {
    return call.symbol(try right.adding(left.multiplied(by: Dimension(-call.int("alpha")))))
  }
  let (left, right) = try call.operands()
  return call.result(try call.graph.subtract(right, call.scaledByAlpha(left)))
}

@Sendable private func multiplication(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() { return call.symbol(try left.multiplied(by: right)) }
  let (left, right) = try call.operands()
  if call.type(left).elementType == .bool { return call.result(try call.graph.logicalAnd(left, right)) }
  return call.result(try call.graph.multiply(left, right))
}

@Sendable private func division(_ call: ATenCall) throws -> ProgramValue {
  let hasMode = call.operation.schema.parameters.contains { $0.name == "rounding_mode" }
  let mode = try hasMode && !call.isNone("rounding_mode") ? call.string("rounding_mode") : "true"
  if mode != "true", let (left, right) = try call.symbols() {
    return call.symbol(try left.flooredDivided(by: right))
  }
  var (left, right) = try call.operands()
  let type = call.type(left).elementType
  if mode == "floor", type.isInteger { return call.result(try call.flooredQuotient(left, right)) }
  if mode == "trunc", type.isInteger { return call.result(try call.graph.divide(left, right)) }
  if !type.isFloatingPoint {
    left = try call.graph.cast(left, to: .float32)
    right = try call.graph.cast(right, to: .float32)
  }
  var result = try call.graph.divide(left, right)
  if mode == "true" { return call.result(result) }
  guard mode == "floor" || mode == "trunc" else {
    throw call.unsupported("the rounding mode is '\(mode)'", expected: "floor or trunc")
  }
  if mode == "floor" {
    result = try call.graph.apply("Floor", [result])[0]
  } else {
    let magnitude = try call.graph.apply("Floor", [call.graph.apply("Abs", [result])[0]])[0]
    result = try call.graph.multiply(magnitude, call.graph.apply("Sign", [result])[0])
  }
  return call.result(try call.writer.cast(result, to: type))
}

@Sendable private func flooredDivision(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() { return call.symbol(try left.flooredDivided(by: right)) }
  let (left, right) = try call.operands()
  return call.result(try call.flooredQuotient(left, right))
}

extension ATenCall {
  /// The quotient of two operands of one type, rounded down; that of integers is exact.
  func flooredQuotient(_ left: Value, _ right: Value) throws -> Value {
    if type(left).elementType.isInteger {
      let rest = try graph.apply("Mod", [left, right])[0]
      return try graph.divide(graph.subtract(left, rest), right)
    }
    let type = type(left).elementType
    let float: ElementType = type.isFloatingPoint ? type : .float32
    let quotient = try graph.divide(writer.cast(left, to: float), writer.cast(right, to: float))
    return try writer.cast(graph.apply("Floor", [quotient])[0], to: type)
  }
}

@Sendable private func remainder(_ call: ATenCall) throws -> ProgramValue {
  if let (left, right) = try call.symbols() { return call.symbol(try left.remainder(by: right)) }
  let (left, right) = try call.operands()
  if call.type(left).elementType.isInteger { return call.result(try call.graph.apply("Mod", [left, right])[0]) }
  return call.result(try call.graph.subtract(left, call.graph.multiply(call.flooredQuotient(left, right), right)))
}

@Sendable private func power(_ call: ATenCall) throws -> Value {
  if case .tensor = try call.argument("exponent") {
    let (base, exponent) = try call.operands("self", "exponent")
    return try call.graph.power(base, exponent)
  }
  let exponent = try call.double("exponent")
  let (base, scalar) = try call.operands("self", "exponent")
  switch exponent {
  case 1: return base
  case 2: return try call.graph.multiply(base, base)
  case 0.5: return try call.graph.sqrt(base)
  default: return try call.graph.power(base, scalar)
  }
}

@Sendable private func clamp(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input).elementType
  let bounds = try ["min", "max"].map { name in
    try call.optionalDouble(name).map { call.scalar($0, type) }
  }
  return try call.graph.apply("Clip", [input, bounds[0], bounds[1]])[0]
}
