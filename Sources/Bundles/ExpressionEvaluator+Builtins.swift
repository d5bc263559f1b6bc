import Arguments
import OrderedCollections
import PythonSyntax

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The builtin functions that configs use.
extension ExpressionEvaluator {
  static let builtins: Set<String> = [
    "abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min",
    "range",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
  ]

  func callBuiltin(_ call: CallArguments) throws -> PythonValue {
    switch call.function {
    case "abs": return try absolute(try only(call))
    case "all": return .bool(try elements(of: try only(call)).allSatisfy(\.isTrue))
    case "any": return .bool(try elements(of: try only(call)).contains(where: \.isTrue))
    case "bool": return .bool(try optional(call)?.isTrue ?? false)
    case "dict": return .dictionary(try dictionary(call))
    case "enumerate": return .list(try enumerated(call))
    case "float": return .double(try optional(call).map(float) ?? 0)
    case "int": return .int(try optional(call).map(integer) ?? 0)
    case "isinstance": return .bool(try isInstance(call))
    case "len": return .int(try length(try only(call)))
    case "list": return .list(try optional(call).map(elements) ?? [])
    case "max": return try extremum(call) { try isLess($1, $0) }
    case "min": return try extremum(call) { try isLess($0, $1) }
    case "range": return .list(try range(call))
    case "reversed": return .list(try reversed(call))
    case "round": return try rounded(call)
    case "set": return .set(try set(try optional(call).map(elements) ?? []))
    case "slice": return .component(try slice(call))
    case "sorted": return .list(try sorted(call))
    case "str": return .string(try text(call))
    case "sum": return try sum(call)
    case "tuple": return .tuple(try optional(call).map(elements) ?? [])
    default: return .list(try zipped(call))
    }
  }

  // MARK: Arguments

  private func only(_ call: CallArguments) throws -> PythonValue {
    try call.expect(1...1)
    return call.positional[0]
  }

  private func optional(_ call: CallArguments) throws -> PythonValue? {
    try call.expect(0...1)
    return call.positional.first
  }

  /// `slice(start, stop, step)` as a component of its arguments.
  private func slice(_ call: CallArguments) throws -> Component {
    try call.expect(1...3)
    let ends = try call.positional.map { value -> PlainValue in
      if case .none = value { return .null }
      return .int(try int(call, value))
    }
    return Component(target: "slice", positional: ends, path: path)
  }

  /// `isinstance` with the types that have names here, or a tuple of them.
  private func isInstance(_ call: CallArguments) throws -> Bool {
    try call.expect(2...2)
    let types = if case .tuple(let items) = call.positional[1] { items } else { [call.positional[1]] }
    let own: [String] =
      switch call.positional[0] {
      case .bool: ["bool", "int"]
      case .int: ["int"]
      case .double: ["float"]
      case .string: ["str"]
      case .list: ["list"]
      case .tuple: ["tuple"]
      case .set: ["set"]
      case .dictionary, .loaded: ["dict"]
      case .path: ["pathlib.Path", "pathlib.PurePath"]
      case .none: []
      case .symbol, .lambda, .component:
        throw refused("isinstance of \(call.positional[0].typeName)", "its type is not known here")
      }
    return try types.contains { type in
      guard case .symbol(let name) = type, Self.typeNames.contains(name) || name.hasPrefix("pathlib.") else {
        throw refused("isinstance with \(type.typeName)", "only Python's own types are known")
      }
      return own.contains(name)
    }
  }

  private func reversed(_ call: CallArguments) throws -> [PythonValue] {
    let value = try only(call)
    if case .set = value { throw EvaluationFailure.failed("a set has no order to reverse") }
    return try elements(of: value).reversed()
  }

  private func unfit(_ call: String, _ value: PythonValue) -> EvaluationFailure {
    .failed("\(call) doesn't take \(value.typeName)")
  }

  private func int(_ call: CallArguments, _ value: PythonValue) throws -> Int {
    guard case .int(let number)? = value.number else { throw unfit(call.function, value) }
    return number
  }

  // MARK: Conversions

  private func float(_ value: PythonValue) throws -> Double {
    if let number = value.number { return number.asDouble }
    guard case .string(let text) = value else { throw unfit("float", value) }
    guard let number = Self.float(text) else {
      throw EvaluationFailure.failed("\(pythonLiteral(of: text)) is not a number")
    }
    return number
  }

