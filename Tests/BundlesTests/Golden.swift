import Arguments
import Bundles
import Files
import OrderedCollections
import TestSupport

/// Reads the goldens that `Tools/goldens/make_expressions.py` writes.
enum Golden {
  static func read(_ name: String) throws -> ConfigValue {
    try ConfigTree.read(Corpus.path("expressions/\(name)"))
  }

  static func cases(_ name: String) throws -> [ConfigValue] { try read(name).items }

  /// The value of a tagged golden.
  static func plain(_ value: ConfigValue) -> PlainValue? {
    guard case .dictionary(let entries) = value, let (tag, content) = entries.elements.first else {
      return value == .null ? .null : nil
    }
    switch (tag, content) {
    case ("bool", .bool(let flag)): return .bool(flag)
    case ("int", .string(let text)): return Int(text).map(PlainValue.int)
    case ("float", .string(let text)): return Double(text).map(PlainValue.double)
    case ("str", .string(let text)): return .string(text)
    case ("list", .list(let items)): return .list(items.compactMap(plain))
    case ("dict", .list(let pairs)):
      var dictionary: OrderedDictionary<String, PlainValue> = [:]
      for pair in pairs {
        guard let key = pair.child("0")?.text, let value = pair.child("1").flatMap(plain) else { return nil }
        dictionary[key] = value
      }
      return .dictionary(dictionary)
    default: return nil
    }
  }
}

extension ConfigValue {
  var items: [ConfigValue] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  var entries: OrderedDictionary<String, ConfigValue> {
    guard case .dictionary(let entries) = self else { return [:] }
    return entries
  }

  var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  /// The same tree as a plain value.
  var plain: PlainValue {
    switch self {
    case .null: .null
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .list(let items): .list(items.map(\.plain))
    case .dictionary(let entries): .dictionary(entries.mapValues(\.plain))
    }
  }
}

/// Equality that takes NaN as equal to itself and tells 0.0 from -0.0, with dictionaries in order.
func isSame(_ left: PlainValue, _ right: PlainValue) -> Bool {
  switch (left, right) {
  case (.double(let a), .double(let b)): a.isNaN ? b.isNaN : a == b && a.sign == b.sign
  case (.list(let a), .list(let b)): a.count == b.count && zip(a, b).allSatisfy(isSame)
  case (.dictionary(let a), .dictionary(let b)):
    Array(a.keys) == Array(b.keys) && zip(a.values, b.values).allSatisfy(isSame)
  default: left == right
  }
}

/// A resolver of `entries` in a folder that holds nothing.
func resolver(_ entries: OrderedDictionary<String, ConfigValue>, folder: String = "/nowhere") -> ConfigResolver {
  ConfigResolver(tree: ConfigTree(entries: entries), folder: folder)
}

/// A resolver of a config written as JSON.
func resolver(json: String, folder: String = "/nowhere") throws -> ConfigResolver {
  resolver(try JSONReader.read(Array(json.utf8), file: "test.json").entries, folder: folder)
}

/// The config error that `body` throws; nil when it throws none.
func configError(_ body: () throws -> Void) -> ConfigError? {
  do {
    try body()
    return nil
  } catch let error as ConfigError {
    return error
  } catch {
    return nil
  }
}

extension Corpus {
  /// The bytes of a file of `Tests/Corpus`.
  static func bytes(_ relative: String) throws -> [UInt8] {
    let file = try MappedFile(path: path(relative))
    return withExtendedLifetime(file) { Array(file.bytes) }
  }
}

/// The same numbers in every run (a linear congruential generator), so that a failure can be repeated.
struct FixedRandom: RandomNumberGenerator {
  private var state: UInt64 = 2024

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
