package import Arguments
import PythonSyntax
package import Tensors

/// The body of a `lambda` of one tensor, as bundle configs have it: `lambda x: torch.where(x[[0]] > 0, 1, 0)`.
///
/// What it may consist of: the parameter, numbers, arithmetic, comparisons, `& | ^ ~`, indexing, conditions, `isinstance`,
/// and the functions and methods in ``TensorFunction``, ``TensorMethod`` and ``TensorReduction``, each with PyTorch's
/// types and results. Everything else is refused by name when the
/// transform is made; nothing is ever executed.
package struct TensorExpression: Sendable {
  let parameter: String
  let body: Expression
  /// The lambda as written.
  package let source: String

  /// - Throws: ``TransformError/refused(_:path:reason:)`` naming what isn't supported.
  package init(_ source: String, component: Component) throws {
    func refused(_ reason: String) -> TransformError {
      .refused(component.target, path: component.path, reason: "\(reason), in '\(source)'")
    }
    self.source = source
    let expression: Expression
    do {
      expression = try ExpressionParser.parse(source)
    } catch let error as PythonSyntaxError {
      throw refused(error.reason)
    }
    guard case .lambda(let parameters, let body) = expression.kind, parameters.count == 1,
      let first = parameters.first, first.form == .plain, first.defaultValue == nil
    else { throw refused("its function is no lambda of one argument") }
    parameter = first.name
    self.body = body
    if let construct = Self.unsupported(in: body, parameter: first.name) {
      throw refused("its function uses \(construct), which is not evaluated")
    }
  }

  /// The function's value for `tensor`.
  /// - Throws: ``TransformError/unsuitable(transform:what:expected:)`` where PyTorch would raise an error.
  package func value(for tensor: Tensor, transform: String) throws -> Tensor {
    do {
      switch try TensorEvaluator(parameter: parameter, tensor: tensor).evaluate(body) {
      case .tensor(let result) where result.shape.rank > 0: return result
      case .tensor, .number, .type, .integers:
        throw TensorEvaluationError(what: "the function gives no tensor of channels", expected: "such a tensor")
      }
    } catch let error as TensorEvaluationError {
      throw TransformError.unsuitable(
        transform: transform, what: "\(error.what), in '\(source)'", expected: error.expected)
    }
  }

  // MARK: What is refused

  /// The first construct that can't be evaluated, in words.
  private static func unsupported(in expression: Expression, parameter: String) -> String? {
    func search(_ children: [Expression]) -> String? {
      children.lazy.compactMap { unsupported(in: $0, parameter: parameter) }.first
    }
    switch expression.kind {
    case .boolean, .integer, .float: return nil
    case .name(let name): return name == parameter ? nil : "the name '\(name)'"
    case .unary(_, let operand): return search([operand])
    case .conjunction(let operands), .disjunction(let operands): return search(operands)
    case .conditional(let condition, let then, let otherwise): return search([condition, then, otherwise])
    case .binary(let binary, let left, let right):
      return TensorArithmetic.operators.contains(binary) ? search([left, right]) : "'\(binary.rawValue)'"
    case .comparison(let first, let rest):
      guard rest.count == 1, TensorArithmetic.comparators.contains(rest[0].comparator) else {
        return "the comparison '\(expression)'"
      }
      return search([first, rest[0].operand])
    case .subscripted(let base, let index): return search([base]) ?? unsupportedIndex(index)
    case .attribute: return ElementTypeName(expression) == nil ? "'\(expression)'" : nil
    case .call(let function, let arguments):
      if function.dottedName == "isinstance" {
        return InstanceTest(arguments) == nil ? "the call '\(expression)'" : search([arguments[0].value])
      }
      let values = arguments.map(\.value).filter { $0.integers == nil }
      guard arguments.allSatisfy({ $0.form == .positional || $0.form.keyword != nil }) else {
        return "'*' in a call"
      }
      if let name = function.dottedName, name.hasPrefix("torch.") {
        let name = String(name.dropFirst("torch.".count))
        let isKnown = TensorFunction(rawValue: name) != nil || TensorReduction(rawValue: name) != nil
        return isKnown ? search(values) : "the call of 'torch.\(name)'"
      }
      guard case .attribute(let base, let method) = function.kind,
        TensorMethod(rawValue: method) != nil || TensorReduction(rawValue: method) != nil
      else { return "the call of '\(function)'" }
      return search([base] + values)
    default: return "'\(expression)'"
    }
  }

  private static func unsupportedIndex(_ index: Expression) -> String? {
    let parts = if case .tuple(let items) = index.kind { items } else { [index] }
    if parts.contains(where: TensorIndex.isBackward) {
      return "the index '[\(index)]', a step backwards that PyTorch refuses too (it has x.flip(dims) for that)"
    }
    return parts.allSatisfy { TensorIndex($0) != nil } ? nil : "the index '[\(index)]'"
  }
}

extension Expression.Argument.Form {
  /// The name of a keyword argument.
  var keyword: String? {
    if case .keyword(let name) = self { name } else { nil }
  }
}

/// PyTorch would raise an error here.
struct TensorEvaluationError: Error {
  let what: String
  let expected: String
}
