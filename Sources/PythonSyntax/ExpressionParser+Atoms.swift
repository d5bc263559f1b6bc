/// Atoms: literals, names, displays, comprehensions, lambdas.
extension ExpressionParser {
  mutating func readAtom() throws -> Expression {
    let start = token.position
    switch token.kind {
    case .integer(let value):
      advance()
      return try node(.integer(value), at: start)
    case .float(let value):
      advance()
      return try node(.float(value), at: start)
    case .string:
      return try readStrings(at: start)
    case .reference(let id):
      advance()
      return try node(.reference(id), at: start)
    case .name(let name):
      return try readNameAtom(name, at: start)
    case .symbol("("):
      advance()
      return try readParenthesised(at: start)
    case .symbol("["):
      advance()
      return try readListDisplay(at: start)
    case .symbol("{"):
      advance()
      return try readBraceDisplay(at: start)
    case .symbol("..."):
      advance()
      return try node(.ellipsis, at: start)
    default:
      throw error("expected a value, found \(token.kind.summary)")
    }
  }

  private mutating func readNameAtom(_ name: String, at start: SourcePosition) throws -> Expression {
    let kind: Expression.Kind
    switch name {
    case "None": kind = .none
    case "True": kind = .boolean(true)
    case "False": kind = .boolean(false)
    case "await", "yield": throw error("'\(name)' is not supported")
    case _ where pythonKeywords.contains(name): throw error("expected a value, found the keyword '\(name)'")
    default: kind = .name(name)
    }
    advance()
    return try node(kind, at: start)
  }

  /// Neighbouring string literals are one string.
  private mutating func readStrings(at start: SourcePosition) throws -> Expression {
    var text = ""
    while case .string(let part) = token.kind {
      text += part
      advance()
    }
    return try node(.string(text), at: start)
  }

  private mutating func readParenthesised(at start: SourcePosition) throws -> Expression {
    if take(symbol: ")") { return try node(.tuple([]), at: start) }
    let first = try readStarredOrExpression()
    if isKeyword("for") {
      let generator = try readComprehension(.generator(first), at: start, over: [first])
      try expect(symbol: ")")
      return generator
    }
    guard isSymbol(",") else {
      try expect(symbol: ")")
      if case .starred = first.kind { throw error("a starred expression can't stand alone", at: start) }
      return first
    }
    let items = try readItems(after: first, until: ")")
    return try node(.tuple(items), at: start, over: items)
  }

  private mutating func readListDisplay(at start: SourcePosition) throws -> Expression {
    if take(symbol: "]") { return try node(.list([]), at: start) }
    let first = try readStarredOrExpression()
    if isKeyword("for") {
      let comprehension = try readComprehension(.list(first), at: start, over: [first])
      try expect(symbol: "]")
      return comprehension
    }
    let items = try readItems(after: first, until: "]")
    return try node(.list(items), at: start, over: items)
  }

  /// The items of a display after its first, and its closing bracket.
  private mutating func readItems(after first: Expression, until close: String) throws -> [Expression] {
    var items = [first]
    while !take(symbol: close) {
      guard take(symbol: ",") else { throw error("expected ',' or '\(close)', found \(token.kind.summary)") }
      if take(symbol: close) { break }
      items.append(try readStarredOrExpression())
    }
    return items
  }

  private mutating func readBraceDisplay(at start: SourcePosition) throws -> Expression {
    if take(symbol: "}") { return try node(.dictionary([]), at: start) }
    if isSymbol("**") { return try readDictionary(items: [], at: start) }
    let first = try readStarredOrExpression()
    if take(symbol: ":") {
      let value = try readExpression()
      if isKeyword("for") {
        let comprehension = try readComprehension(.dictionary(first, value), at: start, over: [first, value])
        try expect(symbol: "}")
        return comprehension
      }
      return try readDictionary(items: [.pair(first, value)], at: start)
    }
    if isKeyword("for") {
      let comprehension = try readComprehension(.set(first), at: start, over: [first])
      try expect(symbol: "}")
      return comprehension
    }
    let items = try readItems(after: first, until: "}")
    return try node(.set(items), at: start, over: items)
  }

