import Graphs
import OrderedCollections
import Tensors

/// Functions of one or two numbers, element by element, beyond plain arithmetic.
let functionOperators: [ATenOperator] =
  [
    ("asin", "Asin"), ("acos", "Acos"), ("sinh", "Sinh"), ("cosh", "Cosh"), ("asinh", "Asinh"), ("acosh", "Acosh"),
    ("atanh", "Atanh"),
  ].map { name, operation in
    .value("\(name)(Tensor self) -> Tensor") { try $0.graph.apply(operation, [$0.floatingValue("self")])[0] }
  }
  + [
    ("exp2", 0.6931471805599453, true), ("log10", 0.4342944819032518, false), ("log2", 1.4426950408889634, false),
  ].map { name, factor, isExponential in
    .value("\(name)(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      let scale = call.scalar(factor, call.type(input).elementType)
      return isExponential
        ? try call.graph.exp(call.graph.multiply(input, scale))
        : try call.graph.multiply(call.graph.apply("Log", [input])[0], scale)
    }
  }
  + [("deg2rad", 0.017453292519943295), ("rad2deg", 57.29577951308232)].map { name, factor in
    .value("\(name)(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      return try call.graph.multiply(input, call.scalar(factor, call.type(input).elementType))
    }
  }
  + [
    .value("expm1(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      return try call.graph.subtract(call.graph.exp(input), call.scalar(1, call.type(input).elementType))
    },
    .value("log1p(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      return try call.graph.apply("Log", [call.graph.add(input, call.scalar(1, call.type(input).elementType))])[0]
    },
    .value("erfc(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      return try call.graph.subtract(
        call.scalar(1, call.type(input).elementType), call.graph.apply("Erf", [input])[0])
    },
    .value("sgn(Tensor self) -> Tensor") { try $0.graph.apply("Sign", [$0.value("self")])[0] },
    .value("trunc(Tensor self) -> Tensor") { try truncated($0, $0.value("self")) },
    .value("frac(Tensor self) -> Tensor") { call in
      let input = try call.value("self")
      return try call.graph.subtract(input, truncated(call, input))
    },
    .value("round.decimals(Tensor self, *, int decimals) -> Tensor") { call in
      let input = try call.floatingValue("self")
      let decimals = try call.int("decimals")
      guard (-30...30).contains(decimals) else { throw call.unsupported("\(decimals) decimals") }
      let factor = (0..<abs(decimals)).reduce(1.0) { product, _ in product * 10 }
      let scale = call.scalar(decimals < 0 ? 1 / factor : factor, call.type(input).elementType)
      let rounded = try call.graph.apply("Round", [call.graph.multiply(input, scale)])[0]
      return try call.graph.divide(rounded, scale)
    },
    .value("fmod.Tensor(Tensor self, Tensor other) -> Tensor", remainder),
    .value("fmod.Scalar(Tensor self, Scalar other) -> Tensor", remainder),
    .value("fmax(Tensor self, Tensor other) -> Tensor") { call in
      try withoutNaN(call) { try call.graph.maximum($0, $1) }
    },
    .value("fmin(Tensor self, Tensor other) -> Tensor") { call in
      try withoutNaN(call) { try call.graph.minimum($0, $1) }
    },
    .value("hypot(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      return try call.graph.sqrt(
        call.graph.add(call.graph.multiply(left, left), call.graph.multiply(right, right)))
    },
    .value("atan2(Tensor self, Tensor other) -> Tensor", angle),
    .value("logaddexp(Tensor self, Tensor other) -> Tensor") { call in
      // The greater one plus ln(1 + e^-|difference|).
      let (left, right) = try call.operands()
      let distance = try call.graph.apply("Abs", [call.graph.subtract(left, right)])[0]
      let rest = try call.graph.softplus(call.graph.apply("Neg", [distance])[0])
      return try call.graph.add(call.graph.maximum(left, right), rest)
    },
    .value("logit(Tensor self, float? eps=None) -> Tensor") { call in
      var input = try call.floatingValue("self")
      let type = call.type(input).elementType
      if let bound = try call.optionalDouble("eps"), bound >= 0 {
        input = try call.graph.apply("Clip", [input, call.scalar(bound, type), call.scalar(1 - bound, type)])[0]
      }
      let odds = try call.graph.divide(input, call.graph.subtract(call.scalar(1, type), input))
      return try call.graph.apply("Log", [odds])[0]
    },
    .value("xlogy.Tensor(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = try call.operands()
      let zero = call.scalar(0, call.type(left).elementType)
      let product = try call.graph.multiply(left, call.graph.apply("Log", [right])[0])
      return try call.graph.select(call.graph.compare(.equal, left, zero), zero, product)
    },
    .value("sinc(Tensor self) -> Tensor") { call in
      let input = try call.floatingValue("self")
      let type = call.type(input).elementType
      let angle = try call.graph.multiply(input, call.scalar(.pi, type))
      let quotient = try call.graph.divide(call.graph.sin(angle), angle)
      let isZero = try call.graph.compare(.equal, input, call.scalar(0, type))
      return try call.graph.select(isZero, call.scalar(1, type), quotient)
    },
    .value("heaviside(Tensor self, Tensor values) -> Tensor") { call in
      let (input, values) = try call.operands("self", "values")
      let type = call.type(input).elementType
      let zero = call.scalar(0, type)
      let step = try call.writer.cast(call.graph.compare(.greater, input, zero), to: type)
      return try call.graph.select(call.graph.compare(.equal, input, zero), values, step)
    },
    .value("ldexp.Tensor(Tensor self, Tensor other) -> Tensor") { call in
      let (left, right) = (try call.floatingValue("self"), try call.floatingValue("other"))
      return try call.graph.multiply(left, call.graph.power(call.scalar(2, call.type(right).elementType), right))
    },
    .value("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor") { call in
      let base = try call.writer.cast(call.value("self"), to: .float64)
      return try call.graph.power(base, call.scalar(call.double("exponent"), .float64))
    },
    .value("nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor") { call in
      var result = try call.value("self")
      let type = call.type(result).elementType
      guard type.isFloatingPoint else { return result }
      let greatest = type == .float16 ? 65504 : type == .float64 ? .greatestFiniteMagnitude : 3.4028234663852886e38
      let isNumber = try call.graph.compare(.equal, result, result)
      result = try call.graph.select(isNumber, result, call.scalar(call.optionalDouble("nan") ?? 0, type))
      for (name, infinity, fallback) in [("posinf", Double.infinity, greatest), ("neginf", -.infinity, -greatest)] {
        let found = try call.graph.compare(.equal, result, call.scalar(infinity, type))
        result = try call.graph.select(found, call.scalar(call.optionalDouble(name) ?? fallback, type), result)
      }
      return result
    },
    .value("isinf(Tensor self) -> Tensor") { call in
      let magnitude = try call.graph.apply("Abs", [call.floatingValue("self")])[0]
      return try call.graph.compare(.equal, magnitude, call.scalar(.infinity, call.type(magnitude).elementType))
    },
    .value("isfinite(Tensor self) -> Tensor") { call in
      let magnitude = try call.graph.apply("Abs", [call.floatingValue("self")])[0]
      return try call.graph.compare(.less, magnitude, call.scalar(.infinity, call.type(magnitude).elementType))
    },
    .value(
      """
      isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, \
      bool equal_nan=False) -> Tensor
      """
    ) { call in
      guard try !call.bool("equal_nan") else { throw call.unsupported("equal_nan is on", expected: "off") }
      let (left, right) = try call.operands()
      let type = call.type(left).elementType
      let distance = try call.graph.apply("Abs", [call.graph.subtract(left, right)])[0]
      let scale = try call.graph.multiply(
        call.graph.apply("Abs", [right])[0], call.scalar(call.double("rtol"), type))
      return try call.graph.compare(
        .lessOrEqual, distance, call.graph.add(scale, call.scalar(call.double("atol"), type)))
    },
    .value("diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor") { call in
      guard try call.int("n") == 1, try call.isNone("prepend"), try call.isNone("append") else {
        throw call.unsupported("several differences, or added ends", expected: "n=1 alone")
      }
      let input = try call.value("self")
      let axis = try call.axis("dim", of: input)
      guard let extent = call.type(input).shape[axis].constant, extent > 0 else {
        throw call.unsupported("axis \(axis) of \(call.type(input))", expected: "a fixed extent")
      }
      return try call.graph.subtract(
        call.graph.slice(input, axis: axis, 1..<extent), call.graph.slice(input, axis: axis, 0..<extent - 1))
    },
  ]

