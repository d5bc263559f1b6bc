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
  case abs, round, floor, ceil, sqrt, exp, log, tanh, sigmoid
  case nanToNum = "nan_to_num"
  case flip, squeeze, unsqueeze
}

/// Methods of a tensor that a ``TensorExpression`` may call.
enum TensorMethod: String {
  case float, long, int, bool, to, type
  case clamp, clip
  case abs, round, floor, ceil, sqrt, exp, log, tanh, sigmoid
  case flip, squeeze, unsqueeze
  /// Copies and moves that change no value.
  case clone, contiguous, detach, cpu
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
    case .tuple, .list:
      guard let integers = expression.integers else { throw unknown(expression) }
      return .integers(integers)
    case .unary(.not, let operand): return .number(.bool(try !isTrue(try evaluate(operand))))
    case .unary(let unary, let operand): return try self.unary(unary, try evaluate(operand))
    case .conjunction(let operands): return try firstDeciding(operands, isTrue: false)
    case .disjunction(let operands): return try firstDeciding(operands, isTrue: true)
    case .conditional(let condition, let then, let otherwise):
      return try evaluate(try isTrue(try evaluate(condition)) ? then : otherwise)
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

  /// Whether Python's `if` takes the value as true: a number, or a tensor of one element.
  private func isTrue(_ value: TensorValue) throws -> Bool {
    switch value {
    case .number(let number): return number.double != 0
    case .tensor(let tensor) where tensor.count == 1:
      return tensor.converted(to: .bool).withElements(of: UInt8.self) { $0[0] != 0 }
    case .tensor(let tensor):
      throw TensorEvaluationError(
        what: "a condition of the shape \(tensor.shape)", expected: "one value, as .any() gives")
    case .type, .integers: throw TensorEvaluationError(what: "a condition that is no number", expected: "a comparison")
    }
  }

