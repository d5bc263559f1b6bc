/// A Python statement as a tree. It says what was written; nothing is executed.
package struct Statement: Sendable, Hashable {
  package indirect enum Kind: Sendable, Hashable {
    /// `target = value`, `a, b = value`; several targets for `a = b = value`.
    case assignment([Expression], Expression)
    /// `name : annotation = value`, with or without the value.
    case annotated(Expression, annotation: Expression, value: Expression?)
    case expression(Expression)
    case `if`(Expression, then: [Statement], otherwise: [Statement])
    case `for`(target: Expression, iterable: Expression, body: [Statement])
    case `while`(Expression, body: [Statement])
    /// `with manager as name:`; the names play no part in TorchScript's code.
    case with([Expression], body: [Statement])
    case `return`(Expression?)
    case raise(Expression?)
    case assert(Expression, message: Expression?)
    case pass
    case function(FunctionDefinition)
    case `class`(ClassDefinition)
  }

  package let kind: Kind
  package let position: SourcePosition
}

/// `def name(parameters) -> result:` and its body.
package struct FunctionDefinition: Sendable, Hashable {
  package let name: String
  package let parameters: [Expression.Parameter]
  package let body: [Statement]
}

/// `class name(bases):` and its body.
package struct ClassDefinition: Sendable, Hashable {
  package let name: String
  package let bases: [Expression]
  package let body: [Statement]

  /// The method of that name.
  package func method(_ name: String) -> FunctionDefinition? {
    for case .function(let function) in body.lazy.map(\.kind) where function.name == name { return function }
    return nil
  }
}
