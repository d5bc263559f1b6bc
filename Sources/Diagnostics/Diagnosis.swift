/// What went wrong, in the parts that a person needs to mend it: what was found, where, what was expected,
/// and what to do next.
///
/// Every error type of Martlet conforms to ``DiagnosedError`` and gives one of these. A diagnosis never holds
/// pixel data or patient tags.
package struct Diagnosis: Sendable, Hashable {
  /// The kind of failure; it decides the exit code of the command line.
  package enum Kind: Int32, Sendable, Hashable, CaseIterable {
    /// The command was called in a wrong way.
    case usage = 64
    /// The content of an input is wrong or not supported.
    case data = 65
    /// An input can't be opened.
    case noInput = 66
    /// A library or device that is needed isn't there.
    case unavailable = 69
    /// A defect of Martlet itself.
    case defect = 70
    /// An output can't be created.
    case cantCreate = 73
    /// Reading or writing failed.
    case inputOutput = 74
    /// The user interrupted the work.
    case interrupted = 130

    /// The process exit code, after BSD's sysexits.
    package var exitCode: Int32 { rawValue }
  }

  package var kind: Kind
  /// What was found, as one sentence without a full stop.
  package var what: String
  /// The file, node or config path, outermost first.
  package var location: [String]
  /// What was expected instead.
  package var expected: String?
  /// What to do next.
  package var hint: String?

  package init(_ kind: Kind, _ what: String, at location: [String] = [], expected: String? = nil, hint: String? = nil) {
    self.kind = kind
    self.what = what
    self.location = location
    self.expected = expected
    self.hint = hint
  }

  package init(_ kind: Kind, _ what: String, at location: String, expected: String? = nil, hint: String? = nil) {
    self.init(kind, what, at: [location], expected: expected, hint: hint)
  }

  /// The same diagnosis with an outer place put in front of its location, unless it is told there already.
  package func within(_ place: String) -> Diagnosis {
    var copy = self
    if !location.contains(place) { copy.location.insert(place, at: 0) }
    return copy
  }
}

extension Diagnosis {
  /// All of it on one line, for tables and lists; of a long enumeration of what was expected the first part.
  package var line: String {
    var text = what
    if !location.isEmpty { text += ", at " + location.joined(separator: ", ") }
    if let expected { text += ", expected " + Self.shortened(expected) }
    if let hint { text += "; " + hint }
    return text
  }

  private static let maximumExpectation = 120

  private static func shortened(_ text: String) -> String {
    guard text.count > maximumExpectation else { return text }
    let start = text.prefix(maximumExpectation)
    return start.prefix(upTo: start.lastIndex(of: ",") ?? start.endIndex) + ", …"
  }
}

extension Diagnosis: CustomStringConvertible {
  /// One paragraph: what, where, what was expected; and a line with the hint.
  package var description: String {
    var text = what
    if !location.isEmpty { text += "\n  at: " + location.joined(separator: ", ") }
    if let expected { text += "\n  expected: " + expected }
    if let hint { text += "\nhint: " + hint }
    return text
  }
}

/// An error that can say what was found, where, what was expected and what to do.
package protocol DiagnosedError: Error, CustomStringConvertible {
  var diagnosis: Diagnosis { get }
}

extension DiagnosedError {
  package var description: String { diagnosis.description }
}

/// A diagnosed error with an outer place added: the dispatcher that knows the file, node or config path wraps
/// the error of the code that doesn't.
package struct LocatedError: DiagnosedError {
  /// The error as it was first thrown.
  package let underlying: any DiagnosedError
  package let place: String

  package init(_ underlying: any DiagnosedError, at place: String) {
    self.underlying = underlying
    self.place = place
  }

  package var diagnosis: Diagnosis { underlying.diagnosis.within(place) }
}

/// Runs `body`; a diagnosed error that leaves it gets `place` as its outermost location.
package func located<Result>(_ place: @autoclosure () -> String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as any DiagnosedError {
    throw LocatedError(error, at: place())
  }
}

/// A defect of Martlet: a state that its own code should have made impossible.
package struct DefectError: DiagnosedError {
  package let diagnosis: Diagnosis

  package init(_ what: String, at location: [String] = []) {
    diagnosis = Diagnosis(
      .defect, what, at: location, hint: "this is a defect of Martlet; please report it with the command")
  }
}
