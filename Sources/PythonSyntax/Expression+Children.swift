extension Expression {
  /// The expressions directly below this one, in source order.
  package var children: [Expression] {
    switch kind {
    case .none, .ellipsis, .boolean, .integer, .float, .string, .name, .reference: []
    case .attribute(let base, _): [base]
    case .call(let function, let arguments): [function] + arguments.map(\.value)
    case .subscripted(let base, let index): [base, index]
    case .slice(let lower, let upper, let step): [lower, upper, step].compactMap { $0 }
    case .starred(let value), .unary(_, let value): [value]
    case .binary(_, let left, let right): [left, right]
    case .conjunction(let items), .disjunction(let items), .list(let items), .tuple(let items), .set(let items): items
    case .comparison(let first, let rest): [first] + rest.map(\.operand)
    case .conditional(let condition, let then, let otherwise): [then, condition, otherwise]
    case .lambda(let parameters, let body): parameters.compactMap(\.defaultValue) + [body]
    case .dictionary(let items): items.flatMap(\.expressions)
    case .comprehension(let form, let clauses):
      form.elements + clauses.flatMap { [$0.target, $0.iterable] + $0.conditions }
    }
  }

  /// The ids of all config references in the expression.
  package var references: [String] {
    if case .reference(let id) = kind { return [id] }
    return children.flatMap(\.references)
  }
}

extension Expression.DictionaryItem {
  fileprivate var expressions: [Expression] {
    switch self {
    case .pair(let key, let value): [key, value]
    case .unpacked(let value): [value]
    }
  }
}

extension Expression.ComprehensionForm {
  fileprivate var elements: [Expression] {
    switch self {
    case .list(let element), .set(let element), .generator(let element): [element]
    case .dictionary(let key, let value): [key, value]
    }
  }
}