  /// Python's reading of a decimal number; `nan`, `inf` and underscores between digits are allowed.
  private static func float(_ text: String) -> Double? {
    let trimmed = text.trimmingSpace.lowercased()
    let unsigned = trimmed.hasPrefix("-") || trimmed.hasPrefix("+") ? String(trimmed.dropFirst()) : trimmed
    let sign: Double = trimmed.hasPrefix("-") ? -1 : 1
    if ["inf", "infinity"].contains(unsigned) { return sign * .infinity }
    if unsigned == "nan" { return .nan }
    guard let digits = unsigned.withoutDigitUnderscores,
      digits.utf8.allSatisfy({ "0123456789.e+-".utf8.contains($0) }), let first = digits.first,
      first != "+", first != "-"
    else { return nil }
    // Swift wants digits on both sides of the point, Python on one.
    let parts = digits.split(separator: "e", maxSplits: 1, omittingEmptySubsequences: false)
    guard let mantissa = parts.first, mantissa.contains(where: \.isNumber) else { return nil }
    var number = String(mantissa)
    if number.hasPrefix(".") { number = "0" + number }
    if number.hasSuffix(".") { number += "0" }
    return Double(parts.count == 2 ? "\(number)e\(parts[1])" : number).map { sign * $0 }
  }

  private func integer(_ value: PythonValue) throws -> Int {
    switch value.number {
    case .int(let number)?: return number
    case .double(let number)?:
      guard let truncated = Int(exactly: number.rounded(.towardZero)) else {
        throw EvaluationFailure.failed("\(pythonDescription(of: number)) does not fit in a 64-bit integer")
      }
      return truncated
    case nil: break
    }
    guard case .string(let text) = value else { throw unfit("int", value) }
    guard let digits = text.trimmingSpace.withoutDigitUnderscores, let number = Int(digits) else {
      throw EvaluationFailure.failed("\(pythonLiteral(of: text)) is not a 64-bit integer")
    }
    return number
  }

  private func text(_ call: CallArguments) throws -> String {
    guard let value = try optional(call) else { return "" }
    guard let text = value.text else { throw refused("str of \(value.typeName)", "its text is Python's own") }
    return try joined([text])
  }

  private func dictionary(_ call: CallArguments) throws -> OrderedDictionary<PythonValue, PythonValue> {
    guard call.positional.count <= 1 else { throw EvaluationFailure.failed("dict takes one positional argument") }
    var entries: OrderedDictionary<PythonValue, PythonValue> = [:]
    switch call.positional.first {
    case nil: break
    case .dictionary(let given)?: entries = given
    case let value?:
      for pair in try elements(of: value) {
        let parts = try elements(of: pair)
        guard parts.count == 2 else { throw EvaluationFailure.failed("dict needs pairs") }
        entries[try hashable(parts[0])] = parts[1]
      }
    }
    for (name, value) in call.keywords { entries[.string(name)] = value }
    return entries
  }

  // MARK: Numbers

  private func absolute(_ value: PythonValue) throws -> PythonValue {
    switch value.number {
    case .int(let number)?:
      guard number != .min else { throw EvaluationFailure.failed("the integer does not fit in 64 bits") }
      return .int(Swift.abs(number))
    case .double(let number)?: return .double(number.magnitude)
    case nil: throw unfit("abs", value)
    }
  }

  /// Rounds halves to even, and decimals by the exact value of the number, as Python does.
  private func rounded(_ call: CallArguments) throws -> PythonValue {
    try call.expect(1...2)
    let digits = call.positional.count == 2 ? call.positional[1] : .none
    switch (call.positional[0].number, digits) {
    case (.int(let number)?, .none): return .int(number)
    case (.double(let number)?, .none): return .int(try integer(.double(number.rounded(.toNearestOrEven))))
    case (.int(let number)?, .int(0...)): return .int(number)
    case (.double(let number)?, .int(let places)) where (0...300).contains(places):
      return .double(Self.rounded(number, places: places))
    case (nil, _): throw unfit("round", call.positional[0])
    default: throw refused("round to \(digits.text ?? digits.typeName) places", "it is not supported")
    }
  }

