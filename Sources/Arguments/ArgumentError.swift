package import Diagnostics

/// An argument of a component is missing, unknown or of the wrong kind.
package enum ArgumentError: DiagnosedError, Equatable {
  case missing(component: String, path: String, name: String)
  case unknown(component: String, path: String, names: [String], known: [String])
  case wrongKind(component: String, path: String, name: String, found: String, expected: String)
  case unsupported(component: String, path: String, name: String, found: String, supported: String)
  /// More arguments without names than there are parameters; none where the order isn't known.
  case tooMany(component: String, path: String, count: Int, parameters: [String])
  case twice(component: String, path: String, name: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .missing(let component, let path, let name):
      Diagnosis(.data, "\(component) lacks its argument '\(name)'", at: path, hint: "add \"\(name)\" to that entry")
    case .unknown(let component, let path, let names, let known):
      Diagnosis(
        .data, "\(component) has no argument \(names.map { "'\($0)'" }.joined(separator: ", "))", at: path,
        expected: known.isEmpty ? "no arguments" : "one of \(known.sorted().joined(separator: ", "))",
        hint: "remove it, or check its spelling")
    case .wrongKind(let component, let path, let name, let found, let expected):
      Diagnosis(.data, "\(component): '\(name)' is \(found)", at: "\(path)#\(name)", expected: expected)
    case .unsupported(let component, let path, let name, let found, let supported):
      Diagnosis(
        .data, "\(component): '\(name)' is \(found), which is not supported", at: "\(path)#\(name)", expected: supported
      )
    case .tooMany(let component, let path, let count, let parameters):
      Diagnosis(
        .data, "\(component) has \(count) arguments without names", at: path,
        expected: parameters.isEmpty ? "arguments by name" : "at most \(parameters.joined(separator: ", "))",
        hint: "name its arguments")
    case .twice(let component, let path, let name):
      Diagnosis(.data, "\(component) has its argument '\(name)' by position and by name", at: path)
    }
  }
}
