import Bundles
import Graphs
import PythonSyntax

/// Sizes of an exported program, which may be expressions over symbols.
enum SymbolicSize {
  /// `{"as_int": 4}` or `{"as_expr": {"expr_str": "Symbol('s77', positive=True, integer=True)"}}`.
  /// - Throws: ``ImportError``, `PythonSyntaxError`.
  static func dimension(_ value: ConfigValue) throws -> Dimension {
    if let number = value.fixedSize { return Dimension(number) }
    guard let text = value.child("as_expr")?.child("expr_str")?.text, text.utf8.count <= 1000 else {
      throw ImportError.malformed(reason: "a size is neither a number nor an expression", expected: nil)
    }
    return try dimension(ExpressionParser.parse(text), text)
  }

  private static func dimension(_ expression: Expression, _ text: String) throws -> Dimension {
    switch expression.kind {
    case .integer(let number): return Dimension(number)
    case .name(let name): return Dimension(name)
    case .unary(.minus, let inner): return try dimension(inner, text).multiplied(by: -1)
    case .binary(.add, let left, let right): return try dimension(left, text).adding(dimension(right, text))
    case .binary(.subtract, let left, let right):
      return try dimension(left, text).adding(dimension(right, text).multiplied(by: -1))
    case .binary(.multiply, let left, let right):
      return try dimension(left, text).multiplied(by: dimension(right, text))
    case .call(let function, let arguments):
      let operands = arguments.filter { $0.form == .positional }.map(\.value)
      switch function.dottedName {
      case "Symbol":
        if case .string(let name)? = operands.first?.kind { return Dimension(name) }
      case "Integer":
        if let number = operands.first { return try dimension(number, text) }
      case "Add": return try operands.reduce(Dimension(0)) { try $0.adding(dimension($1, text)) }
      case "Mul": return try operands.reduce(Dimension(1)) { try $0.multiplied(by: dimension($1, text)) }
      default: break
      }
    default: break
    }
    throw ImportError.notSupported(
      reason: "the size '\(text)' is not a polynomial of symbols", hint: "export the network with fixed spatial sizes")
  }
}
