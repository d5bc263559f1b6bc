/// Reads the statements of the Python subset that TorchScript archives hold: classes, functions with annotations,
/// assignments, `if`, `for`, `while`, `with`, `return`, `raise`, `assert`, `pass`. Imports are skipped. Anything else is refused.
///
/// A block is what is indented by the same column; it nests at most ``maximumNesting`` levels deep.
package struct StatementParser {
  package static let maximumNesting = 200

  private var parser: ExpressionParser
  private var depth = 0

  /// The statements of the whole of `source`.
  /// - Throws: ``PythonSyntaxError``.
  package static func parse(_ source: String) throws -> [Statement] {
    var reader = StatementParser(parser: try ExpressionParser(source))
    var statements: [Statement] = []
    reader.parser.skipNewlines()
    while reader.parser.token.kind != .end {
      guard reader.parser.token.position.column == 1 else { throw reader.parser.error("unexpected indentation") }
      if let statement = try reader.readStatement() { statements.append(statement) }
      reader.parser.skipNewlines()
    }
    return statements
  }

  private init(parser: ExpressionParser) { self.parser = parser }

  // MARK: Blocks

  /// The statements after a colon: on the same line, or indented below.
  private mutating func readBlock(deeperThan outer: Int) throws -> [Statement] {
    try parser.expect(symbol: ":")
    guard parser.token.kind == .newline else { return try readStatement().map { [$0] } ?? [] }
    parser.skipNewlines()
    guard depth < Self.maximumNesting else {
      throw parser.error("the blocks are nested more than \(Self.maximumNesting) levels deep")
    }
    depth += 1
    defer { depth -= 1 }
    let column = parser.token.position.column
    guard column > outer, parser.token.kind != .end else { throw parser.error("expected an indented block") }
    var statements: [Statement] = []
    while parser.token.kind != .end, parser.token.position.column == column {
      if let statement = try readStatement() { statements.append(statement) }
      parser.skipNewlines()
    }
    guard parser.token.kind == .end || parser.token.position.column <= outer else {
      throw parser.error("the indentation fits no block around it")
    }
    return statements
  }

  /// The end of a simple statement.
  private mutating func endLine() throws {
    switch parser.token.kind {
    case .newline, .end: return
    case .symbol(";"): parser.advance()
    default: throw parser.error("unexpected \(parser.token.kind.summary) after the statement")
    }
  }

  // MARK: Statements

  /// The next statement; nil for an import.
  private mutating func readStatement() throws -> Statement? {
    let position = parser.token.position
    guard case .name(let word) = parser.token.kind, pythonKeywords.contains(word) else {
      return try readSimple(at: position)
    }
    switch word {
    case "import", "from":
      while parser.token.kind != .newline, parser.token.kind != .end { parser.advance() }
      return nil
    case "class": return Statement(kind: .class(try readClass(column: position.column)), position: position)
    case "def": return Statement(kind: .function(try readFunction(column: position.column)), position: position)
    case "if":
      parser.advance()
      return try readIf(at: position)
    case "for":
      parser.advance()
      let target = try parser.readTargetList()
      try parser.expect(keyword: "in")
      let iterable = try parser.readExpressionList()
      let body = try readBlock(deeperThan: position.column)
      return Statement(kind: .for(target: target, iterable: iterable, body: body), position: position)
    case "while":
      parser.advance()
      let condition = try parser.readExpression()
      let body = try readBlock(deeperThan: position.column)
      return Statement(kind: .while(condition, body: body), position: position)
    case "with":
      parser.advance()
      var managers = [try parser.readExpression()]
      while parser.take(symbol: ",") { managers.append(try parser.readExpression()) }
      return Statement(
        kind: .with(managers, body: try readBlock(deeperThan: position.column)), position: position)
    case "return":
      parser.advance()
      let value = isLineEnd ? nil : try parser.readExpressionList()
      try endLine()
      return Statement(kind: .return(value), position: position)
    case "raise":
      parser.advance()
      let value = isLineEnd ? nil : try parser.readExpression()
      try endLine()
      return Statement(kind: .raise(value), position: position)
    case "assert":
      parser.advance()
      let condition = try parser.readExpression()
      let message = parser.take(symbol: ",") ? try parser.readExpression() : nil
      try endLine()
      return Statement(kind: .assert(condition, message: message), position: position)
    case "pass":
      parser.advance()
      try endLine()
      return Statement(kind: .pass, position: position)
    case "None", "True", "False", "not", "lambda": return try readSimple(at: position)
    default: throw parser.error("'\(word)' statements are not supported")
    }
  }

  private var isLineEnd: Bool {
    switch parser.token.kind {
    case .newline, .end: true
    default: false
    }
  }

  private mutating func readIf(at position: SourcePosition) throws -> Statement {
    let condition = try parser.readExpression()
    let then = try readBlock(deeperThan: position.column)
    var otherwise: [Statement] = []
    parser.skipNewlines()
    if parser.token.position.column == position.column {
      let next = parser.token.position
      if parser.take(keyword: "elif") {
        guard depth < Self.maximumNesting else {
          throw parser.error("the blocks are nested more than \(Self.maximumNesting) levels deep")
        }
        depth += 1
        defer { depth -= 1 }
        otherwise = [try readIf(at: next)]
      } else if parser.take(keyword: "else") {
        otherwise = try readBlock(deeperThan: position.column)
      }
    }
    return Statement(kind: .if(condition, then: then, otherwise: otherwise), position: position)
  }

  /// An assignment, an annotation or an expression.
  private mutating func readSimple(at position: SourcePosition) throws -> Statement {
    let first = try parser.readExpressionList()
    if parser.take(symbol: ":") {
      let annotation = try parser.readExpression()
      let value = parser.take(symbol: "=") ? try parser.readExpressionList() : nil
      try endLine()
      return Statement(kind: .annotated(first, annotation: annotation, value: value), position: position)
    }
    var parts = [first]
    while parser.take(symbol: "=") { parts.append(try parser.readExpressionList()) }
    try endLine()
    guard parts.count > 1 else { return Statement(kind: .expression(first), position: position) }
    return Statement(kind: .assignment(Array(parts.dropLast()), parts[parts.count - 1]), position: position)
  }

  private mutating func readFunction(column: Int) throws -> FunctionDefinition {
    try parser.expect(keyword: "def")
    let name = try parser.readIdentifier()
    try parser.expect(symbol: "(")
    var parameters: [Expression.Parameter] = []
    while !parser.take(symbol: ")") {
      if !parameters.isEmpty {
        try parser.expect(symbol: ",")
        if parser.take(symbol: ")") { break }
      }
      let form: Expression.Parameter.Form = parser.take(symbol: "*") ? .star : .plain
      let parameter = form == .star && parser.isSymbol(",") ? "" : try parser.readIdentifier()
      if parser.take(symbol: ":") { _ = try parser.readExpression() }
      let value = parser.take(symbol: "=") ? try parser.readExpression() : nil
      parameters.append(Expression.Parameter(form: form, name: parameter, defaultValue: value))
    }
    if parser.take(symbol: "->") { _ = try parser.readExpression() }
    return FunctionDefinition(name: name, parameters: parameters, body: try readBlock(deeperThan: column))
  }

  private mutating func readClass(column: Int) throws -> ClassDefinition {
    try parser.expect(keyword: "class")
    let name = try parser.readIdentifier()
    var bases: [Expression] = []
    if parser.take(symbol: "(") {
      while !parser.take(symbol: ")") {
        if !bases.isEmpty { try parser.expect(symbol: ",") }
        bases.append(try parser.readExpression())
      }
    }
    return ClassDefinition(name: name, bases: bases, body: try readBlock(deeperThan: column))
  }
}
