import OrderedCollections
import PythonSyntax
import Yams

/// Reads YAML as PyYAML's `safe_load` does: the scalars of YAML 1.1 by PyYAML's patterns (`yes` is a boolean,
/// `1e-5` a string), anchors, aliases and merge keys; of a repeated key the last value stands. Dates and other tags are
/// refused.
package struct YAMLReader {
  private let file: String
  private var nodesLeft = YAMLReader.maximumNodes

  /// How many values a file may have once its aliases stand for what they name.
  private static let maximumNodes = 500_000

  /// - Throws: ``ConfigError/notYAML(file:line:column:reason:)``.
  package static func read(_ bytes: [UInt8], file: String) throws -> ConfigValue {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ConfigError.notYAML(file: file, line: 1, column: 1, reason: "the file is not UTF-8 text")
    }
    guard expansionBound(of: bytes) <= Double(maximumNodes) else {
      throw ConfigError.notYAML(
        file: file, line: 1, column: 1,
        reason: "its aliases (*name) could multiply without bound; write some out, or refer to entries with @id")
    }
    var reader = YAMLReader(file: file)
    guard let root = try reader.compose(text, repeatsLeft: maximumRepeats) else { return .null }
    return try reader.value(of: root, depth: 0)
  }

  private init(file: String) { self.file = file }

  /// An upper bound of how often a value can be repeated through aliases of aliases. Counted before parsing,
  /// because the parser hashes keys, which could themselves be such aliases.
  private static func expansionBound(of bytes: [UInt8]) -> Double {
    var anchors = 0.0
    var aliases = 0.0
    var previous = UInt8(ascii: "\n")
    for (mark, next) in zip(bytes, bytes.dropFirst()) {
      // Within a word, as in R&D or 2*x, neither has a meaning.
      if next > 0x20, !isWordEnd(previous) {
        if mark == UInt8(ascii: "&") { anchors += 1 }
        if mark == UInt8(ascii: "*") { aliases += 1 }
      }
      previous = mark
    }
    guard anchors > 0 else { return 1 }
    var bound = 1.0
    for _ in 0..<Int(anchors) where bound.isFinite { bound *= 1 + aliases / anchors }
    return bound
  }

  private static func isWordEnd(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: ")"):
      true
    default: false
    }
  }

  private func compose(_ text: String, repeatsLeft: Int) throws -> Node? {
    do {
      return try Parser(yaml: text).singleRoot()
    } catch YamlError.duplicatedKeysInMapping(let duplicates, let context) {
      // The parser refuses what MONAI's takes: the first of the keys is marked, and put right by `key(of:)`.
      guard repeatsLeft > 0, let marked = Self.marking(duplicates, at: context.mark, in: text, repeatsLeft) else {
        throw diagnosed(.duplicatedKeysInMapping(duplicates: duplicates, context: context))
      }
      return try compose(marked, repeatsLeft: repeatsLeft - 1)
    } catch let error as YamlError {
      throw diagnosed(error)
    }
  }

  // MARK: Repeated keys

  /// How many repeated keys a file may have, and how long it may be then: each costs another reading.
  private static let maximumRepeats = 64
  private static let maximumRepeatingBytes = 1 << 20
  /// Characters of a private area that set a repeated key apart: one around a number.
  private static let repeatMark: Character = "\u{F8F0}"

  /// The text with a mark before the key, one of `keys`, that stands at `mark`; nil where no such key stands there.
  private static func marking(_ keys: [String], at mark: Mark, in text: String, _ number: Int) -> String? {
    guard text.utf8.count <= maximumRepeatingBytes else { return nil }
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(mark.line - 1), mark.column > 0 else { return nil }
    var key = lines[mark.line - 1].dropFirst(mark.column - 1)
    if key.first == "\"" || key.first == "'" { key = key.dropFirst() }
    guard keys.contains(where: { key.starts(with: $0.unicodeScalars) }) else { return nil }
    var marked = text.unicodeScalars
    marked.insert(contentsOf: "\(repeatMark)\(number)\(repeatMark)".unicodeScalars, at: key.startIndex)
    return String(marked)
  }

  /// The key without its mark.
  private static func unmarked(_ key: String) -> String {
    guard key.first == repeatMark, let end = key.dropFirst().firstIndex(of: repeatMark) else { return key }
    return String(key[key.index(after: end)...])
  }

  private func diagnosed(_ error: YamlError) -> ConfigError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return .notYAML(file: file, line: mark.line, column: mark.column, reason: problem)
    case .duplicatedKeysInMapping(let duplicates, let context):
      return .notYAML(
        file: file, line: context.mark.line, column: context.mark.column,
        reason: "repeated keys \(duplicates.prefix(5).joined(separator: ", ")); remove all but one")
    case .reader(let problem, _, _, _):
      return .notYAML(file: file, line: 1, column: 1, reason: problem)
    default:
      return .notYAML(file: file, line: 1, column: 1, reason: "the file can't be read as YAML")
    }
  }

  private func error(_ reason: String, at node: Node) -> ConfigError {
    .notYAML(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1, reason: reason)
  }

  // MARK: Values

  private mutating func value(of node: Node, depth: Int) throws -> ConfigValue {
    guard depth < ConfigValue.maximumDepth else {
      throw error("nested more than \(ConfigValue.maximumDepth) levels deep", at: node)
    }
    nodesLeft -= 1
    guard nodesLeft > 0 else { throw error("more than \(Self.maximumNodes) values", at: node) }
    switch node {
    case .scalar(let scalar):
      return try value(of: scalar, at: node)
    case .sequence(let sequence):
      try expectTag(sequence.tag, .seq, at: node)
      var items: [ConfigValue] = []
      for item in sequence { items.append(try value(of: item, depth: depth + 1)) }
      return .list(items)
    case .mapping(let mapping):
      try expectTag(mapping.tag, .map, at: node)
      return .dictionary(try entries(of: mapping, depth: depth))
    case .alias:
      throw error("an alias that names nothing", at: node)
    }
  }

  /// The entries with those of its merge keys (`<<`) put first, so that the mapping's own override them.
  private mutating func entries(
    of mapping: Node.Mapping, depth: Int
  ) throws -> OrderedDictionary<String, ConfigValue> {
    var merged: OrderedDictionary<String, ConfigValue> = [:]
    var own: OrderedDictionary<String, ConfigValue> = [:]
    for (key, node) in mapping {
      if case .scalar(let scalar) = key, scalar.style == .plain, Self.unmarked(scalar.string) == "<<" {
        for (name, inherited) in try mergedEntries(of: node, depth: depth) { merged[name] = inherited }
      } else {
        own[try self.key(of: key)] = try value(of: node, depth: depth + 1)
      }
    }
    for (name, value) in own { merged[name] = value }
    return merged
  }

  /// What a merge key brings: one mapping, or a list of them where the earlier override the later.
  private mutating func mergedEntries(
    of node: Node, depth: Int
  ) throws -> OrderedDictionary<String, ConfigValue> {
    guard depth < ConfigValue.maximumDepth else { throw error("merge keys nested too deep", at: node) }
    switch node {
    case .mapping(let mapping):
      return try entries(of: mapping, depth: depth + 1)
    case .sequence(let sequence):
      var merged: OrderedDictionary<String, ConfigValue> = [:]
      for item in sequence.reversed() {
        guard case .mapping(let mapping) = item else { throw error("a merge key needs mappings", at: item) }
        for (name, value) in try entries(of: mapping, depth: depth + 1) { merged[name] = value }
      }
      return merged
    default:
      throw error("a merge key needs a mapping", at: node)
    }
  }

  private func key(of node: Node) throws -> String {
    guard case .scalar(let scalar) = node else { throw error("a key must be a scalar", at: node) }
    var bare = scalar
    let text = Self.unmarked(scalar.string)
    // The parser has given plain keys tags of its own, by patterns that aren't PyYAML's. Setting the text drops the tag.
    let isPlain = scalar.style == .plain && scalar.tag.rawValue.hasPrefix("tag:yaml.org,2002:")
    if text != scalar.string || isPlain && scalar.tag.rawValue != Tag.Name.str.rawValue { bare.string = text }
    switch try value(of: bare, at: node) {
    case .string(let text): return text
    case .int(let value): return "\(value)"
    case .double(let value): return pythonDescription(of: value)
    case .bool(let value): return value ? "True" : "False"
    case .null: return "None"
    default: throw error("a key must be a scalar", at: node)
    }
  }

  private func expectTag(_ tag: Tag, _ expected: Tag.Name, at node: Node) throws {
    let name = tag.rawValue
    guard name.isEmpty || name == "!" || name == expected.rawValue else {
      throw error("the tag \(name) is not supported", at: node)
    }
  }

  private func value(of scalar: Node.Scalar, at node: Node) throws -> ConfigValue {
    let text = scalar.string
    let prefix = "tag:yaml.org,2002:"
    let tag = scalar.tag.rawValue
    if tag == "!" || tag == prefix + "str" { return .string(text) }
    guard tag.isEmpty || tag.hasPrefix(prefix) else { throw error("the tag \(tag) is not supported", at: node) }
    if tag.isEmpty, scalar.style != .plain { return .string(text) }
    let resolved = YAMLScalar.resolve(text)
    if case .failure(let reason) = resolved { throw error(reason.text, at: node) }
    guard case .success(let value) = resolved else { return .string(text) }
    guard !tag.isEmpty else { return value }
    switch (tag.dropFirst(prefix.count), value) {
    case ("int", .int), ("float", .double), ("bool", .bool), ("null", .null): return value
    case ("float", .int(let number)): return .double(Double(number))
    default: throw error("the tag \(tag) does not fit '\(text)'", at: node)
    }
  }
}
