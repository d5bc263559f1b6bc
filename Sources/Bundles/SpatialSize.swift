import PythonSyntax

/// One entry of a `spatial_shape` in metadata.json: a number, a pattern such as `8*n` or `2**p*n`, or `*`.
package enum SpatialSize: Sendable, Hashable {
  case fixed(Int)
  /// An expression in `n` and `p`, as written.
  case pattern(String)
  case any

  /// The size for given factors, as MONAI derives a shape from metadata: `n` multiplies, `p` is a power, and `any`
  /// stands for `*`. Only `+ - * // **` on small integers are computed; nothing is run.
  /// - Returns: nil for a pattern that isn't such an expression, or a size that isn't positive.
  package func size(n: Int = 1, p: Int = 1, any: Int = 1) -> Int? {
    let size: Int?
    switch self {
    case .fixed(let value): size = value
    case .any: size = any
    case .pattern(let text):
      size = (try? ExpressionParser.parse(text)).flatMap { Self.evaluate($0, ["n": n, "p": p]) }
    }
    return size.flatMap { $0 > 0 ? $0 : nil }
  }

  private static func evaluate(_ expression: Expression, _ names: [String: Int]) -> Int? {
    switch expression.kind {
    case .integer(let value): return value
    case .name(let name): return names[name]
    case .binary(let binary, let left, let right):
      guard let a = evaluate(left, names), let b = evaluate(right, names) else { return nil }
      return combine(binary, a, b)
    default: return nil
    }
  }

  private static func combine(_ binary: Expression.BinaryOperator, _ a: Int, _ b: Int) -> Int? {
    switch binary {
    case .add: return checked(a.addingReportingOverflow(b))
    case .subtract: return checked(a.subtractingReportingOverflow(b))
    case .multiply: return checked(a.multipliedReportingOverflow(by: b))
    case .floorDivide: return b > 0 && a >= 0 ? a / b : nil
    case .power:
      guard (0...62).contains(b) else { return nil }
      var result: Int? = 1
      for _ in 0..<b { result = result.flatMap { checked($0.multipliedReportingOverflow(by: a)) } }
      return result
    default: return nil
    }
  }

  private static func checked(_ result: (partialValue: Int, overflow: Bool)) -> Int? {
    result.overflow ? nil : result.partialValue
  }
}
