import OrderedCollections
import PythonSyntax

/// Python's `str` and `repr`.
extension PythonValue {
  /// `str(value)`; nil for values whose text Python derives from an object that Martlet doesn't have.
  var text: String? {
    switch self {
    case .string(let text), .path(let text): text
    default: representation
    }
  }

  private var representation: String? {
    switch self {
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .int(let value): return "\(value)"
    case .double(let value): return pythonDescription(of: value)
    case .string(let text): return pythonLiteral(of: text)
    case .list(let items): return Self.joined(items).map { "[\($0)]" }
    case .tuple(let items): return Self.joined(items).map { items.count == 1 ? "(\($0),)" : "(\($0))" }
    case .set(let items): return items.isEmpty ? "set()" : Self.joined(Self.inOrder(items)).map { "{\($0)}" }
    case .dictionary(let entries):
      var parts: [String] = []
      for (key, value) in entries {
        guard let key = key.representation, let value = value.representation else { return nil }
        parts.append("\(key): \(value)")
      }
      return "{\(parts.joined(separator: ", "))}"
    case .path, .symbol, .lambda, .component, .loaded: return nil
    }
  }

  /// The expression that has the value: a literal, or a list or tuple of at most a hundred; nil for any other.
  var literal: Expression? {
    isLiteral ? representation.flatMap { try? ExpressionParser.parse($0) } : nil
  }

  private var isLiteral: Bool {
    switch self {
    case .none, .bool, .string: true
    // The least integer has no literal.
    case .int(let value): value != .min
    case .double(let value): value.isFinite
    case .list(let items), .tuple(let items): items.count <= 100 && items.allSatisfy(\.isLiteral)
    default: false
    }
  }

  private static func joined(_ items: [PythonValue]) -> String? {
    var parts: [String] = []
    for item in items {
      guard let part = item.representation else { return nil }
      parts.append(part)
    }
    return parts.joined(separator: ", ")
  }
}
