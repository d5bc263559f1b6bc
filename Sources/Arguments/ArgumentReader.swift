import OrderedCollections

/// Reads a component's arguments by name and type, and refuses those that nobody asked for.
///
///     var arguments = ArgumentReader(component)
///     let channels = try arguments.ints("channels")
///     let bias = try arguments.bool("bias", default: true)
///     try arguments.finish()
///
/// Every reading throws ``ArgumentError`` with the config path of the argument.
package struct ArgumentReader {
  package let component: Component
  private var known: Set<String> = []

  package init(_ component: Component) { self.component = component }

  /// The argument as it stands; nil where it is absent.
  package mutating func value(_ name: String) -> PlainValue? {
    known.insert(name)
    return component.arguments[name]
  }

  /// The argument, or nil where it is absent or `None`.
  package mutating func present(_ name: String) -> PlainValue? {
    value(name).flatMap { $0.isNull ? nil : $0 }
  }

  /// Accepts an argument that has no effect on the result (for example `progress`).
  package mutating func ignore(_ names: String...) { known.formUnion(names) }

  /// - Throws: ``ArgumentError/unknown(component:path:names:known:)`` naming every argument that wasn't read.
  package func finish() throws {
    guard component.positional.isEmpty else {
      throw ArgumentError.tooMany(
        component: component.className, path: component.path, count: component.positional.count, parameters: [])
    }
    let strangers = Array(component.arguments.keys).filter { !known.contains($0) }
    guard strangers.isEmpty else {
      throw ArgumentError.unknown(
        component: component.className, path: component.path, names: strangers, known: Array(known))
    }
  }

  // MARK: Errors

  package func wrongKind(_ name: String, _ found: PlainValue, expected: String) -> ArgumentError {
    .wrongKind(
      component: component.className, path: component.path, name: name, found: found.summary, expected: expected)
  }

  package func unsupported(_ name: String, _ found: String, supported: String) -> ArgumentError {
    .unsupported(
      component: component.className, path: component.path, name: name, found: found, supported: supported)
  }

  private func missing(_ name: String) -> ArgumentError {
    .missing(component: component.className, path: component.path, name: name)
  }

  // MARK: Typed readings. `optional…` gives nil for an absent argument and for `None`.

  package mutating func optionalInt(_ name: String) throws -> Int? { try optional(name, "an integer", \.asInt) }
  package mutating func int(_ name: String) throws -> Int { try required(name, optionalInt(name)) }
  package mutating func int(_ name: String, default fallback: Int) throws -> Int { try optionalInt(name) ?? fallback }

  package mutating func optionalDouble(_ name: String) throws -> Double? { try optional(name, "a number", \.asDouble) }
  package mutating func double(_ name: String) throws -> Double { try required(name, optionalDouble(name)) }
  package mutating func double(_ name: String, default fallback: Double) throws -> Double {
    try optionalDouble(name) ?? fallback
  }

  package mutating func optionalBool(_ name: String) throws -> Bool? { try optional(name, "true or false", \.asBool) }
  package mutating func bool(_ name: String) throws -> Bool { try required(name, optionalBool(name)) }
  package mutating func bool(_ name: String, default fallback: Bool) throws -> Bool {
    try optionalBool(name) ?? fallback
  }

  package mutating func optionalString(_ name: String) throws -> String? { try optional(name, "a string", \.asString) }
  package mutating func string(_ name: String) throws -> String { try required(name, optionalString(name)) }
  package mutating func string(_ name: String, default fallback: String) throws -> String {
    try optionalString(name) ?? fallback
  }

  /// A list of integers; a single integer stands for a list of one.
  package mutating func optionalInts(_ name: String) throws -> [Int]? {
    try optional(name, "a list of integers", \.asInts)
  }
  package mutating func ints(_ name: String) throws -> [Int] { try required(name, optionalInts(name)) }
  package mutating func ints(_ name: String, default fallback: [Int]) throws -> [Int] {
    try optionalInts(name) ?? fallback
  }

  /// A list of numbers; a single number stands for a list of one.
  package mutating func optionalDoubles(_ name: String) throws -> [Double]? {
    try optional(name, "a list of numbers", \.asDoubles)
  }
  package mutating func doubles(_ name: String) throws -> [Double] { try required(name, optionalDoubles(name)) }

  /// A list of strings; a single string stands for a list of one.
  package mutating func optionalStrings(_ name: String) throws -> [String]? {
    try optional(name, "a list of strings", \.asStrings)
  }
  package mutating func strings(_ name: String) throws -> [String] { try required(name, optionalStrings(name)) }

  private mutating func optional<Value>(
    _ name: String, _ expected: String, _ read: (PlainValue) -> Value?
  ) throws -> Value? {
    try present(name).map { value in
      guard let result = read(value) else { throw wrongKind(name, value, expected: expected) }
      return result
    }
  }

  private func required<Value>(_ name: String, _ value: Value?) throws -> Value {
    guard let value else { throw missing(name) }
    return value
  }

  package mutating func optionalComponent(_ name: String) throws -> Component? {
    try present(name).map { value in
      guard case .component(let component) = value else {
        throw wrongKind(name, value, expected: "an entry with a _target_")
      }
      return component
    }
  }

  /// A list of components, as `transforms` of a `Compose` is.
  package mutating func components(_ name: String) throws -> [Component] {
    guard let value = present(name) else { throw missing(name) }
    guard case .list(let items) = value else {
      throw wrongKind(name, value, expected: "a list of entries with a _target_")
    }
    return try items.enumerated().map { index, item in
      guard case .component(let component) = item else {
        throw wrongKind("\(name)#\(index)", item, expected: "an entry with a _target_")
      }
      return component
    }
  }
}

extension PlainValue {
  /// The integer of an int, or of a double without a fraction.
  package var asInt: Int? {
    switch self {
    case .int(let value): value
    case .double(let value): Int(exactly: value)
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  package var asDouble: Double? {
    switch self {
    case .double(let value): value
    case .int(let value): Double(value)
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// Of texts only `true` is accepted: Python takes every text as true, `'False'` too, which nobody means.
  package var asBool: Bool? {
    switch self {
    case .bool(let value): value
    case .int(0): false
    case .int(1): true
    case .string("True"), .string("true"): true
    default: nil
    }
  }

  package var asString: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  package var asInts: [Int]? { asList(\.asInt) }
  package var asDoubles: [Double]? { asList(\.asDouble) }
  package var asStrings: [String]? { asList(\.asString) }

  private func asList<Element>(_ element: (PlainValue) -> Element?) -> [Element]? {
    guard case .list(let items) = self else { return element(self).map { [$0] } }
    var result: [Element] = []
    for item in items {
      guard let value = element(item) else { return nil }
      result.append(value)
    }
    return result
  }
}
