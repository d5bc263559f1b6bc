import OrderedCollections
import PythonSyntax

/// One override of a config entry, as `--set a#b=value` or MONAI's `--a#b value` gives it.
package struct ConfigOverride: Sendable, Hashable, CustomStringConvertible {
  package var path: ConfigPath
  package var value: ConfigValue
  /// Whether the value extends a list or updates a dictionary (`+a#b=value`).
  package var isMerge: Bool
  /// `id=value` as it was written; nil for an override that no text stands behind.
  package private(set) var text: String?

  package init(path: ConfigPath, value: ConfigValue, isMerge: Bool = false) {
    self.path = path
    self.value = value
    self.isMerge = isMerge
  }

  /// Reads `id=value`.
  /// - Throws: ``ConfigError/badOverride(override:reason:nearest:)`` without an id or a `=`.
  package init(parsing text: String) throws {
    guard let separator = text.firstIndex(of: "="), separator > text.startIndex else {
      throw ConfigError.badOverride(override: text, reason: "it is not of the form id=value", nearest: [])
    }
    try self.init(id: String(text[..<separator]), text: String(text[text.index(after: separator)...]))
  }

  /// An override of the entry `id` by what `text` stands for: a JSON or Python literal, else the text itself.
  /// Strings that start with `@`, `$` or `%` keep their meaning.
  package init(id: String, text: String) throws {
    isMerge = id.hasPrefix("+")
    path = ConfigPath(isMerge ? String(id.dropFirst()) : id)
    value = Self.literal(text)
    self.text = "\(id)=\(text)"
    guard !path.keys.isEmpty else {
      throw ConfigError.badOverride(override: "\(id)=\(text)", reason: "it names no entry", nearest: [])
    }
  }

  package var description: String { (isMerge ? "+" : "") + path.description }

  private static func literal(_ text: String) -> ConfigValue {
    if let first = text.first, "@$%".contains(first) { return .string(text) }
    if let value = try? JSONReader.read(Array(text.utf8), file: "") { return value }
    if let expression = try? ExpressionParser.parse(text), let value = literal(expression, isOuter: true) {
      return value
    }
    return .string(text)
  }

  /// The literal's value; nil for anything that isn't one. Bare names inside brackets are strings, so that
  /// `[image,label]` needs no quotes.
  private static func literal(_ expression: Expression, isOuter: Bool = false) -> ConfigValue? {
    switch expression.kind {
    case .none: return .null
    case .boolean(let value): return .bool(value)
    case .integer(let value): return .int(value)
    case .float(let value): return .double(value)
    case .string(let value): return .string(value)
    case .name(let name): return isOuter ? nil : .string(name)
    case .unary(.minus, let operand):
      switch literal(operand, isOuter: true) {
      case .int(let value): return .int(-value)
      case .double(let value): return .double(-value)
      default: return nil
      }
    case .list(let items): return literals(items)
    case .tuple(let items):
      // `a, b` without brackets stays text.
      return isOuter && expression.isBareTuple ? nil : literals(items)
    case .dictionary(let items): return dictionary(items)
    default: return nil
    }
  }

  private static func literals(_ items: [Expression]) -> ConfigValue? {
    var values: [ConfigValue] = []
    for item in items {
      guard let value = literal(item) else { return nil }
      values.append(value)
    }
    return .list(values)
  }

  private static func dictionary(_ items: [Expression.DictionaryItem]) -> ConfigValue? {
    var entries: OrderedDictionary<String, ConfigValue> = [:]
    for item in items {
      guard case .pair(let key, let value) = item, let name = literal(key), let literal = literal(value) else {
        return nil
      }
      switch name {
      case .string(let text): entries[text] = literal
      case .int(let number): entries["\(number)"] = literal
      default: return nil
      }
    }
    return .dictionary(entries)
  }
}

extension Expression {
  /// Whether the tuple starts where its first item does, that is, without a bracket.
  fileprivate var isBareTuple: Bool {
    guard case .tuple(let items) = kind, let first = items.first else { return false }
    return first.position == position
  }
}