  private static func rounded(_ number: Double, places: Int) -> Double {
    guard number.isFinite, places < 300 else { return number }
    // The C library rounds the exact binary value, and ties to even, which is Python's rule.
    var buffer = [CChar](repeating: 0, count: 1024)
    let length = withVaList([Int32(places), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
    guard length > 0, length < buffer.count else { return number }
    return Double(String(decoding: buffer[..<Int(length)].map(UInt8.init(bitPattern:)), as: UTF8.self)) ?? number
  }

  private func sum(_ call: CallArguments) throws -> PythonValue {
    try call.expect(1...2)
    var total = call.positional.count == 2 ? call.positional[1] : .int(0)
    if case .string = total { throw EvaluationFailure.failed("sum doesn't take strings") }
    for element in try elements(of: call.positional[0]) {
      total = try binary(.add, total, element)
      // A sum of lists copies what it has so far at every step.
      if total.number == nil { try budget.spend(on: total) }
    }
    return total
  }

  private func extremum(
    _ call: CallArguments, _ precedes: (PythonValue, PythonValue) throws -> Bool
  ) throws -> PythonValue {
    try call.expect(1...10_000)
    let candidates = call.positional.count == 1 ? try elements(of: call.positional[0]) : call.positional
    guard var best = candidates.first else { throw EvaluationFailure.failed("\(call.function) of nothing") }
    for candidate in candidates.dropFirst() where try precedes(candidate, best) { best = candidate }
    return best
  }

  // MARK: Sequences

  private func length(_ value: PythonValue) throws -> Int {
    switch value {
    case .list(let items), .tuple(let items): return items.count
    case .set(let items): return items.count
    case .dictionary(let entries): return entries.count
    case .string(let text): return text.unicodeScalars.count
    default: throw unfit("len", value)
    }
  }

  private func range(_ call: CallArguments) throws -> [PythonValue] {
    try call.expect(1...3)
    let numbers = try call.positional.map { try int(call, $0) }
    let (start, end) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw EvaluationFailure.failed("a range's step can't be zero") }
    let isEmpty = step > 0 ? start >= end : start <= end
    guard !isEmpty else { return [] }
    let distance = start.distanceMagnitude(to: end)
    let count = (distance - 1) / step.magnitude + 1
    guard count <= UInt(WorkBudget.maximumWork) else {
      throw EvaluationFailure.tooLarge("a range of \(count) numbers")
    }
    try budget.spend(Int(count))
    // Every member lies between the two bounds, so none overflows.
    return (0..<Int(count)).map { .int(start &+ $0 &* step) }
  }

  private func sorted(_ call: CallArguments) throws -> [PythonValue] {
    var call = call
    let isReversed = call.takeKeyword("reverse")?.isTrue ?? false
    let items = try elements(of: try only(call))
    // Sorting the reverse with the opposite order keeps equal items in their order, as Python does.
    return isReversed ? try items.sorted { try isLess($1, $0) } : try items.sorted { try isLess($0, $1) }
  }

  private func enumerated(_ call: CallArguments) throws -> [PythonValue] {
    var call = call
    if let start = call.takeKeyword("start") { call.positional.append(start) }
    try call.expect(1...2)
    let start = call.positional.count == 2 ? try int(call, call.positional[1]) : 0
    let items = try elements(of: call.positional[0])
    return try items.enumerated().map { .tuple([try binary(.add, .int(start), .int($0.offset)), $0.element]) }
  }

  private func zipped(_ call: CallArguments) throws -> [PythonValue] {
    try call.expect(0...64)
    let columns = try call.positional.map(elements)
    let count = columns.map(\.count).min() ?? 0
    return (0..<count).map { row in .tuple(columns.map { $0[row] }) }
  }
}

extension Int {
  /// How far apart two integers are, whatever their signs.
  fileprivate func distanceMagnitude(to other: Int) -> UInt {
    self < other ? UInt(bitPattern: other &- self) : UInt(bitPattern: self &- other)
  }
}

extension String {
  /// The text without white space at its ends.
  var trimmingSpace: String {
    let isSpace: (Character) -> Bool = \.isWhitespace
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
      return ""
    }
    return String(self[first...last])
  }

  /// The text without the underscores between its digits; nil where one stands elsewhere.
  fileprivate var withoutDigitUnderscores: String? {
    let characters = Array(self)
    for (index, character) in characters.enumerated() where character == "_" {
      guard index > 0, index + 1 < characters.count, characters[index - 1].isNumber, characters[index + 1].isNumber
      else { return nil }
    }
    return filter { $0 != "_" }
  }
}
