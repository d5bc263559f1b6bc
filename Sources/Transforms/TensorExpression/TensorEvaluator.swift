import PythonSyntax
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Functions of `torch` that a ``TensorExpression`` may call.
enum TensorFunction: String {
  case `where`
  case logicalAnd = "logical_and"
  case logicalOr = "logical_or"
  case logicalXor = "logical_xor"
  case logicalNot = "logical_not"
  case maximum, minimum
  case clamp, clip
  case abs, round, sqrt, exp, sigmoid
  case nanToNum = "nan_to_num"
}

/// Methods of a tensor that a ``TensorExpression`` may call.
enum TensorMethod: String {
  case float, long, int, bool, to, type
  case clamp, clip
  case abs, round, sqrt, exp, sigmoid
}

/// Computes a ``TensorExpression`` for one tensor.
struct TensorEvaluator {
  let parameter: String
  let tensor: Tensor

  func evaluate(_ expression: Expression) throws -> TensorValue {
    switch expression.kind {
    case .boolean(let value): return .number(.bool(value))
    case .integer(let value): return .number(.int(value))
    case .float(let value): return .number(.double(value))
    case .name: return .tensor(tensor)
    case .attribute:
      guard let name = ElementTypeName(expression) else { throw unknown(expression) }
      return .type(name.type)
    case .unary(let unary, let operand): return try self.unary(unary, try evaluate(operand))
    case .binary(let binary, let left, let right):
      return try TensorArithmetic.binary(binary, try evaluate(left), try evaluate(right))
    case .comparison(let first, let rest):
      guard let comparison = rest.first else { throw unknown(expression) }
      return try TensorArithmetic.compare(
        comparison.comparator, try evaluate(first), try evaluate(comparison.operand))
    case .subscripted(let base, let index):
      guard case .tensor(let tensor) = try evaluate(base) else { throw unknown(expression) }
      let parts = if case .tuple(let items) = index.kind { items } else { [index] }
      return .tensor(
        try tensor.indexed(
          try parts.map { part in
            guard let index = TensorIndex(part) else { throw unknown(part) }
            return index
          }))
    case .call(let function, let arguments): return try call(function, arguments, expression)
    default: throw unknown(expression)
    }
  }

  private func unknown(_ expression: Expression) -> TensorEvaluationError {
    TensorEvaluationError(what: "'\(expression)' has no value", expected: "a tensor")
  }

  private func unary(_ unary: Expression.UnaryOperator, _ operand: TensorValue) throws -> TensorValue {
    switch (unary, operand) {
    case (.plus, _): return operand
    case (.minus, _): return try TensorArithmetic.binary(.multiply, operand, .number(.int(-1)))
    case (.invert, .tensor(let mask)) where mask.elementType == .bool:
      return try TensorArithmetic.binary(.bitXor, operand, .number(.bool(true)))
    default:
      throw TensorEvaluationError(what: "'\(unary.rawValue)' on anything but a mask", expected: "a mask such as x > 0")
    }
  }

  // MARK: Calls

  private func call(
    _ function: Expression, _ arguments: [Expression.Argument], _ whole: Expression
  ) throws -> TensorValue {
    var positional: [TensorValue] = []
    var keywords: [String: TensorValue] = [:]
    for argument in arguments {
      let value = try evaluate(argument.value)
      if let name = argument.form.keyword { keywords[name] = value } else { positional.append(value) }
    }
    if let name = function.dottedName, name.hasPrefix("torch."),
      let known = TensorFunction(rawValue: String(name.dropFirst("torch.".count)))
    {
      return try call(known, TensorArguments(name, positional, keywords))
    }
    guard case .attribute(let base, let name) = function.kind, let method = TensorMethod(rawValue: name),
      case .tensor(let receiver) = try evaluate(base)
    else { throw unknown(whole) }
    return try call(method, receiver, TensorArguments(name, positional, keywords))
  }

  private func call(_ function: TensorFunction, _ given: TensorArguments) throws -> TensorValue {
    var arguments = given
    switch function {
    case .where:
      let values = try (arguments.take("condition"), arguments.take("input"), arguments.take("other"))
      try arguments.finish()
      return try TensorArithmetic.choose(values.0, values.1, values.2)
    case .logicalAnd, .logicalOr, .logicalXor:
      let values = try (arguments.take("input"), arguments.take("other"))
      try arguments.finish()
      let operators: [TensorFunction: Expression.BinaryOperator] = [.logicalAnd: .bitAnd, .logicalOr: .bitOr]
      return try TensorArithmetic.binary(operators[function] ?? .bitXor, try mask(values.0), try mask(values.1))
    case .logicalNot:
      let value = try arguments.take("input")
      try arguments.finish()
      return try unary(.invert, try mask(value))
    case .maximum, .minimum:
      let values = try (arguments.take("input"), arguments.take("other"))
      try arguments.finish()
      return try choice(values.0, values.1, isLarger: function == .maximum)
    case .nanToNum: return try withoutNaN(&arguments)
    case .clamp, .clip: return try clamped(try arguments.take("input"), &arguments)
    case .abs, .round, .sqrt, .exp, .sigmoid:
      let value = try arguments.take("input")
      try arguments.finish()
      return try elementwise(function.rawValue, value)
    }
  }

