import Archives
import Arguments
import OrderedCollections

/// A value while expressions are evaluated: what `PlainValue` has, and the differences that Python makes between
/// lists, tuples and sets, and between keys of other kinds than strings.
indirect enum PythonValue: Sendable {
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([PythonValue])
  case tuple([PythonValue])
  /// In the order of insertion; see ``PythonValue/inOrder(_:)`` for how it is read.
  case set(OrderedSet<PythonValue>)
  case dictionary(OrderedDictionary<PythonValue, PythonValue>)
  /// A `pathlib.Path`.
  case path(String)
  case symbol(String)
  case lambda(String)
  case component(Component)
  /// A dictionary of a checkpoint, of which only what is asked for is read.
  case loaded(CheckpointData)
}

/// Equality as Python's `==` has it: numbers and booleans compare by value, dictionaries and sets without order.
extension PythonValue: Hashable {
  static func == (left: PythonValue, right: PythonValue) -> Bool {
    if let a = left.number, let b = right.number { return a.equals(b) }
    switch (left, right) {
    case (.none, .none): return true
    case (.string(let a), .string(let b)): return a.unicodeScalars.elementsEqual(b.unicodeScalars)
    case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return a == b
    case (.set(let a), .set(let b)): return a.count == b.count && a.allSatisfy(b.contains)
    case (.dictionary(let a), .dictionary(let b)):
      return a.count == b.count && a.allSatisfy { key, value in b[key].map { $0 == value } ?? false }
    case (.path(let a), .path(let b)), (.symbol(let a), .symbol(let b)), (.lambda(let a), .lambda(let b)): return a == b
    case (.component(let a), .component(let b)): return a == b
    default: return false
    }
  }

  func hash(into hasher: inout Hasher) {
    switch self {
    case .bool, .int, .double:
      // An integral double equals the integer, so it must hash as one.
      switch number {
      case .int(let value)?: hasher.combine(value)
      case .double(let value)?:
        if let integer = Int(exactly: value) { hasher.combine(integer) } else { hasher.combine(value) }
      case nil: break
      }
    case .string(let text), .path(let text), .symbol(let text), .lambda(let text): hasher.combine(text)
    case .tuple(let items): hasher.combine(items)
    case .list(let items): hasher.combine(items.count)
    case .set(let items): hasher.combine(items.count)
    case .dictionary(let entries): hasher.combine(entries.count)
    case .component(let component): hasher.combine(component.target)
    case .none, .loaded: hasher.combine(0 as UInt8)
    }
  }

  /// Whether Python lets the value be a key or a member of a set. NaN, unequal to itself, is not accepted.
  var isHashable: Bool {
    switch self {
    case .list, .set, .dictionary, .loaded: false
    case .double(let value): !value.isNaN
    case .tuple(let items): items.allSatisfy(\.isHashable)
    default: true
    }
  }
}

/// A number of Python: booleans are integers.
enum PythonNumber {
  case int(Int)
  case double(Double)

  var asDouble: Double {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    }
  }

  var typeName: String {
    switch self {
    case .int: "an int"
    case .double: "a float"
    }
  }

  func equals(_ other: PythonNumber) -> Bool {
    switch (self, other) {
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.int(let a), .double(let b)), (.double(let b), .int(let a)): Int(exactly: b) == a
    }
  }

  func isLess(than other: PythonNumber) -> Bool {
    guard case .int(let a) = self, case .int(let b) = other else { return asDouble < other.asDouble }
    return a < b
  }
}

extension PythonValue {
  /// The number; nil for anything but numbers and booleans.
  var number: PythonNumber? {
    switch self {
    case .bool(let value): .int(value ? 1 : 0)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    default: nil
    }
  }

  /// Whether Python's `if` takes the value as true.
  var isTrue: Bool {
    switch self {
    case .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let text): !text.isEmpty
    case .list(let items), .tuple(let items): !items.isEmpty
    case .set(let items): !items.isEmpty
    case .dictionary(let entries): !entries.isEmpty
    case .path, .symbol, .lambda, .component, .loaded: true
    }
  }

  /// Python's name of the type, for messages.
  var typeName: String {
    switch self {
    case .none: "None"
    case .bool: "a bool"
    case .int: "an int"
    case .double: "a float"
    case .string: "a str"
    case .list: "a list"
    case .tuple: "a tuple"
    case .set: "a set"
    case .dictionary: "a dict"
    case .path: "a Path"
    case .symbol(let name): "'\(name)'"
    case .lambda: "a lambda"
    case .component(let component): component.described
    case .loaded: "a checkpoint"
    }
  }

  /// The value as the rest of Martlet takes it; nil for a dictionary with keys that aren't strings, integers or
  /// booleans, which become Python's `str` of them.
  var plain: PlainValue? {
    switch self {
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let text), .path(let text): return .string(text)
    case .list(let items), .tuple(let items): return Self.plainList(items)
    case .set(let items): return Self.plainList(Self.inOrder(items))
    case .symbol(let name): return .symbol(name)
    case .lambda(let source): return .lambda(source)
    case .component(let component): return .component(component)
    case .loaded: return .symbol("torch.load")
    case .dictionary(let entries):
      var plain: OrderedDictionary<String, PlainValue> = [:]
      for (key, value) in entries {
        guard let name = key.keyText, let value = value.plain else { return nil }
        plain[name] = value
      }
      return .dictionary(plain)
    }
  }

  /// The members of a set as Python goes through them: small integers ascend, as their hashes do. For other members the
  /// order is an accident in Python; here it is that of insertion.
  static func inOrder(_ set: OrderedSet<PythonValue>) -> [PythonValue] {
    let integers = set.compactMap { member -> Int? in if case .int(let value) = member { value } else { nil } }
    return integers.count == set.count ? integers.sorted().map { .int($0) } : Array(set)
  }

  private static func plainList(_ items: [PythonValue]) -> PlainValue? {
    var plain: [PlainValue] = []
    plain.reserveCapacity(items.count)
    for item in items {
      guard let value = item.plain else { return nil }
      plain.append(value)
    }
    return .list(plain)
  }

  private var keyText: String? {
    switch self {
    case .string(let text): text
    case .int(let value): "\(value)"
    case .bool(let value): value ? "True" : "False"
    default: nil
    }
  }
}
