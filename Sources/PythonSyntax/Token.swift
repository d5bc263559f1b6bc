/// One lexical element of a Python source.
package struct Token: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// An identifier or a keyword.
    case name(String)
    case integer(Int)
    case float(Double)
    /// A string literal, its escapes resolved.
    case string(String)
    /// An operator or delimiter, as written.
    case symbol(String)
    /// A reference of MONAI's config language, `@name::0`, without the `@` and with `::` as separator.
    case reference(String)
    /// The end of a logical line. Indentation is the column of the token that follows.
    case newline
    case end
  }

  package var kind: Kind
  package var position: SourcePosition

  package init(_ kind: Kind, at position: SourcePosition) {
    self.kind = kind
    self.position = position
  }
}

extension Token.Kind {
  /// The token as a message names it.
  package var summary: String {
    switch self {
    case .name(let name): "'\(name)'"
    case .integer(let value): "the number \(value)"
    case .float(let value): "the number \(value)"
    case .string: "a string"
    case .symbol(let symbol): "'\(symbol)'"
    case .reference(let id): "'@\(id)'"
    case .newline: "the end of the line"
    case .end: "the end"
    }
  }
}

/// Words that can't be names in Python 3.
package let pythonKeywords: Set<String> = [
  "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
  "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
  "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
]
