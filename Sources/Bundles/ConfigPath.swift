/// The id of a config entry: keys and list indices from the root, written `network_def::channels::0` or, in the
/// older form, `network_def#channels#0`.
package struct ConfigPath: Sendable, Hashable, CustomStringConvertible {
  package var keys: [String]

  package init(keys: [String]) { self.keys = keys }

  /// The empty text is the root.
  package init(_ text: String) {
    keys = text.isEmpty ? [] : Self.split(text)
  }

  static let root = ConfigPath(keys: [])

  func appending(_ key: String) -> ConfigPath { ConfigPath(keys: keys + [key]) }

  /// With `#`, as messages and MONAI's documentation write it.
  package var description: String { keys.joined(separator: "#") }

  /// Splits at `#` and, as MONAI does, at `::` from the left.
  private static func split(_ text: String) -> [String] {
    var keys = [""]
    var rest = Substring(text)
    while let scalar = rest.first {
      if scalar == "#" {
        keys.append("")
        rest.removeFirst()
      } else if rest.hasPrefix("::") {
        keys.append("")
        rest.removeFirst(2)
      } else {
        keys[keys.count - 1].append(scalar)
        rest.removeFirst()
      }
    }
    return keys
  }

  /// The entry that `id` means when it stands in the entry `self`: each leading separator climbs one level, so
  /// that `::A` (from `@#A`) is a neighbour and `::::A` one level up.
  /// - Returns: nil when it climbs above the root.
  func resolving(_ id: String) -> ConfigPath? {
    let target = ConfigPath(id)
    let climbs = target.keys.prefix { $0.isEmpty }.count
    guard climbs > 0 else { return target }
    // `::A` splits to ["", "A"]: one empty key per separator.
    let names = target.keys.dropFirst(climbs)
    guard climbs <= keys.count else { return nil }
    return ConfigPath(keys: Array(keys.dropLast(climbs)) + names)
  }
}

/// What a string of a config is to the config language.
enum ConfigToken: Equatable {
  /// `@id`, the whole string.
  case reference(String)
  /// `$expression`, without the `$`.
  case expression(String)
  /// `%id` or `%file.json::id`, without the `%`.
  case macro(String)
  case text(String)

  init(_ string: String) {
    if string.hasPrefix("$") {
      self = .expression(String(string.dropFirst()))
    } else if string.hasPrefix("%") {
      self = .macro(String(string.dropFirst()))
    } else if string.hasPrefix("@"), Self.isID(string.dropFirst()) {
      self = .reference(String(string.dropFirst()))
    } else {
      self = .text(string)
    }
  }

  /// Names and separators only, as MONAI's pattern `@\w*(?:::\w*)*` wants of the whole string.
  private static func isID(_ text: Substring) -> Bool {
    ConfigPath(String(text)).keys.allSatisfy { part in
      part.unicodeScalars.allSatisfy {
        $0 == "_" || $0.properties.isAlphabetic || $0.properties.generalCategory == .decimalNumber
      }
    }
  }
}
