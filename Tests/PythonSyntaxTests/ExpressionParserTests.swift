import PythonSyntax
import Testing

@Suite struct ExpressionParserTests {
  /// What is printed is the canonical source, with as few brackets as precedence needs.
  @Test(arguments: [
    ("1+2*3", "1 + 2 * 3"), ("(1+2)*3", "(1 + 2) * 3"), ("1-(2-3)", "1 - (2 - 3)"), ("1-2-3", "1 - 2 - 3"),
    ("-x**2", "-x ** 2"), ("(-x)**2", "(-x) ** 2"), ("2**-1", "2 ** -1"), ("(2**3)**2", "(2 ** 3) ** 2"),
    ("2**3**2", "2 ** 3 ** 2"), ("not(a and b)or c", "not (a and b) or c"), ("a<b<=c!=d", "a < b <= c != d"),
    ("(a<b)<c", "(a < b) < c"), ("a not  in b", "a not in b"), ("a is  not None", "a is not None"),
    ("a if b else c if d else e", "a if b else c if d else e"),
    ("(a if b else c)if d else e", "(a if b else c) if d else e"),
    ("lambda:0", "lambda: 0"), ("lambda x,*a,k=1,**kw:x", "lambda x, *a, k=1, **kw: x"),
    ("(lambda x:x)(1)", "(lambda x: x)(1)"),
    ("lambda a,/,b,*,c:a", "lambda a, /, b, *, c: a"),
    ("f(a,*b,k=1,**c)", "f(a, *b, k=1, **c)"), ("f(x for x in y)", "f((x for x in y))"),
    ("a.b.c[0](1).d", "a.b.c[0](1).d"),
    ("x[1:2,::3,...]", "x[1:2, ::3, ...]"), ("x[[2]]", "x[[2]]"), ("x[:]", "x[:]"), ("x[1,]", "x[1,]"),
    ("(1).real", "(1).real"),
    ("()", "()"), ("(1,)", "(1,)"), ("1,2", "(1, 2)"), ("[1,2,]", "[1, 2]"), ("{1,2}", "{1, 2}"), ("{}", "{}"),
    ("{'a':1,**b}", "{'a': 1, **b}"), ("[*a,1]", "[*a, 1]"), ("a@b", "a @ b"), ("a|b^c&d<<1", "a | b ^ c & d << 1"),
    ("[x for x in a if b if c for y in x]", "[x for x in a if b if c for y in x]"),
    ("{k:v for k,v in d}", "{k: v for k, v in d}"), ("[x for (a,b), in d]", "[x for ((a, b),) in d]"),
    ("[x for (a,b),c in d]", "[x for (a, b), c in d]"),
    ("'a' \"b\"", "'ab'"), ("\"it's\"", "\"it's\""), ("'\\x41\\n'", "'A\\n'"), ("r'\\d'", "'\\\\d'"),
    ("1e400", "1e999"),
    ("0xFF", "255"), ("1_0", "10"), ("1e3", "1000.0"), ("~-+x", "~-+x"), (" \n x \n ", "x"), ("(1 +\n 2)", "1 + 2"),
    ("x # comment", "x"), ("True", "True"),
    ("[(a, b) for a in (yes if c else no)]", "[(a, b) for a in (yes if c else no)]"),
  ])
  func printsTheCanonicalSource(_ source: String, _ canonical: String) throws {
    let expression = try ExpressionParser.parse(source)
    #expect(expression.description == canonical)
    #expect(try ExpressionParser.parse(canonical).description == canonical)
  }

  @Test(arguments: [
    "", "1 +", "(", ")", "(1", "[1, 2", "{1: 2", "{1: }", "f(", "f(a=1=2)", "x[", "x[]", "x.", "x.1", "1 2", "a b",
    "lambda",
    "lambda x", "if", "x if y", "x if y else", "for", "not", "*a", "*", "**a", "'abc", "\"abc\n\"", "'''abc", "a = 1",
    "a; b",
    "01", "1__0", "1_", "0x", "0xg", "1e", "1.2.3", "1j", "f'x'", "b'x'", "x'y'", "(x := 1)", "await x", "yield",
    "\\", "$x", "?",
    "a ! b", "'\\xZ'", "'\\N{DASH}'", "'\\u12'", "'\\U99999999'", "99999999999999999999", "[x for]", "[x for y]",
    "[x for 1 in y]",
    "[*x for x in y]", "f(x for x in y, 1)", "f(1, x for x in y)", "class", "None = 1", "x.None", "(1]", "a\nb",
    "a, , b", "not in", "é'",
  ])
  func refusesWhatIsNotAnExpression(_ source: String) {
    #expect(throws: PythonSyntaxError.self) { try ExpressionParser.parse(source) }
  }

