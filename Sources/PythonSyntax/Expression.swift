/// A Python expression as a tree. It says what was written; nothing is evaluated.
package struct Expression: Sendable, Hashable {
  package indirect enum Kind: Sendable, Hashable {
    case none
    case ellipsis
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    case name(String)
    /// `@id` of MONAI's config language, `::` between its parts.
    case reference(String)
    case attribute(Expression, String)
    case call(Expression, [Argument])
    /// `value[index]`; the index is a ``slice`` or a ``tuple`` of them where so written.
    case subscripted(Expression, Expression)
    case slice(lower: Expression?, upper: Expression?, step: Expression?)
    /// `*value` in a call, a display or a subscript.
    case starred(Expression)
    case unary(UnaryOperator, Expression)
    case binary(BinaryOperator, Expression, Expression)
    case conjunction([Expression])
    case disjunction([Expression])
    /// `first < second < third`: the first operand and what follows it.
    case comparison(Expression, [Comparison])
    case conditional(condition: Expression, then: Expression, otherwise: Expression)
    case lambda([Parameter], Expression)
    case list([Expression])
    case tuple([Expression])
    case set([Expression])
    case dictionary([DictionaryItem])
    case comprehension(ComprehensionForm, [ComprehensionClause])
  }

  package struct Argument: Sendable, Hashable {
    package enum Form: Sendable, Hashable {
      case positional
      case keyword(String)
      /// `*arguments`
      case star
      /// `**arguments`
      case doubleStar
    }

    package var form: Form
    package var value: Expression
  }

  package struct Comparison: Sendable, Hashable {
    package var comparator: Comparator
    package var operand: Expression
  }

  package struct Parameter: Sendable, Hashable {
    package enum Form: Sendable, Hashable {
      case plain
      /// `*names`; a bare `*` has an empty name.
      case star
      case doubleStar
      /// The `/` that ends the positional-only parameters.
      case slash
    }

    package var form: Form
    package var name: String
    package var defaultValue: Expression?
  }

  package enum DictionaryItem: Sendable, Hashable {
    case pair(Expression, Expression)
    /// `**mapping`
    case unpacked(Expression)
  }

  package enum ComprehensionForm: Sendable, Hashable {
    case list(Expression)
    case set(Expression)
    case generator(Expression)
    case dictionary(Expression, Expression)
  }

  package struct ComprehensionClause: Sendable, Hashable {
    /// A name, or a tuple or list of targets.
    package var target: Expression
    package var iterable: Expression
    package var conditions: [Expression]
  }

  package enum UnaryOperator: String, Sendable, Hashable {
    case plus = "+"
    case minus = "-"
    case invert = "~"
    case not = "not"
  }

  package enum BinaryOperator: String, Sendable, Hashable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
    case matrixMultiply = "@"
    case bitAnd = "&"
    case bitOr = "|"
    case bitXor = "^"
    case shiftLeft = "<<"
    case shiftRight = ">>"
  }

  package enum Comparator: String, Sendable, Hashable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case `in` = "in"
    case notIn = "not in"
    case `is` = "is"
    case isNot = "is not"
  }

  package let kind: Kind
  /// Where the expression starts; for an operation, where its first operand does.
  package let position: SourcePosition
  /// How many levels of the tree lie below and including this one; the parser bounds it.
  package let depth: Int
}

extension Expression {
  /// `torch.cuda.is_available` of a chain of attributes on a name; nil for anything else.
  package var dottedName: String? {
    switch kind {
    case .name(let name): name
    case .attribute(let base, let name): base.dottedName.map { "\($0).\(name)" }
    default: nil
    }
  }
}
