package import Bundles
package import Diagnostics
import Files
package import OrderedCollections

/// The arguments of one of MONAI's bundle commands, read as its command line reads them (Python Fire's conventions:
/// https://google.github.io/python-fire/guide/).
///
/// `--name value`, `--name=value`, a `--name` without a value (True), or the value alone in the place of its parameter.
/// Values are Python or JSON literals, anything else is text. What isn't a parameter overrides a config entry.
package struct MonaiArguments: Sendable {
  package private(set) var values: OrderedDictionary<String, ConfigValue> = [:]
  /// The overrides, in their order.
  package private(set) var overrides: [ConfigOverride] = []
  private let command: String

  /// - Parameters:
  ///   - parameters: The command's parameters in their order.
  /// - Throws: ``MonaiArgumentError``, `ConfigError` for an `args_file` that can't be read.
  package init(_ words: [String], command: String, parameters: [String]) throws {
    self.command = command
    var free = parameters[...]
    var given: OrderedDictionary<String, String> = [:]
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      guard word.hasPrefix("--"), word.count > 2 else {
        free = free.drop { given[$0] != nil }
        guard let name = free.popFirst() else { throw MonaiArgumentError.tooMany(word, command: command) }
        given[name] = word
        continue
      }
      var name = String(word.dropFirst(2))
      if let sign = name.firstIndex(of: "=") {
        given[Self.parameter(String(name[..<sign]))] = String(name[name.index(after: sign)...])
        continue
      }
      name = Self.parameter(name)
      if index < words.count, !words[index].hasPrefix("--") {
        given[name] = words[index]
        index += 1
      } else {
        given[name] = "True"
      }
    }
    try read(given, parameters)
  }

  /// Fire takes dashes for underscores in a parameter's name; an override's id keeps its own.
  private static func parameter(_ name: String) -> String {
    name.contains("#") || name.contains("::")
      ? name : name.split(separator: "-", omittingEmptySubsequences: false).joined(separator: "_")
  }

  /// The command line goes before the file that `args_file` names.
  private mutating func read(_ given: OrderedDictionary<String, String>, _ parameters: [String]) throws {
    if let file = given["args_file"] {
      guard case .dictionary(let entries) = try ConfigTree.read(file) else {
        throw MonaiArgumentError.badArgumentsFile(file)
      }
      for (name, value) in entries where given[name] == nil {
        if parameters.contains(name) {
          values[name] = value
        } else {
          overrides.append(ConfigOverride(path: ConfigPath(name), value: value))
        }
      }
    }
    for (name, text) in given where name != "args_file" {
      let override = try ConfigOverride(id: name, text: text)
      if parameters.contains(name) { values[name] = override.value } else { overrides.append(override) }
    }
  }

  // MARK: Values

  private func wrong(_ name: String, _ value: ConfigValue, _ expected: String) -> MonaiArgumentError {
    .wrongValue(name: name, found: value.summary, expected: expected, command: command)
  }

  /// nil also for Python's None and an empty text.
  private func value(_ name: String) -> ConfigValue? {
    switch values[name] {
    case .null?, .string("")?, nil: nil
    case let value?: value
    }
  }

  package func text(_ name: String) throws -> String? {
    switch value(name) {
    case nil: nil
    case .string(let text)?: text
    case .int(let number)?: "\(number)"
    case let value?: throw wrong(name, value, "a text")
    }
  }

  /// One text, or a list of them.
  package func texts(_ name: String) throws -> [String]? {
    guard case .list(let items)? = value(name) else { return try text(name).map { [$0] } }
    return try items.map { item in
      guard case .string(let text) = item else { throw wrong(name, item, "a list of texts") }
      return text
    }
  }

  package func integer(_ name: String) throws -> Int? {
    switch value(name) {
    case nil: nil
    case .int(let number)?: number
    case let value?: throw wrong(name, value, "a whole number")
    }
  }

  package func integers(_ name: String) throws -> [Int]? {
    guard let value = value(name) else { return nil }
    guard case .list(let items) = value else { throw wrong(name, value, "a list of whole numbers, such as [1, 4, 8]") }
    if items.isEmpty { return nil }
    return try items.map { item in
      guard case .int(let number) = item else { throw wrong(name, value, "a list of whole numbers, such as [1, 4, 8]") }
      return number
    }
  }

  package func contains(_ name: String) -> Bool { value(name) != nil }
}

/// A bundle command's arguments can't be read.
package enum MonaiArgumentError: DiagnosedError, Equatable {
  case tooMany(String, command: String)
  case wrongValue(name: String, found: String, expected: String, command: String)
  case missing(name: String, command: String)
  case badArgumentsFile(String)

  package var diagnosis: Diagnosis {
    switch self {
    case .tooMany(let word, let command):
      Diagnosis(.usage, "\(command) has no place for '\(word.prefix(80))'", hint: "give options as --name value")
    case .wrongValue(let name, let found, let expected, let command):
      Diagnosis(.usage, "--\(name) of \(command) is \(found)", expected: expected)
    case .missing(let name, let command):
      Diagnosis(.usage, "\(command) needs --\(name)", hint: "'martlet \(command) --help' shows an example")
    case .badArgumentsFile(let file):
      Diagnosis(.usage, "the args_file holds no dictionary", at: file, expected: "names of arguments with their values")
    }
  }
}
