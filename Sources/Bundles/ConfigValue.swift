package import OrderedCollections

/// A config as it was written: JSON or YAML, the order of keys and the kind of numbers kept. References, macros
/// and expressions are still strings.
package indirect enum ConfigValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([ConfigValue])
  /// Keys are strings; a YAML key of another kind stands as Python's `str` of it.
  case dictionary(OrderedDictionary<String, ConfigValue>)

  /// The deepest nesting of lists and dictionaries that a config may have.
  package static let maximumDepth = 100
}

extension ConfigValue {
  /// The value below a key or a list index, as MONAI looks it up: an index may be negative.
  package func child(_ key: String) -> ConfigValue? {
    switch self {
    case .dictionary(let entries): entries[key]
    case .list(let items): Self.index(key, in: items.count).map { items[$0] }
    default: nil
    }
  }

  /// The value below the first of `keys`, and how many of them lead to it: MONAI's ids are texts, so that a key which
  /// holds `::` itself answers to several.
  func child(_ keys: ArraySlice<String>) -> (value: ConfigValue, count: Int)? {
    guard let key = keys.first else { return nil }
    if case .dictionary(let entries) = self {
      for count in stride(from: min(keys.count, Self.maximumKeyParts), to: 1, by: -1) {
        if let value = entries[keys.prefix(count).joined(separator: "::")] { return (value, count) }
      }
    }
    return child(key).map { ($0, 1) }
  }

  private static let maximumKeyParts = 8

  /// The list index that `key` names in a list of `count` items.
  static func index(_ key: String, in count: Int) -> Int? {
    guard let number = Int(key) else { return nil }
    let index = number < 0 ? number + count : number
    return (0..<count).contains(index) ? index : nil
  }

  /// Whether the dictionary is a component, that is, has a `_target_`.
  package var isComponent: Bool {
    guard case .dictionary(let entries) = self else { return false }
    return entries["_target_"] != nil
  }

  /// The keys or indices below the value.
  var childKeys: [String] {
    switch self {
    case .dictionary(let entries): Array(entries.keys)
    case .list(let items): items.indices.map(String.init)
    default: []
    }
  }

  /// What kind of value it is, for messages.
  package var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value)'"
    case .list(let items): "a list of \(items.count)"
    case .dictionary(let entries): "a dictionary with \(entries.count) entries"
    }
  }
}
