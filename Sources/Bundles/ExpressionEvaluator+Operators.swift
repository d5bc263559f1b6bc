import OrderedCollections
import PythonSyntax

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Operators, with Python's results; 64-bit integers throw where Python would grow them.
extension ExpressionEvaluator {
  private static let overflow = EvaluationFailure.failed("the integer does not fit in 64 bits")

  /// The longest string that an expression may make, in bytes.
  static let maximumStringBytes = 1 << 20

  func unary(_ unary: Expression.UnaryOperator, _ operand: PythonValue) throws -> PythonValue {
    if unary == .not { return .bool(!operand.isTrue) }
    guard let number = operand.number else {
      throw EvaluationFailure.failed("the operator '\(unary.rawValue)' doesn't take \(operand.typeName)")
    }
    switch (unary, number) {
    case (.invert, .int(let value)): return .int(~value)
    case (.invert, .double): throw EvaluationFailure.failed("the operator '~' doesn't take a float")
    case (.minus, .int(let value)):
      guard value != .min else { throw Self.overflow }
      return .int(-value)
    case (.minus, .double(let value)): return .double(-value)
    case (_, .int(let value)): return .int(value)
    case (_, .double(let value)): return .double(value)
    }
  }

  func binary(_ binary: Expression.BinaryOperator, _ left: PythonValue, _ right: PythonValue) throws -> PythonValue {
    if case .bool(let a) = left, case .bool(let b) = right, let result = Self.logical(binary, a, b) {
      return .bool(result)
    }
    if let a = left.number, let b = right.number { return try arithmetic(binary, a, b) }
    switch (binary, left, right) {
    case (.bitOr, .set(let a), .set(let b)): return .set(a.union(b))
    case (.bitAnd, .set(let a), .set(let b)): return .set(a.intersection(b))
    case (.bitXor, .set(let a), .set(let b)): return .set(a.symmetricDifference(b))
    case (.subtract, .set(let a), .set(let b)): return .set(a.subtracting(b))
    case (.bitOr, .dictionary(let a), .dictionary(let b)): return .dictionary(a.merging(b) { $1 })
    case (.add, .string(let a), .string(let b)): return .string(try joined([a, b]))
    case (.add, .list(let a), .list(let b)): return .list(a + b)
    case (.add, .tuple(let a), .tuple(let b)): return .tuple(a + b)
    case (.multiply, _, _):
      if case .int(let count)? = right.number { return try repeated(left, count) }
      if case .int(let count)? = left.number { return try repeated(right, count) }
    case (.divide, .path(let folder), .string(let name)), (.divide, .path(let folder), .path(let name)),
      (.divide, .string(let folder), .path(let name)):
      return .path(PosixPath.pure(PosixPath.join([folder, name])))
    default: break
    }
    if case .string = left, binary == .modulo { throw refused("string formatting with '%'", "it is not supported") }
    throw EvaluationFailure.failed(
      "the operator '\(binary.rawValue)' doesn't take \(left.typeName) and \(right.typeName)")
  }

  /// `&`, `|` and `^` of booleans, which are booleans again.
  private static func logical(_ binary: Expression.BinaryOperator, _ a: Bool, _ b: Bool) -> Bool? {
    switch binary {
    case .bitAnd: a && b
    case .bitOr: a || b
    case .bitXor: a != b
    default: nil
    }
  }

  func joined(_ parts: [String], separator: String = "") throws -> String {
    let count = parts.reduce(0) { $0 + $1.utf8.count }
    try pay(forStringOf: count, repeated: 1)
    try pay(forStringOf: separator.utf8.count, repeated: max(0, parts.count - 1))
    return parts.joined(separator: separator)
  }

  /// Pays for a string before it is made.
  /// - Throws: ``EvaluationFailure/tooLarge(_:)``, also for a single string that is too long.
  private func pay(forStringOf bytes: Int, repeated times: Int) throws {
    guard bytes == 0 || times <= Self.maximumStringBytes / bytes else {
      throw EvaluationFailure.tooLarge("a string of more than \(Self.maximumStringBytes) bytes")
    }
    try budget.spend(bytes * times / 16)
  }

