/// Reads one Python expression from tokens, by Python 3's grammar and precedences.
///
/// The tree is at most ``maximumDepth`` levels deep, and so is the nesting of brackets; a deeper source throws.
/// Assignment expressions, `await` and `yield` are refused.
package struct ExpressionParser {
  /// The deepest tree and the deepest nesting of brackets that are accepted.
  package static let maximumDepth = 100

  let source: [Unicode.Scalar]
  let tokens: [Token]
  var index = 0
  var nesting = 0

  package init(_ source: String, readsReferences: Bool = false) throws {
    self.source = Array(source.unicodeScalars)
    tokens = try Lexer.tokens(of: source, readsReferences: readsReferences)
  }

  /// The expression that is the whole of `source`, as `eval` would read it: a tuple may stand without brackets.
  /// - Throws: ``PythonSyntaxError``.
  package static func parse(_ source: String, readsReferences: Bool = false) throws -> Expression {
    var parser = try ExpressionParser(source, readsReferences: readsReferences)
    parser.skipNewlines()
    let expression = try parser.readExpressionList()
    parser.skipNewlines()
    guard parser.token.kind == .end else {
      throw parser.error("unexpected \(parser.token.kind.summary) after the expression")
    }
    return expression
  }

  // MARK: Tokens

  /// The tokens always end with `.end`, and no reading goes past it.
  var token: Token { tokens[min(index, tokens.count - 1)] }

  mutating func advance() { index = min(index + 1, tokens.count - 1) }

  mutating func skipNewlines() {
    while token.kind == .newline { advance() }
  }

  func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }

  func isKeyword(_ keyword: String) -> Bool { token.kind == .name(keyword) }

  mutating func take(symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func take(keyword: String) -> Bool {
    guard isKeyword(keyword) else { return false }
    advance()
    return true
  }

  mutating func expect(symbol: String) throws {
    guard take(symbol: symbol) else { throw error("expected '\(symbol)', found \(token.kind.summary)") }
  }

  mutating func expect(keyword: String) throws {
    guard take(keyword: keyword) else { throw error("expected '\(keyword)', found \(token.kind.summary)") }
  }

  func error(_ reason: String, at place: SourcePosition? = nil) -> PythonSyntaxError {
    PythonSyntaxError(reason, at: place ?? token.position, in: source)
  }

  // MARK: Nodes

  /// A node over `children`, refused when the tree grows too deep.
  func node(_ kind: Expression.Kind, at position: SourcePosition, over children: [Expression] = []) throws -> Expression
  {
    let depth = 1 + (children.map(\.depth).max() ?? 0)
    guard depth <= Self.maximumDepth else { throw tooDeep(position) }
    return Expression(kind: kind, position: position, depth: depth)
  }

  private func tooDeep(_ position: SourcePosition) -> PythonSyntaxError {
    error("the expression is nested more than \(Self.maximumDepth) levels deep", at: position)
  }

  /// Runs `body` one level of nesting deeper.
  mutating func nested<Result>(_ body: (inout ExpressionParser) throws -> Result) throws -> Result {
    guard nesting < Self.maximumDepth else { throw tooDeep(token.position) }
    nesting += 1
    defer { nesting -= 1 }
    return try body(&self)
  }

  // MARK: Expressions, from the loosest binding to the tightest

  /// `a, *b, c` without brackets, or one expression.
  mutating func readExpressionList() throws -> Expression {
    let start = token.position
    let first = try readStarredOrExpression()
    guard isSymbol(",") else {
      if case .starred = first.kind { throw error("a starred expression can't stand alone", at: start) }
      return first
    }
    var items = [first]
    while take(symbol: ",") {
      if endsList { break }
      items.append(try readStarredOrExpression())
    }
    return try node(.tuple(items), at: start, over: items)
  }

  private var endsList: Bool {
    switch token.kind {
    case .end, .newline: true
    case .symbol(let symbol): [")", "]", "}", "=", ":"].contains(symbol)
    default: false
    }
  }

  mutating func readStarredOrExpression() throws -> Expression {
    let start = token.position
    guard take(symbol: "*") else { return try readExpression() }
    let value = try nested { try $0.readBinary(minimum: 0) }
    return try node(.starred(value), at: start, over: [value])
  }

  /// A conditional expression, a lambda, or anything that binds tighter.
  mutating func readExpression() throws -> Expression {
    try nested { parser in
      if parser.isKeyword("lambda") { return try parser.readLambda() }
      let start = parser.token.position
      let value = try parser.readDisjunction()
      if parser.isSymbol(":=") { throw parser.error("assignment expressions (:=) are not supported") }
      guard parser.take(keyword: "if") else { return value }
      let condition = try parser.readDisjunction()
      try parser.expect(keyword: "else")
      let otherwise = try parser.readExpression()
      return try parser.node(
        .conditional(condition: condition, then: value, otherwise: otherwise), at: start,
        over: [value, condition, otherwise])
    }
  }

  mutating func readDisjunction() throws -> Expression {
    let start = token.position
    var operands = [try readConjunction()]
    while take(keyword: "or") { operands.append(try readConjunction()) }
    return operands.count == 1 ? operands[0] : try node(.disjunction(operands), at: start, over: operands)
  }

  private mutating func readConjunction() throws -> Expression {
    let start = token.position
    var operands = [try readInversion()]
    while take(keyword: "and") { operands.append(try readInversion()) }
    return operands.count == 1 ? operands[0] : try node(.conjunction(operands), at: start, over: operands)
  }

  private mutating func readInversion() throws -> Expression {
    let start = token.position
    guard take(keyword: "not") else { return try readComparison() }
    let operand = try nested { try $0.readInversion() }
    return try node(.unary(.not, operand), at: start, over: [operand])
  }

  private mutating func readComparison() throws -> Expression {
    let start = token.position
    let first = try readBinary(minimum: 0)
    var rest: [Expression.Comparison] = []
    while let comparator = takeComparator() {
      rest.append(Expression.Comparison(comparator: comparator, operand: try readBinary(minimum: 0)))
    }
    if rest.isEmpty { return first }
    return try node(.comparison(first, rest), at: start, over: [first] + rest.map(\.operand))
  }

  private mutating func takeComparator() -> Expression.Comparator? {
    switch token.kind {
    case .symbol(let symbol):
      guard let comparator = Expression.Comparator(rawValue: symbol) else { return nil }
      advance()
      return comparator
    case .name("in"):
      advance()
      return .in
    case .name("is"):
      advance()
      return take(keyword: "not") ? .isNot : .is
    case .name("not") where tokens[min(index + 1, tokens.count - 1)].kind == .name("in"):
      advance()
      advance()
      return .notIn
    default:
      return nil
    }
  }

  /// Left-associative binary operators that bind at least as tightly as `minimum`.
  mutating func readBinary(minimum: Int) throws -> Expression {
    let start = token.position
    var left = try readUnary()
    while case .symbol(let symbol) = token.kind, let binary = Expression.BinaryOperator(rawValue: symbol),
      binary != .power, binary.precedence >= minimum
    {
      advance()
      let right = try readBinary(minimum: binary.precedence + 1)
      left = try node(.binary(binary, left, right), at: start, over: [left, right])
    }
    return left
  }

  private mutating func readUnary() throws -> Expression {
    let start = token.position
    guard case .symbol(let symbol) = token.kind, let unary = Expression.UnaryOperator(rawValue: symbol) else {
      return try readPower()
    }
    advance()
    let operand = try nested { try $0.readUnary() }
    return try node(.unary(unary, operand), at: start, over: [operand])
  }

  /// `base ** exponent` binds tighter than a sign on its left, looser than one on its right.
  private mutating func readPower() throws -> Expression {
    let start = token.position
    let base = try readPrimary()
    guard take(symbol: "**") else { return base }
    let exponent = try nested { try $0.readUnary() }
    return try node(.binary(.power, base, exponent), at: start, over: [base, exponent])
  }

  // MARK: Primaries: attributes, calls, subscripts

  private mutating func readPrimary() throws -> Expression {
    let start = token.position
    var value = try readAtom()
    while case .symbol(let symbol) = token.kind {
      switch symbol {
      case ".":
        advance()
        value = try node(.attribute(value, try readIdentifier()), at: start, over: [value])
      case "(":
        advance()
        let arguments = try readArguments()
        value = try node(.call(value, arguments), at: start, over: [value] + arguments.map(\.value))
      case "[":
        advance()
        let index = try readSubscript()
        value = try node(.subscripted(value, index), at: start, over: [value, index])
      default:
        return value
      }
    }
    return value
  }

  mutating func readIdentifier() throws -> String {
    guard case .name(let name) = token.kind, !pythonKeywords.contains(name) else {
      throw error("expected a name, found \(token.kind.summary)")
    }
    advance()
    return name
  }

  private mutating func readArguments() throws -> [Expression.Argument] {
    var arguments: [Expression.Argument] = []
    while !take(symbol: ")") {
      if !arguments.isEmpty {
        try expect(symbol: ",")
        if take(symbol: ")") { break }
      }
      arguments.append(try readArgument(isOnly: arguments.isEmpty))
    }
    return arguments
  }

  private mutating func readArgument(isOnly: Bool) throws -> Expression.Argument {
    if take(symbol: "**") { return Expression.Argument(form: .doubleStar, value: try readExpression()) }
    if take(symbol: "*") { return Expression.Argument(form: .star, value: try readExpression()) }
    if case .name(let name) = token.kind, !pythonKeywords.contains(name),
      tokens[min(index + 1, tokens.count - 1)].kind == .symbol("=")
    {
      advance()
      advance()
      return Expression.Argument(form: .keyword(name), value: try readExpression())
    }
    let start = token.position
    let value = try readExpression()
    guard isKeyword("for") else { return Expression.Argument(form: .positional, value: value) }
    guard isOnly else { throw error("a generator that isn't the only argument needs parentheses", at: start) }
    let generator = try readComprehension(.generator(value), at: start, over: [value])
    guard isSymbol(")") else { throw error("a generator that isn't the only argument needs parentheses", at: start) }
    return Expression.Argument(form: .positional, value: generator)
  }

  private mutating func readSubscript() throws -> Expression {
    let start = token.position
    let first = try readSliceItem()
    guard isSymbol(",") else {
      try expect(symbol: "]")
      return first
    }
    var items = [first]
    while take(symbol: ",") {
      if isSymbol("]") { break }
      items.append(try readSliceItem())
    }
    try expect(symbol: "]")
    return try node(.tuple(items), at: start, over: items)
  }

  private mutating func readSliceItem() throws -> Expression {
    let start = token.position
    if isSymbol("*") { return try readStarredOrExpression() }
    let lower = isSymbol(":") ? nil : try readExpression()
    guard take(symbol: ":") else {
      guard let lower else { throw error("expected an index") }
      return lower
    }
    let upper = try readSliceBound()
    let step = take(symbol: ":") ? try readSliceBound() : nil
    return try node(
      .slice(lower: lower, upper: upper, step: step), at: start, over: [lower, upper, step].compactMap { $0 })
  }

  private mutating func readSliceBound() throws -> Expression? {
    isSymbol(":") || isSymbol("]") || isSymbol(",") ? nil : try readExpression()
  }
}

extension Expression.BinaryOperator {
  /// How tightly the operator binds; larger is tighter.
  package var precedence: Int {
    switch self {
    case .bitOr: 0
    case .bitXor: 1
    case .bitAnd: 2
    case .shiftLeft, .shiftRight: 3
    case .add, .subtract: 4
    case .multiply, .divide, .floorDivide, .modulo, .matrixMultiply: 5
    case .power: 7
    }
  }
}
