extension Expression {
  /// The expression with what `replacement` gives in the place of each config reference.
  package func replacingReferences(_ replacement: (String) throws -> Expression) rethrows -> Expression {
    if case .reference(let id) = kind { return try replacement(id) }
    let changed = Expression(
      kind: try kind.mapping { try $0.replacingReferences(replacement) }, position: position, depth: 1)
    let depth = 1 + (changed.children.map(\.depth).max() ?? 0)
    return Expression(kind: changed.kind, position: position, depth: depth)
  }
}

extension Expression.Kind {
  /// The same construct over changed expressions.
  fileprivate func mapping(_ change: (Expression) throws -> Expression) rethrows -> Expression.Kind {
    switch self {
    case .none, .ellipsis, .boolean, .integer, .float, .string, .name, .reference: return self
    case .attribute(let base, let name): return .attribute(try change(base), name)
    case .call(let function, let arguments):
      return .call(try change(function), try arguments.map { .init(form: $0.form, value: try change($0.value)) })
    case .subscripted(let base, let index): return .subscripted(try change(base), try change(index))
    case .slice(let lower, let upper, let step):
      return .slice(lower: try lower.map(change), upper: try upper.map(change), step: try step.map(change))
    case .starred(let value): return .starred(try change(value))
    case .unary(let unary, let operand): return .unary(unary, try change(operand))
    case .binary(let binary, let left, let right): return .binary(binary, try change(left), try change(right))
    case .conjunction(let operands): return .conjunction(try operands.map(change))
    case .disjunction(let operands): return .disjunction(try operands.map(change))
    case .comparison(let first, let rest):
      return .comparison(
        try change(first), try rest.map { .init(comparator: $0.comparator, operand: try change($0.operand)) })
    case .conditional(let condition, let then, let otherwise):
      return .conditional(condition: try change(condition), then: try change(then), otherwise: try change(otherwise))
    case .lambda(let parameters, let body):
      let parameters = try parameters.map { parameter in
        Expression.Parameter(
          form: parameter.form, name: parameter.name, defaultValue: try parameter.defaultValue.map(change))
      }
      return .lambda(parameters, try change(body))
    case .list(let items): return .list(try items.map(change))
    case .tuple(let items): return .tuple(try items.map(change))
    case .set(let items): return .set(try items.map(change))
    case .dictionary(let items): return .dictionary(try items.map { try $0.mapping(change) })
    case .comprehension(let form, let clauses):
      return .comprehension(
        try form.mapping(change),
        try clauses.map { clause in
          .init(
            target: try change(clause.target), iterable: try change(clause.iterable),
            conditions: try clause.conditions.map(change))
        })
    }
  }
}

extension Expression.DictionaryItem {
  fileprivate func mapping(_ change: (Expression) throws -> Expression) rethrows -> Self {
    switch self {
    case .pair(let key, let value): .pair(try change(key), try change(value))
    case .unpacked(let value): .unpacked(try change(value))
    }
  }
}

extension Expression.ComprehensionForm {
  fileprivate func mapping(_ change: (Expression) throws -> Expression) rethrows -> Self {
    switch self {
    case .list(let element): .list(try change(element))
    case .set(let element): .set(try change(element))
    case .generator(let element): .generator(try change(element))
    case .dictionary(let key, let value): .dictionary(try change(key), try change(value))
    }
  }
}
