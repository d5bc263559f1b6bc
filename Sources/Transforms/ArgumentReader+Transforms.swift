import Arguments
import Tensors

extension ArgumentReader {
  /// Refuses an argument that is there and isn't `None`, `False` or empty.
  mutating func refuse(_ name: String, supported: String) throws {
    guard let value = present(name) else { return }
    switch value {
    case .bool(false), .string(""): return
    default: throw unsupported(name, value.summary, supported: supported)
    }
  }

  /// Lazy resampling merges several resamplings into one; its results differ, so it isn't ignored.
  mutating func refuseLazy() throws {
    try refuse("lazy", supported: "false: transforms are applied one after the other")
  }

  /// One value per key: a list of as many as there are keys, or one value for all.
  mutating func perKey<Value>(
    _ name: String, count: Int, default fallback: Value, expected: String, _ read: (PlainValue) -> Value?
  ) throws -> [Value] {
    guard let value = present(name) else { return Array(repeating: fallback, count: count) }
    if let single = read(value) { return Array(repeating: single, count: count) }
    guard case .list(let items) = value else { throw wrongKind(name, value, expected: expected) }
    guard items.count == count else {
      throw wrongKind(name, value, expected: "one value, or one for each of the \(count) keys")
    }
    return try items.map { item in
      if item.isNull { return fallback }
      guard let single = read(item) else { throw wrongKind(name, item, expected: expected) }
      return single
    }
  }

  /// The same with nil for what is absent or `None`.
  mutating func optionalPerKey<Value>(
    _ name: String, count: Int, expected: String, _ read: (PlainValue) -> Value?
  ) throws -> [Value?] {
    // A value that `read` refuses must stay nil, and not become a value that is nil.
    try perKey(name, count: count, default: nil, expected: expected) { value -> Value?? in
      read(value).map(Optional.some)
    }
  }

  mutating func bools(_ name: String, per keys: Keys, default fallback: Bool) throws -> [Bool] {
    try perKey(name, count: keys.names.count, default: fallback, expected: "true or false", \.asBool)
  }

  mutating func optionalBools(_ name: String, per keys: Keys) throws -> [Bool?] {
    try optionalPerKey(name, count: keys.names.count, expected: "true or false", \.asBool)
  }

  mutating func optionalInts(_ name: String, per keys: Keys) throws -> [Int?] {
    try optionalPerKey(name, count: keys.names.count, expected: "an integer") { value in
      // A bool was an integer in older versions, with another meaning.
      if case .bool = value { return nil }
      return value.asInt
    }
  }

  mutating func optionalDoubles(_ name: String, per keys: Keys) throws -> [Double?] {
    try optionalPerKey(name, count: keys.names.count, expected: "a number") { value in
      if case .bool = value { return nil }
      return value.asDouble
    }
  }

  mutating func optionalStrings(_ name: String, per keys: Keys) throws -> [String?] {
    try optionalPerKey(name, count: keys.names.count, expected: "a string", \.asString)
  }

  /// One choice per key.
  mutating func choices<Choice: NamedChoice>(_ name: String, per keys: Keys, default fallback: Choice) throws
    -> [Choice]
  {
    let names = try optionalPerKey(
      name, count: keys.names.count, expected: Choice.expectation, \.choiceName)
    return try names.map { text in try text.map { try choice(name, $0) } ?? fallback }
  }

  /// One choice for all keys.
  mutating func choice<Choice: NamedChoice>(_ name: String, default fallback: Choice) throws -> Choice {
    guard let value = present(name) else { return fallback }
    guard let text = value.choiceName else { throw wrongKind(name, value, expected: Choice.expectation) }
    return try choice(name, text)
  }

  private func choice<Choice: NamedChoice>(_ name: String, _ text: String) throws -> Choice {
    guard let choice = Choice(configName: text) else {
      throw unsupported(name, "'\(text)'", supported: Choice.expectation)
    }
    return choice
  }

  /// An element type, written `float32`, `torch.float32`, `numpy.float32` or `np.float32`; nil for `None`.
  mutating func elementType(_ name: String, default fallback: ElementType?) throws -> ElementType? {
    guard let value = value(name) else { return fallback }
    if value.isNull { return nil }
    return try elementType(name, value)
  }

  /// One element type per key; nil for `None` and where it is absent.
  mutating func elementTypes(_ name: String, per keys: Keys, default fallback: ElementType?) throws -> [ElementType?] {
    guard let value = value(name) else { return Array(repeating: fallback, count: keys.names.count) }
    guard case .list(let items) = value else {
      return Array(repeating: value.isNull ? nil : try elementType(name, value), count: keys.names.count)
    }
    guard items.count == keys.names.count else {
      throw wrongKind(name, value, expected: "one type, or one for each of the \(keys.names.count) keys")
    }
    return try items.map { $0.isNull ? nil : try elementType(name, $0) }
  }

  private func elementType(_ name: String, _ value: PlainValue) throws -> ElementType {
    guard let text = value.choiceName else {
      throw wrongKind(name, value, expected: "an element type such as float32")
    }
    let last = text.split(separator: ".").last.map(String.init) ?? text
    // Python's own float and int have 64 bits, PyTorch's of that name 32.
    let isPythons = last == text
    let pythonNames = [
      "float": isPythons ? "float64" : "float32", "double": "float64", "half": "float16", "long": "int64",
      "int": isPythons ? "int64" : "int32", "short": "int16", "bool_": "bool",
    ]
    guard let type = ElementType(rawValue: pythonNames[last] ?? last) else {
      throw unsupported(
        name, "'\(text)'", supported: ElementType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return type
  }
}

extension PlainValue {
  /// The text of a string or of a library's symbol.
  var choiceName: String? {
    switch self {
    case .string(let text), .symbol(let text): text
    default: nil
    }
  }
}

/// A closed set of words that an argument can be.
protocol NamedChoice: CaseIterable, RawRepresentable where RawValue == String {
  init?(configName: String)
}

extension NamedChoice {
  /// The choice of a config's word: `bilinear`, or an enumeration's member such as `GridSampleMode.BILINEAR`.
  init?(configName: String) {
    let word = configName.split(separator: ".").last.map { $0.lowercased() } ?? configName
    self.init(rawValue: word)
  }

  static var expectation: String { allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ") }
}
