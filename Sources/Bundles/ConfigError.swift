package import Diagnostics
package import PythonSyntax

/// A config, its merging, or an entry of it can't be used.
package enum ConfigError: DiagnosedError, Equatable {
  case notJSON(file: String, line: Int, column: Int, reason: String)
  case notYAML(file: String, line: Int, column: Int, reason: String)
  case notADictionary(file: String, found: String)
  case unknownFormat(file: String)
  case badMerge(key: String, file: String, reason: String)
  case badOverride(override: String, reason: String, nearest: [String])
  case badMacro(path: String, macro: String, reason: String)
  /// An entry that was asked for or referred to isn't in the config.
  case unknownReference(id: String, path: String, nearest: [String])
  case cycle([String])
  case badComponent(path: String, reason: String)
  /// The expression is not Python, or a form of it that isn't read here.
  case notAnExpression(path: String, expression: String, PythonSyntaxError)
  /// The expression uses something that Martlet doesn't evaluate.
  case refusedExpression(path: String, expression: String, construct: String, reason: String)
  /// The expression is evaluated, and fails as it would in Python.
  case failedExpression(path: String, expression: String, reason: String)
  /// An expression would load a file from outside the bundle.
  case checkpointOutside(path: String, file: String, folder: String)
  /// The entry would grow without a reasonable bound.
  case tooLarge(path: String, reason: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .notJSON(let file, let line, let column, let reason):
      Diagnosis(.data, "not valid JSON: \(reason)", at: [file, "line \(line), column \(column)"])
    case .notYAML(let file, let line, let column, let reason):
      Diagnosis(.data, "not valid YAML: \(reason)", at: [file, "line \(line), column \(column)"])
    case .notADictionary(let file, let found):
      Diagnosis(.data, "the config is \(found)", at: file, expected: "a dictionary of entries")
    case .unknownFormat(let file):
      Diagnosis(.data, "a config file of unknown format", at: file, expected: "a name ending in .json, .yaml or .yml")
    case .badMerge(let key, let file, let reason):
      Diagnosis(
        .data, "can't merge the entry '\(key)': \(reason)", at: file,
        hint: "if the file changes another config, give that one first: --config-file FIRST --config-file THIS")
    case .badOverride(let override, let reason, let nearest):
      Diagnosis(.usage, "can't apply the override '\(override)': \(reason)", hint: Self.hint(nearest: nearest))
    case .badMacro(let path, let macro, let reason):
      Diagnosis(.data, "can't expand the macro '%\(macro)': \(reason)", at: path)
    case .unknownReference(let id, let path, let nearest):
      Diagnosis(
        .data, "the config has no entry '\(id)'", at: path.isEmpty ? [] : [path], hint: Self.hint(nearest: nearest))
    case .cycle(let paths):
      Diagnosis(.data, "the entries refer to each other in a circle: \(paths.joined(separator: " → "))")
    case .badComponent(let path, let reason):
      Diagnosis(.data, reason, at: path)
    case .notAnExpression(let path, let expression, let error):
      Diagnosis(
        .data, "the expression can't be read: \(error.reason)", at: [path, "'$\(expression)'", "\(error.position)"])
    case .refusedExpression(let path, let expression, let construct, let reason):
      Diagnosis(
        .data, "the expression uses \(construct): \(reason)", at: [path, "'$\(expression)'"],
        hint: "replace the entry by its value, for example --set \(path)=VALUE")
    case .failedExpression(let path, let expression, let reason):
      Diagnosis(.data, "the expression can't be evaluated: \(reason)", at: [path, "'$\(expression)'"])
    case .checkpointOutside(let path, let file, let folder):
      Diagnosis(
        .data, "the expression loads a file from outside the bundle: \(file)", at: path,
        expected: "a checkpoint in \(folder)", hint: "give the entry that holds the path with --set")
    case .tooLarge(let path, let reason):
      Diagnosis(.data, "the entry grows too large: \(reason)", at: path)
    }
  }

  private static func hint(nearest: [String]) -> String? {
    nearest.isEmpty ? nil : "did you mean \(nearest.map { "'\($0)'" }.joined(separator: " or "))?"
  }
}

/// The names of `candidates` that `name` may have been meant for, the nearest first.
func nearestNames(to name: String, among candidates: [String]) -> [String] {
  let wanted = Array(name.lowercased().unicodeScalars.prefix(64))
  let bound = max(2, wanted.count / 3)
  let scored = candidates.prefix(2000).compactMap { candidate -> (Int, String)? in
    let distance = editDistance(wanted, Array(candidate.lowercased().unicodeScalars.prefix(64)))
    return distance <= bound ? (distance, candidate) : nil
  }
  return scored.sorted { $0 < $1 }.prefix(3).map(\.1)
}

private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
  var row = Array(0...right.count)
  for (i, a) in left.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in right.enumerated() {
      let substituted = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    }
  }
  return row[right.count]
}