  private func call(_ method: TensorMethod, _ receiver: Tensor, _ given: TensorArguments) throws -> TensorValue {
    var arguments = given
    switch method {
    case .clamp, .clip: return try clamped(.tensor(receiver), &arguments)
    case .to, .type:
      guard case .type(let type) = try arguments.take("dtype") else {
        throw TensorEvaluationError(what: "'\(method.rawValue)' without a type", expected: "such as torch.float32")
      }
      try arguments.finish()
      return .tensor(receiver.converted(to: type))
    case .float, .long, .int, .bool:
      try arguments.finish()
      let types: [TensorMethod: ElementType] = [.float: .float32, .long: .int64, .int: .int32]
      return .tensor(receiver.converted(to: types[method] ?? .bool))
    case .abs, .round, .sqrt, .exp, .sigmoid:
      try arguments.finish()
      return try elementwise(method.rawValue, .tensor(receiver))
    }
  }

  /// As `!= 0`.
  private func mask(_ value: TensorValue) throws -> TensorValue {
    guard case .tensor(let tensor) = value else {
      throw TensorEvaluationError(what: "a logical operation on a number", expected: "a tensor")
    }
    return .tensor(tensor.converted(to: .bool))
  }

  private func floats(_ value: TensorValue, _ body: @Sendable (Float) -> Float) throws -> TensorValue {
    .tensor(try OperandPair(value, .number(.double(0))).floats { value, _ in body(value) })
  }

  private func elementwise(_ name: String, _ value: TensorValue) throws -> TensorValue {
    if case .tensor(let tensor) = value, TensorKind(tensor.elementType) != .float, ["abs", "round"].contains(name) {
      guard name == "abs" else { return value }
      let pair = try OperandPair(value, .number(.int(0)))
      try pair.requireWideTypes(name)
      return .tensor(pair.integers { value, _ in value < 0 ? 0 &- value : value })
    }
    switch name {
    case "abs": return try floats(value) { abs($0) }
    case "round": return try floats(value) { $0.rounded(.toNearestOrEven) }
    case "sqrt": return try floats(value) { $0.squareRoot() }
    case "exp": return try floats(value) { Float(exp(Double($0))) }
    default: return try floats(value) { Float(1 / (1 + exp(-Double($0)))) }
    }
  }

  private func choice(_ left: TensorValue, _ right: TensorValue, isLarger: Bool) throws -> TensorValue {
    let pair = try OperandPair(left, right)
    try pair.requireWideTypes(isLarger ? "maximum" : "minimum")
    guard pair.kind == .float else {
      return .tensor(pair.integers { isLarger ? max($0, $1) : min($0, $1) })
    }
    return .tensor(
      pair.floats { a, b in
        if a.isNaN || b.isNaN { return .nan }
        return isLarger ? max(a, b) : min(a, b)
      })
  }

  private func clamped(_ value: TensorValue, _ arguments: inout TensorArguments) throws -> TensorValue {
    let low = try arguments.number("min")
    let high = try arguments.number("max")
    try arguments.finish()
    guard case .tensor(let tensor) = value, low != nil || high != nil else {
      throw TensorEvaluationError(what: "'clamp' without bounds", expected: "a tensor, 'min' and 'max'")
    }
    let bounds = [low, high].compactMap(\.self)
    guard TensorKind(tensor.elementType) == .float || bounds.contains(where: { $0.kind == .float }) else {
      let pair = try OperandPair(value, .number(.int(0)))
      try pair.requireWideTypes("clamp")
      return .tensor(
        pair.integers { value, _ in
          let raised = low.map { max(value, Int64($0.int)) } ?? value
          return high.map { min(raised, Int64($0.int)) } ?? raised
        })
    }
    let (lower, upper) = (low.map { Float($0.double) }, high.map { Float($0.double) })
    return try floats(value) { value in
      if value.isNaN { return value }
      let raised = lower.map { max(value, $0) } ?? value
      return upper.map { min(raised, $0) } ?? raised
    }
  }

  /// `torch.nan_to_num`: infinities become the largest numbers unless it says otherwise.
  private func withoutNaN(_ arguments: inout TensorArguments) throws -> TensorValue {
    let value = try arguments.take("input")
    let nan = try arguments.number("nan").map { Float($0.double) } ?? 0
    let positive = try arguments.number("posinf").map { Float($0.double) } ?? .greatestFiniteMagnitude
    let negative = try arguments.number("neginf").map { Float($0.double) } ?? -.greatestFiniteMagnitude
    try arguments.finish()
    if case .tensor(let tensor) = value, TensorKind(tensor.elementType) != .float { return value }
    return try floats(value) { value in
      if value.isNaN { return nan }
      return value == .infinity ? positive : value == -.infinity ? negative : value
    }
  }
}

/// The arguments of a call, taken by position or by name.
struct TensorArguments {
  private let function: String
  private var positional: ArraySlice<TensorValue>
  private var keywords: [String: TensorValue]

  init(_ function: String, _ positional: [TensorValue], _ keywords: [String: TensorValue]) {
    self.function = function
    self.positional = positional[...]
    self.keywords = keywords
  }

  private mutating func next(_ name: String) -> TensorValue? {
    positional.popFirst() ?? keywords.removeValue(forKey: name)
  }

  mutating func take(_ name: String) throws -> TensorValue {
    guard let value = next(name) else {
      throw TensorEvaluationError(what: "'\(function)' without its argument '\(name)'", expected: "all its arguments")
    }
    return value
  }

  mutating func number(_ name: String) throws -> TensorNumber? {
    guard let value = next(name) else { return nil }
    guard case .number(let number) = value else {
      throw TensorEvaluationError(what: "'\(name)' of '\(function)' is no number", expected: "a number")
    }
    return number
  }

  func finish() throws {
    guard positional.isEmpty, keywords.isEmpty else {
      let names = keywords.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
      throw TensorEvaluationError(
        what: "'\(function)' with more arguments\(names.isEmpty ? "" : " (\(names))")", expected: "those it takes here")
    }
  }
}
