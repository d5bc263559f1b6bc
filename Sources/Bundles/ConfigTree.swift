import Diagnostics
import Files
package import OrderedCollections

/// The entries of one or several config files, merged, with overrides applied.
package struct ConfigTree: Sendable, Hashable {
  package private(set) var entries: OrderedDictionary<String, ConfigValue>

  package init(entries: OrderedDictionary<String, ConfigValue> = [:]) { self.entries = entries }

  /// Merges the files left to right, as MONAI does: a key replaces an earlier one, `+key` extends a list or
  /// updates a dictionary, and `a#b` (or `a::b`) reaches into an earlier entry.
  /// - Throws: ``ConfigError``, `FileError`.
  package init(files: [String]) throws {
    entries = [:]
    for file in files {
      let value = try Self.read(file)
      guard case .dictionary(let content) = value else {
        throw ConfigError.notADictionary(file: file, found: value.summary)
      }
      for (key, value) in content { try merge(key, value, file: file) }
    }
  }

  /// Reads one config file; its format is told by its name's ending.
  /// - Throws: ``ConfigError``, `FileError`.
  package static func read(_ file: String) throws -> ConfigValue {
    let name = file.lowercased()
    let isJSON = name.hasSuffix(".json")
    guard isJSON || name.hasSuffix(".yaml") || name.hasSuffix(".yml") else {
      throw ConfigError.unknownFormat(file: file)
    }
    let mapped = try MappedFile(path: file)
    guard mapped.bytes.count <= maximumBytes else {
      throw ConfigError.tooLarge(path: file, reason: "a config file may have \(maximumBytes >> 20) MiB")
    }
    // The mapping must outlive the copy.
    let bytes = withExtendedLifetime(mapped) { Array(mapped.bytes) }
    return isJSON ? try JSONReader.read(bytes, file: file) : try YAMLReader.read(bytes, file: file)
  }

  private static let maximumBytes = 64 << 20

  // MARK: Reading and writing entries

  /// The entry as written; nil where there is none.
  package func value(at path: ConfigPath) -> ConfigValue? {
    var value = ConfigValue.dictionary(entries)
    for key in path.keys {
      guard let child = value.child(key) else { return nil }
      value = child
    }
    return value
  }

  /// Replaces the entry at `path`, or adds it to an existing dictionary.
  /// - Returns: whether the place exists: the entry's parent is a dictionary, or a list that has the index.
  mutating func set(_ value: ConfigValue, at path: ConfigPath) -> Bool {
    var root = ConfigValue.dictionary(entries)
    guard Self.set(value, at: path.keys[...], in: &root), case .dictionary(let changed) = root else { return false }
    entries = changed
    return true
  }

  private static func set(_ value: ConfigValue, at keys: ArraySlice<String>, in node: inout ConfigValue) -> Bool {
    guard let key = keys.first else {
      node = value
      return true
    }
    let rest = keys.dropFirst()
    switch node {
    case .dictionary(var entries):
      guard rest.isEmpty || entries[key] != nil else { return false }
      var child = entries[key] ?? .null
      guard set(value, at: rest, in: &child) else { return false }
      entries[key] = child
      node = .dictionary(entries)
      return true
    case .list(var items):
      guard let index = ConfigValue.index(key, in: items.count), set(value, at: rest, in: &items[index]) else {
        return false
      }
      node = .list(items)
      return true
    default:
      return false
    }
  }

  /// Why nothing can be put at `path`.
  private func missingPlace(of path: ConfigPath) -> String {
    var node = ConfigValue.dictionary(entries)
    for (level, key) in path.keys.enumerated() {
      let place = ConfigPath(keys: Array(path.keys[..<level]))
      guard let child = node.child(key) else {
        if case .dictionary = node { return "there is no entry '\(place.appending(key))' to put it into" }
        return "'\(place)' is \(node.summary), which has no '\(key)'"
      }
      node = child
    }
    return "the config has no such place"
  }

  /// The ids beside the first part of `path` that doesn't exist which `path` may have been meant for.
  func nearest(to path: ConfigPath) -> [String] {
    var node = ConfigValue.dictionary(entries)
    var parent = ConfigPath.root
    for key in path.keys {
      guard let child = node.child(key) else {
        return referred(by: node, at: parent, path)
          ?? nearestNames(to: key, among: node.childKeys).map { parent.appending($0).description }
      }
      node = child
      parent = parent.appending(key)
    }
    return []
  }

  /// An entry that is a reference has none of its own: the id of the entry `path` where it refers to.
  private func referred(by node: ConfigValue, at place: ConfigPath, _ path: ConfigPath) -> [String]? {
    guard case .string(let text) = node, case .reference(let id) = ConfigToken(text), var target = place.resolving(id)
    else { return nil }
    target.keys += path.keys.dropFirst(place.keys.count)
    return value(at: target) == nil ? nil : [target.description]
  }

  // MARK: Merging

  private mutating func merge(_ key: String, _ value: ConfigValue, file: String) throws {
    let isMerge = key.hasPrefix("+")
    let path = ConfigPath(isMerge ? String(key.dropFirst()) : key)
    let merged: ConfigValue
    if isMerge, let existing = self.value(at: path) {
      guard let combined = existing.merging(value) else {
        throw ConfigError.badMerge(
          key: key, file: file, reason: "\(value.summary) can't be merged into \(existing.summary)")
      }
      merged = combined
    } else {
      merged = value
    }
    guard set(merged, at: path) else {
      throw ConfigError.badMerge(key: key, file: file, reason: missingPlace(of: path))
    }
  }

  /// Applies an override as `--set` gives it.
  /// - Throws: ``ConfigError/badOverride(override:reason:nearest:)``.
  package mutating func apply(_ override: ConfigOverride) throws {
    var value = override.value
    if override.isMerge, let existing = self.value(at: override.path) {
      guard let combined = existing.merging(value) else {
        throw ConfigError.badOverride(
          override: override.description, reason: "\(value.summary) can't be merged into \(existing.summary)",
          nearest: [])
      }
      value = combined
    }
    guard set(value, at: override.path) else {
      throw ConfigError.badOverride(
        override: override.description, reason: missingPlace(of: override.path), nearest: nearest(to: override.path))
    }
  }
}

extension ConfigValue {
  /// A dictionary updated by a dictionary, a list extended by a list; nil for anything else.
  fileprivate func merging(_ other: ConfigValue) -> ConfigValue? {
    switch (self, other) {
    case (.dictionary(var entries), .dictionary(let added)):
      for (key, value) in added { entries[key] = value }
      return .dictionary(entries)
    case (.list(let items), .list(let added)):
      return .list(items + added)
    default:
      return nil
    }
  }
}