  private mutating func readDictionary(
    items first: [Expression.DictionaryItem], at start: SourcePosition
  ) throws -> Expression {
    var items = first
    while !take(symbol: "}") {
      if !items.isEmpty {
        guard take(symbol: ",") else { throw error("expected ',' or '}', found \(token.kind.summary)") }
        if take(symbol: "}") { break }
      }
      if take(symbol: "**") {
        items.append(.unpacked(try nested { try $0.readBinary(minimum: 0) }))
        continue
      }
      let key = try readExpression()
      try expect(symbol: ":")
      items.append(.pair(key, try readExpression()))
    }
    let children = items.flatMap { item in
      switch item {
      case .pair(let key, let value): [key, value]
      case .unpacked(let value): [value]
      }
    }
    return try node(.dictionary(items), at: start, over: children)
  }

  // MARK: Comprehensions and lambdas

  /// The `for … in … if …` clauses after the element.
  mutating func readComprehension(
    _ form: Expression.ComprehensionForm, at start: SourcePosition, over elements: [Expression]
  ) throws -> Expression {
    for element in elements {
      if case .starred = element.kind { throw error("a comprehension can't unpack its element", at: start) }
    }
    var clauses: [Expression.ComprehensionClause] = []
    var children = elements
    while take(keyword: "for") {
      let target = try readTargets()
      try expect(keyword: "in")
      let iterable = try nested { try $0.readDisjunction() }
      var conditions: [Expression] = []
      while take(keyword: "if") { conditions.append(try nested { try $0.readDisjunction() }) }
      clauses.append(Expression.ComprehensionClause(target: target, iterable: iterable, conditions: conditions))
      children += [target, iterable] + conditions
    }
    if isKeyword("async") { throw error("'async' is not supported") }
    guard clauses.count <= Self.maximumClauses else {
      throw error("the comprehension has more than \(Self.maximumClauses) clauses", at: start)
    }
    return try node(.comprehension(form, clauses), at: start, over: children)
  }

  private static var maximumClauses: Int { 16 }

  /// The names that a `for` assigns, alone.
  mutating func readTargetList() throws -> Expression { try readTargets() }

  private mutating func readTargets() throws -> Expression {
    let start = token.position
    let first = try readTarget()
    guard isSymbol(",") else { return first }
    var targets = [first]
    while take(symbol: ",") {
      if isKeyword("in") || isSymbol(")") || isSymbol("]") { break }
      targets.append(try readTarget())
    }
    return try node(.tuple(targets), at: start, over: targets)
  }

  private mutating func readTarget() throws -> Expression {
    let start = token.position
    for (open, close) in [("(", ")"), ("[", "]")] where take(symbol: open) {
      let targets = try nested { try $0.readTargets() }
      try expect(symbol: close)
      return targets
    }
    return try node(.name(try readIdentifier()), at: start)
  }

  mutating func readLambda() throws -> Expression {
    let start = token.position
    try expect(keyword: "lambda")
    var parameters: [Expression.Parameter] = []
    while !take(symbol: ":") {
      if !parameters.isEmpty {
        try expect(symbol: ",")
        if take(symbol: ":") { break }
      }
      parameters.append(try readParameter())
    }
    let body = try readExpression()
    return try node(.lambda(parameters, body), at: start, over: parameters.compactMap(\.defaultValue) + [body])
  }

  private mutating func readParameter() throws -> Expression.Parameter {
    if take(symbol: "/") { return Expression.Parameter(form: .slash, name: "") }
    if take(symbol: "**") { return Expression.Parameter(form: .doubleStar, name: try readIdentifier()) }
    if take(symbol: "*") {
      let name = isSymbol(",") ? "" : try readIdentifier()
      return Expression.Parameter(form: .star, name: name)
    }
    let name = try readIdentifier()
    let defaultValue = take(symbol: "=") ? try readExpression() : nil
    return Expression.Parameter(form: .plain, name: name, defaultValue: defaultValue)
  }
}