  @Test func errorsTellThePosition() {
    let error = #expect(throws: PythonSyntaxError.self) { try ExpressionParser.parse("[1,\n  2, )") }
    #expect(error?.position == SourcePosition(line: 2, column: 6))
    #expect(error?.excerpt == "  2, )")
  }

  @Test func nodesKnowWhereTheyStand() throws {
    guard case .binary(_, let left, let right) = try ExpressionParser.parse("aé + (b\n* c)").kind else {
      Issue.record("not a binary operation")
      return
    }
    #expect(left.position == SourcePosition(line: 1, column: 1))
    #expect(right.position == SourcePosition(line: 1, column: 7))
  }

  @Test(arguments: [
    "(", "[", "{1: ", "-", "not ", "lambda: ", "f(", "x[", "1 if 1 else ", "2**", "*", "[x for x in ", "~",
  ])
  func deepNestingThrows(_ piece: String) {
    #expect(throws: PythonSyntaxError.self) {
      try ExpressionParser.parse(String(repeating: piece, count: 50_000) + "1")
    }
  }

  @Test(arguments: ["+1", ".a", "()", "[0]"])
  func longChainsThrow(_ piece: String) {
    let source = "x" + String(repeating: piece, count: 5000)
    #expect(throws: PythonSyntaxError.self) { try ExpressionParser.parse(source) }
  }

  @Test func referencesEndWhereMONAIEndsThem() throws {
    let expression = try ExpressionParser.parse("@a#b::0[1:2] + @c.to(@##d) - @::e", readsReferences: true)
    #expect(expression.references == ["a::b::0", "c", "::::d", "::e"])
    #expect(expression.description == "@a::b::0[1:2] + @c.to(@::::d) - @::e")
    #expect(throws: PythonSyntaxError.self) { try ExpressionParser.parse("a @ b", readsReferences: true) }
    #expect(throws: PythonSyntaxError.self) { try ExpressionParser.parse("1 # 2", readsReferences: true) }
  }

  @Test func changedSourcesNeverTrap() {
    let source =
      "[{'a': f(x, *y, k=1.5e3)[1:-1, ...]} for (x, y) in @r::0 if not 'q\\n' in \"z\" and x < 0x1F] if a else lambda q: q**2"
    let scalars = Array(source.unicodeScalars)
    let pool = Array("()[]{}'\"\\,:.*@#=+-<>!0_aé \n".unicodeScalars)
    for length in 0...scalars.count {
      var part = String.UnicodeScalarView()
      part.append(contentsOf: scalars.prefix(length))
      _ = try? ExpressionParser.parse(String(part), readsReferences: true)
    }
    var random = FixedRandom()
    for _ in 0..<3000 {
      var changed = scalars
      for _ in 0..<3 {
        changed[Int.random(in: 0..<changed.count, using: &random)] =
          pool[Int.random(in: 0..<pool.count, using: &random)]
      }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: changed)
      guard let expression = try? ExpressionParser.parse(String(text), readsReferences: true) else { continue }
      // What was accepted prints as something that is accepted and prints the same.
      let printed = expression.description
      let again = try? ExpressionParser.parse(printed, readsReferences: true)
      #expect(again?.description == printed, "\(String(text))")
    }
  }

  @Test(arguments: [
    (1.0, "1.0"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (1.5e15, "1500000000000000.0"), (1e-5, "1e-05"),
    (0.0001, "0.0001"),
    (-0.0, "-0.0"), (1e22, "1e+22"), (9007199254740994.0, "9007199254740994.0"), (0.1, "0.1"), (2.5e-300, "2.5e-300"),
  ])
  func doublesPrintAsInPython(_ value: Double, _ text: String) {
    #expect(pythonDescription(of: value) == text)
  }
}

/// The same numbers in every run (a linear congruential generator), so that a failure can be repeated.
struct FixedRandom: RandomNumberGenerator {
  private var state: UInt64 = 2024

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ (state >> 29)
  }
}
