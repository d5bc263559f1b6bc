import Arguments
import OrderedCollections

/// Bounds what the resolution of one entry may cost, so that a few lines of config can't grow into gigabytes
/// through references to references.
final class WorkBudget {
  /// The deepest nesting of a value.
  static let maximumDepth = 200
  /// Values that one resolution may make or copy; a string counts one for every 16 bytes.
  static let maximumWork = 2_000_000

  private var left = WorkBudget.maximumWork

  var spent: Int { Self.maximumWork - left }

  /// - Throws: ``EvaluationFailure/tooLarge(_:)`` once the budget is used up.
  func spend(_ count: Int) throws {
    guard count <= left else { throw EvaluationFailure.tooLarge("more than \(Self.maximumWork) values") }
    left -= count
  }

  /// Pays for every value that `value` consists of.
  /// - Throws: ``EvaluationFailure/tooLarge(_:)``, also for a value that is nested too deep.
  func spend(on value: PythonValue, depth: Int = 0) throws {
    try enter(depth)
    switch value {
    case .list(let items), .tuple(let items):
      for item in items { try spend(on: item, depth: depth + 1) }
    case .set(let items):
      for item in items { try spend(on: item, depth: depth + 1) }
    case .dictionary(let entries):
      for (key, value) in entries {
        try spend(on: key, depth: depth + 1)
        try spend(on: value, depth: depth + 1)
      }
    case .string(let text), .path(let text):
      try spend(text.utf8.count / 16)
    case .component(let component):
      try spend(on: component, depth: depth)
    default:
      break
    }
  }

  private func spend(on component: Component, depth: Int) throws {
    for argument in component.arguments.values { try spend(on: argument, depth: depth + 1) }
    for argument in component.positional { try spend(on: argument, depth: depth + 1) }
  }

  private func spend(on value: PlainValue, depth: Int) throws {
    try enter(depth)
    switch value {
    case .list(let items):
      for item in items { try spend(on: item, depth: depth + 1) }
    case .dictionary(let entries):
      for item in entries.values { try spend(on: item, depth: depth + 1) }
    case .component(let component):
      try spend(on: component, depth: depth)
    case .string(let text):
      try spend(text.utf8.count / 16)
    default:
      break
    }
  }

  private func enter(_ depth: Int) throws {
    guard depth < Self.maximumDepth else {
      throw EvaluationFailure.tooLarge("nested more than \(Self.maximumDepth) levels deep")
    }
    try spend(1)
  }
}

/// Why an expression has no value; the resolver adds the entry and the expression.
enum EvaluationFailure: Error, Equatable {
  /// Martlet doesn't evaluate the construct.
  case refused(construct: String, reason: String)
  /// Python would raise an error here.
  case failed(String)
  case tooLarge(String)
}
