package import Diagnostics

/// A place in a Python source, counted from 1 in Unicode scalars.
package struct SourcePosition: Sendable, Hashable, CustomStringConvertible {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package var description: String { "line \(line), column \(column)" }
}

/// A Python source can't be read as the subset of Python that Martlet knows.
package struct PythonSyntaxError: DiagnosedError, Equatable {
  /// What was found, as one phrase.
  package let reason: String
  package let position: SourcePosition
  /// The line of the source where it was found, cut to a readable length.
  package let excerpt: String

  package init(_ reason: String, at position: SourcePosition, in source: [Unicode.Scalar]) {
    self.reason = reason
    self.position = position
    self.excerpt = Self.excerpt(of: source, line: position.line)
  }

  package var diagnosis: Diagnosis {
    Diagnosis(.data, "not a Python expression: \(reason)", at: [excerpt, position.description])
  }

  private static func excerpt(of source: [Unicode.Scalar], line: Int) -> String {
    let lines = source.split(separator: "\n", maxSplits: line, omittingEmptySubsequences: false)
    guard line >= 1, line <= lines.count else { return "" }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: lines[line - 1].prefix(120))
    return String(text)
  }
}