  private func repeated(_ value: PythonValue, _ count: Int) throws -> PythonValue {
    let times = max(0, count)
    switch value {
    case .string(let text):
      try pay(forStringOf: text.utf8.count, repeated: times)
      return text.isEmpty ? .string("") : .string(String(repeating: text, count: times))
    case .list(let items): return .list(try repeated(items, times))
    case .tuple(let items): return .tuple(try repeated(items, times))
    default: throw EvaluationFailure.failed("\(value.typeName) can't be repeated")
    }
  }

  private func repeated(_ items: [PythonValue], _ times: Int) throws -> [PythonValue] {
    guard !items.isEmpty, times > 0 else { return [] }
    try budget.spend(times)
    var result: [PythonValue] = []
    for _ in 0..<times {
      try budget.spend(on: .list(items))
      result += items
    }
    return result
  }

  // MARK: Arithmetic

  private func arithmetic(
    _ binary: Expression.BinaryOperator, _ left: PythonNumber, _ right: PythonNumber
  ) throws -> PythonValue {
    switch (binary, left, right) {
    case (.add, .int(let a), .int(let b)): return try checked(a.addingReportingOverflow(b))
    case (.subtract, .int(let a), .int(let b)): return try checked(a.subtractingReportingOverflow(b))
    case (.multiply, .int(let a), .int(let b)): return try checked(a.multipliedReportingOverflow(by: b))
    case (.floorDivide, .int(let a), .int(let b)): return try floorDivided(a, b)
    case (.modulo, .int(let a), .int(let b)): return try modulo(a, b)
    case (.power, .int(let a), .int(let b)) where b >= 0: return try power(a, b)
    case (.bitAnd, .int(let a), .int(let b)): return .int(a & b)
    case (.bitOr, .int(let a), .int(let b)): return .int(a | b)
    case (.bitXor, .int(let a), .int(let b)): return .int(a ^ b)
    case (.shiftLeft, .int(let a), .int(let b)), (.shiftRight, .int(let a), .int(let b)):
      guard b >= 0 else { throw EvaluationFailure.failed("a negative shift") }
      guard binary == .shiftLeft, a != 0 else { return .int(a >> b) }
      guard b < Int.bitWidth, (a << b) >> b == a else { throw Self.overflow }
      return .int(a << b)
    case (.add, _, _): return .double(left.asDouble + right.asDouble)
    case (.subtract, _, _): return .double(left.asDouble - right.asDouble)
    case (.multiply, _, _): return .double(left.asDouble * right.asDouble)
    case (.divide, _, _):
      guard right.asDouble != 0 else { throw EvaluationFailure.failed("division by zero") }
      return .double(left.asDouble / right.asDouble)
    case (.floorDivide, _, _): return .double(try floorDivision(left.asDouble, right.asDouble).quotient)
    case (.modulo, _, _): return .double(try floorDivision(left.asDouble, right.asDouble).remainder)
    case (.power, _, _): return try power(left.asDouble, right.asDouble)
    default:
      throw EvaluationFailure.failed(
        "the operator '\(binary.rawValue)' doesn't take \(left.typeName) and \(right.typeName)")
    }
  }

  private func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> PythonValue {
    guard !result.overflow else { throw Self.overflow }
    return .int(result.partialValue)
  }

  private func floorDivided(_ a: Int, _ b: Int) throws -> PythonValue {
    guard b != 0 else { throw EvaluationFailure.failed("division by zero") }
    let (quotient, overflow) = a.dividedReportingOverflow(by: b)
    guard !overflow else { throw Self.overflow }
    let isInexact = a % b != 0
    return .int(isInexact && (a < 0) != (b < 0) ? quotient - 1 : quotient)
  }

  private func modulo(_ a: Int, _ b: Int) throws -> PythonValue {
    guard b != 0 else { throw EvaluationFailure.failed("division by zero") }
    let (remainder, overflow) = a.remainderReportingOverflow(dividingBy: b)
    guard !overflow else { return .int(0) }
    return .int(remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder)
  }