/// The part of each number in front of the point.
private func truncated(_ call: ATenCall, _ input: Value) throws -> Value {
  guard call.type(input).elementType.isFloatingPoint else { return input }
  let whole = try call.graph.apply("Floor", [call.graph.apply("Abs", [input])[0]])[0]
  return try call.graph.multiply(whole, call.graph.apply("Sign", [input])[0])
}

/// What a division leaves, with the sign of the dividend.
@Sendable private func remainder(_ call: ATenCall) throws -> Value {
  let (left, right) = try call.operands()
  return try call.graph.apply("Mod", [left, right], ["fmod": .int(1)])[0]
}

/// The choice between two numbers, the other where one is none.
private func withoutNaN(_ call: ATenCall, _ choose: (Value, Value) throws -> Value) throws -> Value {
  let (left, right) = try call.operands()
  let first = try call.graph.select(call.graph.compare(.equal, left, left), left, right)
  let second = try call.graph.select(call.graph.compare(.equal, right, right), right, left)
  return try choose(first, second)
}

/// The angle of the point (other, self) from -π to π.
@Sendable private func angle(_ call: ATenCall) throws -> Value {
  let (y, x) = try call.operands()
  let type = call.type(y).elementType
  let zero = call.scalar(0, type)
  let slope = try call.graph.apply("Atan", [call.graph.divide(y, x)])[0]
  let turn = try call.graph.select(
    call.graph.compare(.less, y, zero), call.scalar(-.pi, type), call.scalar(.pi, type))
  let turned = try call.graph.select(call.graph.compare(.less, x, zero), call.graph.add(slope, turn), slope)
  let isOrigin = try call.graph.logicalAnd(
    call.graph.compare(.equal, x, zero), call.graph.compare(.equal, y, zero))
  return try call.graph.select(isOrigin, zero, turned)
}
