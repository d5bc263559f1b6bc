/// Cuts a Python source into tokens.
///
/// Line ends inside brackets are white space, as in Python; outside they are ``Token/Kind/newline``. Comments are
/// dropped. Numbers are 64-bit; complex numbers, bytes and formatted strings are refused.
package struct Lexer {
  private let source: [Unicode.Scalar]
  /// Whether `@name::sub` is a reference of MONAI's config language; `#` then separates ids too, and there are
  /// no comments. A reference ends as MONAI's pattern `@\w*(?:::\w*)*` does.
  private let readsReferences: Bool
  private var index = 0
  private var line = 1
  private var lineStart = 0
  private var openBrackets = 0
  private var tokens: [Token] = []

  package init(_ source: String, readsReferences: Bool = false) {
    self.source = Array(source.unicodeScalars)
    self.readsReferences = readsReferences
  }

  /// All tokens, the last of them ``Token/Kind/end``.
  /// - Throws: ``PythonSyntaxError``.
  package static func tokens(of source: String, readsReferences: Bool = false) throws -> [Token] {
    var lexer = Lexer(source, readsReferences: readsReferences)
    while try lexer.readToken() {}
    lexer.tokens.append(Token(.end, at: lexer.position))
    return lexer.tokens
  }

  // MARK: Where we are

  private var position: SourcePosition { SourcePosition(line: line, column: index - lineStart + 1) }

  private var current: Unicode.Scalar? { peek(0) }

  private func peek(_ distance: Int) -> Unicode.Scalar? {
    index + distance < source.count ? source[index + distance] : nil
  }

  private mutating func startLine() {
    line += 1
    lineStart = index
  }

  private func error(_ reason: String, at place: SourcePosition? = nil) -> PythonSyntaxError {
    PythonSyntaxError(reason, at: place ?? position, in: source)
  }

  // MARK: Tokens

  /// Reads the next token, or white space; false at the end of the source.
  private mutating func readToken() throws -> Bool {
    guard let scalar = current else { return false }
    let start = position
    switch scalar {
    case " ", "\t", "\u{0C}":
      index += 1
    case "\r" where peek(1) == "\n":
      index += 1
    case "\n", "\r":
      index += 1
      if openBrackets == 0 { tokens.append(Token(.newline, at: start)) }
      startLine()
    case "\\" where peek(1) == "\n":
      index += 2
      startLine()
    case "#" where !readsReferences:
      while let next = current, next != "\n" { _ = next; index += 1 }
    case "@" where readsReferences:
      tokens.append(Token(.reference(try readReference()), at: start))
    case "\"", "'":
      tokens.append(Token(.string(try readString(isRaw: false)), at: start))
    case _ where isDigit(scalar) || (scalar == "." && peek(1).map(isDigit) ?? false):
      tokens.append(Token(try readNumber(), at: start))
    case _ where isIdentifierStart(scalar):
      try readName(at: start)
    default:
      tokens.append(Token(.symbol(try readSymbol()), at: start))
    }
    return true
  }

  private mutating func readName(at start: SourcePosition) throws {
    let name = readWhile(isIdentifierPart)
    guard current == "\"" || current == "'" else {
      tokens.append(Token(.name(name), at: start))
      return
    }
    switch name.lowercased() {
    case "r":
      tokens.append(Token(.string(try readString(isRaw: true)), at: start))
    case "u":
      tokens.append(Token(.string(try readString(isRaw: false)), at: start))
    case "b", "br", "rb":
      throw error("bytes literals are not supported", at: start)
    case "f", "fr", "rf":
      throw error("formatted strings (f'…') are not supported", at: start)
    default:
      throw error("a string follows '\(name)' without an operator", at: start)
    }
  }

  private mutating func readReference() throws -> String {
    let start = position
    index += 1
    var id = readWhile(isIdentifierPart)
    while true {
      if current == "#" {
        index += 1
      } else if current == ":", peek(1) == ":" {
        index += 2
      } else {
        break
      }
      id += "::" + readWhile(isIdentifierPart)
    }
    guard !id.isEmpty else { throw error("no id follows the '@'", at: start) }
    return id
  }

  private mutating func readSymbol() throws -> String {
    for length in [3, 2, 1] where index + length <= source.count {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: source[index..<index + length])
      let symbol = String(view)
      guard pythonSymbols.contains(symbol) else { continue }
      try countBracket(symbol)
      index += length
      return symbol
    }
    let scalar = source[index]
    throw error("unexpected character \(scalar.escaped(asASCII: true))")
  }

  private mutating func countBracket(_ symbol: String) throws {
    switch symbol {
    case "(", "[", "{": openBrackets += 1
    case ")", "]", "}":
      guard openBrackets > 0 else { throw error("unmatched '\(symbol)'") }
      openBrackets -= 1
    default: break
    }
  }

  // MARK: Numbers

  private mutating func readNumber() throws -> Token.Kind {
    let start = position
    if current == "0", let marker = peek(1), let radix = radix(of: marker) {
      index += 2
      let digits = readWhile { isDigit($0) || ("a"..."f").contains($0) || ("A"..."F").contains($0) || $0 == "_" }
      return .integer(try integer(digits, radix: radix, at: start))
    }
    var text = readWhile { isDigit($0) || $0 == "_" }
    var isFloat = false
    if current == "." {
      isFloat = true
      index += 1
      text += "." + readWhile { isDigit($0) || $0 == "_" }
    }
    if current == "e" || current == "E", startsExponent() {
      isFloat = true
      text += "e"
      index += 1
      if let sign = current, sign == "+" || sign == "-" {
        text.unicodeScalars.append(sign)
        index += 1
      }
      text += readWhile { isDigit($0) || $0 == "_" }
    }
    if current == "j" || current == "J" { throw error("complex numbers are not supported", at: start) }
    if let next = current, isIdentifierStart(next) { throw error("a number runs into a name", at: start) }
    guard isFloat else {
      guard text.first != "0" || text.allSatisfy({ $0 == "0" || $0 == "_" }) else {
        throw error("an integer can't start with 0", at: start)
      }
      return .integer(try integer(text, radix: 10, at: start))
    }
    guard hasPlainUnderscores(text), let value = Double(text.filter { $0 != "_" }) else {
      throw error("'\(text)' is not a number", at: start)
    }
    return .float(value)
  }

  private func startsExponent() -> Bool {
    guard let next = peek(1) else { return false }
    if isDigit(next) { return true }
    return (next == "+" || next == "-") && (peek(2).map(isDigit) ?? false)
  }

  private func radix(of marker: Unicode.Scalar) -> Int? {
    switch marker {
    case "x", "X": 16
    case "o", "O": 8
    case "b", "B": 2
    default: nil
    }
  }

  private func integer(_ digits: String, radix: Int, at start: SourcePosition) throws -> Int {
    // After a prefix (0x_1) one underscore may lead.
    let body = radix == 10 || digits.first != "_" ? digits : String(digits.dropFirst())
    guard !body.isEmpty, hasPlainUnderscores(body), body.allSatisfy({ $0 == "_" || $0.isDigit(radix: radix) }) else {
      throw error("'\(digits)' is not a number of base \(radix)", at: start)
    }
    guard let value = Int(body.filter { $0 != "_" }, radix: radix) else {
      throw error("the integer does not fit in 64 bits", at: start)
    }
    return value
  }

  /// Underscores stand only between digits.
  private func hasPlainUnderscores(_ text: String) -> Bool {
    var previous: Character = "_"
    for character in text {
      if character == "_", !previous.isHexDigit { return false }
      if previous == "_", character == "." || character == "e" { return text.first == "." && character == "." }
      previous = character
    }
    return previous != "_"
  }

  // MARK: Strings

  private mutating func readString(isRaw: Bool) throws -> String {
    let start = position
    let quote = source[index]
    let isTriple = peek(1) == quote && peek(2) == quote
    index += isTriple ? 3 : 1
    var text = String.UnicodeScalarView()
    while let scalar = current {
      if scalar == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
        index += isTriple ? 3 : 1
        return String(text)
      }
      if scalar == "\\" {
        try readEscape(isRaw: isRaw, into: &text)
        continue
      }
      guard scalar != "\n" || isTriple else { break }
      text.append(scalar)
      index += 1
      if scalar == "\n" { startLine() }
    }
    throw error("the string has no end", at: start)
  }

  private mutating func readEscape(isRaw: Bool, into text: inout String.UnicodeScalarView) throws {
    let start = position
    guard let escaped = peek(1) else { throw error("the string has no end", at: start) }
    index += 2
    if isRaw || escaped == "\n" {
      if isRaw { text.append(contentsOf: ["\\", escaped]) }
      if escaped == "\n" { startLine() }
      return
    }
    switch escaped {
    case "\\", "'", "\"": text.append(escaped)
    case "a": text.append("\u{07}")
    case "b": text.append("\u{08}")
    case "f": text.append("\u{0C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{0B}")
    case "x": text.append(try readCodePoint(digits: 2, at: start))
    case "u": text.append(try readCodePoint(digits: 4, at: start))
    case "U": text.append(try readCodePoint(digits: 8, at: start))
    case "N": throw error("named characters (\\N{…}) are not supported", at: start)
    case "0"..."7":
      index -= 1
      var digits = ""
      while digits.unicodeScalars.count < 3, let digit = current, ("0"..."7").contains(digit) {
        digits.unicodeScalars.append(digit)
        index += 1
      }
      text.append(try codePoint(UInt32(digits, radix: 8), at: start))
    default:
      // Python keeps the backslash of an escape that it doesn't know.
      text.append(contentsOf: ["\\", escaped])
    }
  }

  private mutating func readCodePoint(digits count: Int, at start: SourcePosition) throws -> Unicode.Scalar {
    var digits = ""
    while digits.utf8.count < count, let digit = current, Character(digit).isHexDigit, digit.isASCII {
      digits.unicodeScalars.append(digit)
      index += 1
    }
    return try codePoint(digits.utf8.count == count ? UInt32(digits, radix: 16) : nil, at: start)
  }

  private func codePoint(_ value: UInt32?, at start: SourcePosition) throws -> Unicode.Scalar {
    guard let value, let scalar = Unicode.Scalar(value) else {
      throw error("the escape is not a character", at: start)
    }
    return scalar
  }

  // MARK: Characters

  private mutating func readWhile(_ isPart: (Unicode.Scalar) -> Bool) -> String {
    var text = String.UnicodeScalarView()
    while let scalar = current, isPart(scalar) {
      text.append(scalar)
      index += 1
    }
    return String(text)
  }
}

private let pythonSymbols: Set<String> = [
  "+", "-", "*", "/", "%", "@", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "=",
  "**", "//", "<<", ">>", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=", "%=", "@=", "&=", "|=", "^=",
  "**=", "//=", "<<=", ">>=", "...",
]

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

private func isIdentifierStart(_ scalar: Unicode.Scalar) -> Bool {
  scalar == "_" || (scalar.isASCII ? isASCIILetter(scalar) : scalar.properties.isXIDStart)
}

private func isIdentifierPart(_ scalar: Unicode.Scalar) -> Bool {
  isIdentifierStart(scalar) || (scalar.isASCII ? isDigit(scalar) : scalar.properties.isXIDContinue)
}

private func isASCIILetter(_ scalar: Unicode.Scalar) -> Bool {
  ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
}

extension Character {
  fileprivate func isDigit(radix: Int) -> Bool {
    guard isASCII, let value = hexDigitValue else { return false }
    return value < radix
  }
}