  /// CPython's `float_divmod`: the remainder has the sign of the divisor, the quotient is its exact partner.
  private func floorDivision(_ a: Double, _ b: Double) throws -> (quotient: Double, remainder: Double) {
    guard b != 0 else { throw EvaluationFailure.failed("division by zero") }
    var remainder = fmod(a, b)
    var quotient = (a - remainder) / b
    if remainder != 0 {
      if (b < 0) != (remainder < 0) {
        remainder += b
        quotient -= 1
      }
    } else {
      remainder = b < 0 ? -0.0 : 0.0
    }
    guard quotient != 0 else { return ((a / b).sign == .minus ? -0.0 : 0.0, remainder) }
    let floored = quotient.rounded(.down)
    return (quotient - floored > 0.5 ? floored + 1 : floored, remainder)
  }

  private func power(_ base: Int, _ exponent: Int) throws -> PythonValue {
    var result = 1
    var factor = base
    var rest = exponent
    while rest > 0 {
      if rest & 1 == 1 {
        let (product, overflow) = result.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw Self.overflow }
        result = product
      }
      rest >>= 1
      guard rest > 0 else { break }
      let (square, overflow) = factor.multipliedReportingOverflow(by: factor)
      guard !overflow else { throw Self.overflow }
      factor = square
    }
    return .int(result)
  }

  private func power(_ base: Double, _ exponent: Double) throws -> PythonValue {
    guard base != 0 || exponent >= 0 else { throw EvaluationFailure.failed("zero can't be raised to a negative power") }
    guard base >= 0 || exponent.rounded() == exponent || !base.isFinite else {
      throw refused("a complex power", "complex numbers are not supported")
    }
    let result = pow(base, exponent)
    guard result.isFinite || !base.isFinite || !exponent.isFinite else {
      throw EvaluationFailure.failed("the result is too large for a float")
    }
    return .double(result)
  }

  // MARK: Comparisons

  mutating func comparison(_ first: Expression, _ rest: [Expression.Comparison]) throws -> Bool {
    var left = try evaluate(first)
    for comparison in rest {
      let right = try evaluate(comparison.operand)
      guard try compare(left, comparison.comparator, right) else { return false }
      left = right
    }
    return true
  }

  private func compare(_ left: PythonValue, _ comparator: Expression.Comparator, _ right: PythonValue) throws -> Bool {
    switch comparator {
    case .equal: return left == right
    case .notEqual: return left != right
    case .less: return try isLess(left, right)
    case .greater: return try isLess(right, left)
    case .lessOrEqual: return try isLess(left, right) || left == right
    case .greaterOrEqual: return try isLess(right, left) || left == right
    case .in: return try contains(right, left)
    case .notIn: return try !contains(right, left)
    case .is: return try isIdentical(left, right)
    case .isNot: return try !isIdentical(left, right)
    }
  }

  func isLess(_ left: PythonValue, _ right: PythonValue) throws -> Bool {
    if let a = left.number, let b = right.number { return a.isLess(than: b) }
    switch (left, right) {
    case (.string(let a), .string(let b)): return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.path(let a), .path(let b)): return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
      guard let (x, y) = zip(a, b).first(where: { $0 != $1 }) else { return a.count < b.count }
      return try isLess(x, y)
    default:
      throw EvaluationFailure.failed("\(left.typeName) and \(right.typeName) have no order")
    }
  }

  private func contains(_ container: PythonValue, _ element: PythonValue) throws -> Bool {
    switch (container, element) {
    case (.string(let text), .string(let part)): return part.isEmpty || text.contains(part)
    case (.dictionary(let entries), _): return entries[try hashable(element)] != nil
    case (.set(let items), _): return items.contains(try hashable(element))
    case (.list(let items), _), (.tuple(let items), _): return items.contains(element)
    default: throw EvaluationFailure.failed("'in' doesn't take \(element.typeName) and \(container.typeName)")
    }
  }

  /// `is` for `None`, `True` and `False`; for other values identity is an accident of Python's.
  private func isIdentical(_ left: PythonValue, _ right: PythonValue) throws -> Bool {
    switch (left, right) {
    case (.none, .none): return true
    case (.none, _), (_, .none): return false
    case (.bool(let a), .bool(let b)): return a == b
    case (.bool, _), (_, .bool): return false
    default: throw refused("'is' between \(left.typeName) and \(right.typeName)", "use == instead")
    }
  }

  // MARK: Subscripts

  mutating func subscripted(_ base: Expression, _ index: Expression) throws -> PythonValue {
    let container = try evaluate(base)
    if case .slice(let lower, let upper, let step) = index.kind {
      return try sliced(container, lower, upper, step)
    }
    let key = try evaluate(index)
    switch container {
    case .list(let items), .tuple(let items):
      return items[try position(key, in: items.count, of: container)]
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      return .string(String(Character(scalars[try position(key, in: scalars.count, of: container)])))
    case .dictionary(let entries):
      guard let value = entries[try hashable(key)] else {
        throw EvaluationFailure.failed("the dict has no key \(key.text.map { "'\($0)'" } ?? key.typeName)")
      }
      return value
    case .loaded(let data):
      guard let value = try entry(key, of: data) else {
        throw EvaluationFailure.failed("the dict has no key \(key.text.map { "'\($0)'" } ?? key.typeName)")
      }
      return value
    default:
      throw refused("a subscript on \(container.typeName)", "only lists, tuples, strings and dicts have one")
    }
  }

  private func position(_ key: PythonValue, in count: Int, of container: PythonValue) throws -> Int {
    guard case .int(let index)? = key.number else {
      throw EvaluationFailure.failed("an index of \(container.typeName) must be an int, not \(key.typeName)")
    }
    // A negative index counts from the end.
    let (shifted, overflow) = index < 0 ? index.addingReportingOverflow(count) : (index, false)
    guard !overflow, (0..<count).contains(shifted) else {
      throw EvaluationFailure.failed("the index \(index) is out of range in \(container.typeName) of \(count)")
    }
    return shifted
  }

  private mutating func sliced(
    _ container: PythonValue, _ lower: Expression?, _ upper: Expression?, _ step: Expression?
  ) throws -> PythonValue {
    let bounds = (try bound(lower), try bound(upper), try bound(step))
    switch container {
    case .list(let items): return .list(try indices(bounds, items.count).map { items[$0] })
    case .tuple(let items): return .tuple(try indices(bounds, items.count).map { items[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var part = String.UnicodeScalarView()
      for index in try indices(bounds, scalars.count) { part.append(scalars[index]) }
      return .string(String(part))
    default: throw refused("a slice of \(container.typeName)", "only lists, tuples and strings have one")
    }
  }

  private mutating func bound(_ expression: Expression?) throws -> Int? {
    guard let expression else { return nil }
    switch try evaluate(expression) {
    case .none: return nil
    case let value:
      guard case .int(let bound)? = value.number else {
        throw EvaluationFailure.failed("a slice's bound must be an int, not \(value.typeName)")
      }
      return bound
    }
  }

  /// The indices that a slice selects, by Python's rules for missing, negative and too large bounds.
  private func indices(_ bounds: (Int?, Int?, Int?), _ count: Int) throws -> [Int] {
    let step = min(max(bounds.2 ?? 1, -count - 1), count + 1)
    guard step != 0 else { throw EvaluationFailure.failed("a slice's step can't be zero") }
    let range = step > 0 ? 0...count : -1...max(-1, count - 1)
    func clamp(_ bound: Int) -> Int {
      let (shifted, overflow) = bound < 0 ? bound.addingReportingOverflow(count) : (bound, false)
      return overflow ? range.lowerBound : min(max(shifted, range.lowerBound), range.upperBound)
    }
    let start = bounds.0.map(clamp) ?? (step > 0 ? range.lowerBound : range.upperBound)
    let end = bounds.1.map(clamp) ?? (step > 0 ? range.upperBound : range.lowerBound)
    return Array(stride(from: start, to: end, by: step))
  }
}