  /// The first operand whose truth is `isTrue`, else the last.
  private func firstDeciding(_ operands: [Expression], isTrue wanted: Bool) throws -> TensorValue {
    var value = TensorValue.number(.bool(!wanted))
    for operand in operands {
      value = try evaluate(operand)
      if try isTrue(value) == wanted { break }
    }
    return value
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
    if function.dottedName == "isinstance" {
      guard let test = InstanceTest(arguments) else { throw unknown(whole) }
      return .number(.bool(test.holds(for: try evaluate(arguments[0].value))))
    }
    var positional: [TensorValue] = []
    var keywords: [String: TensorValue] = [:]
    for argument in arguments {
      let value = try evaluate(argument.value)
      if let name = argument.form.keyword { keywords[name] = value } else { positional.append(value) }
    }
    if let name = function.dottedName, name.hasPrefix("torch.") {
      let word = String(name.dropFirst("torch.".count))
      var arguments = TensorArguments(name, positional, keywords)
      if let known = TensorFunction(rawValue: word) { return try call(known, arguments) }
      guard let reduction = TensorReduction(rawValue: word) else { throw unknown(whole) }
      let input = try arguments.tensor("input")
      if reduction == .min || reduction == .max, let other = arguments.takeTensor("other") {
        try arguments.finish()
        return try choice(.tensor(input), .tensor(other), isLarger: reduction == .max)
      }
      return try reduction.value(of: input, arguments)
    }
    guard case .attribute(let base, let name) = function.kind, case .tensor(let receiver) = try evaluate(base) else {
      throw unknown(whole)
    }
    let given = TensorArguments(name, positional, keywords)
    if let reduction = TensorReduction(rawValue: name) { return try reduction.value(of: receiver, given) }
    guard let method = TensorMethod(rawValue: name) else { throw unknown(whole) }
    return try call(method, receiver, given)
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
    case .abs, .round, .floor, .ceil, .sqrt, .exp, .log, .tanh, .sigmoid:
      let value = try arguments.take("input")
      try arguments.finish()
      return try elementwise(function.rawValue, value)
    case .flip, .squeeze, .unsqueeze:
      return .tensor(try turned(try arguments.tensor("input"), function.rawValue, &arguments))
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
    case .abs, .round, .floor, .ceil, .sqrt, .exp, .log, .tanh, .sigmoid:
      try arguments.finish()
      return try elementwise(method.rawValue, .tensor(receiver))
    case .flip, .squeeze, .unsqueeze: return .tensor(try turned(receiver, method.rawValue, &arguments))
    case .clone, .contiguous, .detach, .cpu:
      try arguments.finish()
      return .tensor(receiver)
    }
  }

  /// The same elements by other axes.
  private func turned(_ tensor: Tensor, _ name: String, _ arguments: inout TensorArguments) throws -> Tensor {
    if name == "flip" {
      let dims = try arguments.allIntegers("dims")
      return tensor.flipped(Array(Set(try dims.map { try tensor.axis($0) })))
    }
    let dims = try arguments.integers("dim")
    try arguments.finish()
    if name == "unsqueeze" {
      guard let dims, dims.count == 1 else {
        throw TensorEvaluationError(what: "'unsqueeze' without its axis", expected: "one axis")
      }
      return try tensor.insertingAxis(try tensor.axis(dims[0], adding: 1))
    }
    let axes = try dims?.map { try tensor.axis($0) } ?? Array(0..<tensor.shape.rank)
    let kept = (0..<tensor.shape.rank).filter { tensor.shape[$0] != 1 || !axes.contains($0) }
    return tensor.reshaped(Shape(kept.map { tensor.shape[$0] }))
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
    if case .tensor(let tensor) = value, TensorKind(tensor.elementType) != .float,
      ["abs", "round", "floor", "ceil"].contains(name)
    {
      guard name == "abs" else { return value }
      let pair = try OperandPair(value, .number(.int(0)))
      try pair.requireWideTypes(name)
      return .tensor(pair.integers { value, _ in value < 0 ? 0 &- value : value })
    }
    switch name {
    case "abs": return try floats(value) { abs($0) }
    case "round": return try floats(value) { $0.rounded(.toNearestOrEven) }
    case "floor": return try floats(value) { $0.rounded(.down) }
    case "ceil": return try floats(value) { $0.rounded(.up) }
    case "log": return try floats(value) { Float(log(Double($0))) }
    case "tanh": return try floats(value) { Float(tanh(Double($0))) }
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

/// `isinstance(value, type)`, or of a tuple of types, by their names.
struct InstanceTest {
  private let names: [String]

  private static let tensors: Set<String> = [
    "torch.Tensor", "monai.data.MetaTensor", "monai.data.meta_tensor.MetaTensor",
  ]
  private static let others: Set<String> = [
    "np.ndarray", "numpy.ndarray", "int", "float", "bool", "str", "list", "tuple", "dict",
  ]

  /// Nil for types that aren't known.
  init?(_ arguments: [Expression.Argument]) {
    guard arguments.count == 2, arguments.allSatisfy({ $0.form == .positional }) else { return nil }
    let types = if case .tuple(let items) = arguments[1].value.kind { items } else { [arguments[1].value] }
    names = types.compactMap(\.dottedName)
    guard names.count == types.count,
      names.allSatisfy({ Self.tensors.contains($0) || Self.others.contains($0) })
    else { return nil }
  }

  /// A transform's images are MONAI's tensors; numbers are Python's.
  func holds(for value: TensorValue) -> Bool {
    switch value {
    case .tensor: names.contains(where: Self.tensors.contains)
    case .number(.bool): names.contains("bool") || names.contains("int")
    case .number(.int): names.contains("int")
    case .number(.double): names.contains("float")
    case .integers: names.contains("list") || names.contains("tuple")
    case .type: false
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

  /// The keyword argument `name`.
  mutating func number(named name: String) throws -> TensorNumber? {
    guard let value = keywords.removeValue(forKey: name) else { return nil }
    guard case .number(let number) = value else {
      throw TensorEvaluationError(what: "'\(name)' of '\(function)' is no number", expected: "a number")
    }
    return number
  }

  mutating func tensor(_ name: String) throws -> Tensor {
    guard case .tensor(let tensor) = try take(name) else {
      throw TensorEvaluationError(what: "'\(name)' of '\(function)' is no tensor", expected: "a tensor")
    }
    return tensor
  }

  /// The next argument where it is a tensor.
  mutating func takeTensor(_ name: String) -> Tensor? {
    if case .tensor(let tensor)? = positional.first ?? keywords[name] {
      _ = next(name)
      return tensor
    }
    return nil
  }

  /// An integer, or a tuple or list of them.
  mutating func integers(_ name: String) throws -> [Int]? {
    guard let value = next(name) else { return nil }
    switch value {
    case .number(.int(let integer)): return [integer]
    case .integers(let integers): return integers
    default:
      throw TensorEvaluationError(what: "'\(name)' of '\(function)' names no axis", expected: "an integer, or several")
    }
  }

  /// All arguments that are left, as integers: `flip(0, 1)` is `flip((0, 1))`.
  mutating func allIntegers(_ name: String) throws -> [Int] {
    var all: [Int] = []
    while let integers = try integers(name) { all += integers }
    try finish()
    return all
  }

  func finish() throws {
    guard positional.isEmpty, keywords.isEmpty else {
      let names = keywords.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
      throw TensorEvaluationError(
        what: "'\(function)' with more arguments\(names.isEmpty ? "" : " (\(names))")", expected: "those it takes here")
    }
  }
}
