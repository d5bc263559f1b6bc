import PythonSyntax
import Testing

@Suite struct StatementParserTests {
  @Test func classesHoldAnnotationsAndMethods() throws {
    let source = """
      import x
      class Net(Module):
        __parameters__ = ["weight", ]
        weight : Tensor
        eps : Final[float] = 1.0000000000000001e-05
        __annotations__["0"] = __torch__.torch.nn.___torch_mangle_3.Conv
        def forward(self: __torch__.Net,
            x: Tensor,
            y: Optional[int]=None) -> Tensor:
          a, b, = (getattr(self, "0")).forward(x, )
          return torch.add(a, b)
      def free(x: Tensor) -> Tensor:
        return x
      """
    let statements = try StatementParser.parse(source)
    #expect(statements.count == 2)
    guard case .class(let definition) = statements[0].kind, let forward = definition.method("forward") else {
      Issue.record("no class with a method")
      return
    }
    #expect(definition.name == "Net" && definition.bases.map(\.dottedName) == ["Module"])
    #expect(forward.parameters.map(\.name) == ["self", "x", "y"])
    #expect(forward.body.count == 2 && definition.body.count == 5)
    #expect(forward.body[0].position.line == 10)
  }

  @Test func blocksEndWhereTheIndentationDoes() throws {
    let source = """
      def f(x: int) -> int:
        if torch.gt(x, 1):
          y = 1
        else:
          if x:
            y = 2
          elif torch.eq(x, 0):
            pass
          else:
            ops.prim.RaiseException("no")
        for i in range(3):
          y = torch.add(y, i)
        while bool(y):
          y = 0
        assert y, "message"
        return (y, inf)
      """
    guard case .function(let function) = try StatementParser.parse(source)[0].kind else {
      Issue.record("no function")
      return
    }
    #expect(function.body.count == 5)
    guard case .if(_, let then, let otherwise) = function.body[0].kind else {
      Issue.record("no condition")
      return
    }
    #expect(then.count == 1 && otherwise.count == 1)
  }

  @Test func contextsKeepTheirManagersAndTheirBody() throws {
    let statements = try StatementParser.parse("with a, b:\n  x = 1\n  y = 2\n")
    guard case .with(let managers, let body)? = statements.first?.kind else {
      Issue.record("\(statements)")
      return
    }
    #expect(managers.compactMap(\.dottedName) == ["a", "b"] && body.count == 2)
  }

  @Test(arguments: [
    "def f():\nreturn 1", "  x = 1", "def f():\n    x = 1\n  y = 2", "with : pass", "x = = 1", "del x", "if x:\n",
    "class A(:\n  pass", "x = 1 2", "async def f(): pass",
  ])
  func otherStatementsAreRefused(_ source: String) {
    #expect(throws: PythonSyntaxError.self) { try StatementParser.parse(source) }
  }

  @Test func deepNestingIsRefused() {
    let source = (0..<300).map { String(repeating: " ", count: $0) + "if x:" }.joined(separator: "\n") + " pass"
    #expect(throws: PythonSyntaxError.self) { try StatementParser.parse(source) }
  }
}
