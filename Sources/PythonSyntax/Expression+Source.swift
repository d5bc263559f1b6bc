/// Printing an expression as Python, in one canonical layout: `lambda x: x[1:]`, `f(a, b=1)`, `{'k': 1}`.
extension Expression: CustomStringConvertible {
  package var description: String { source(bindingAtLeast: .lambda) }

  private func source(bindingAtLeast minimum: BindingLevel) -> String {
    binding < minimum ? "(\(bareSource))" : bareSource
  }

  private var binding: BindingLevel {
    switch kind {
    case .lambda, .starred, .slice: .lambda
    case .conditional: .conditional
    case .disjunction: .disjunction
    case .conjunction: .conjunction
    case .unary(.not, _): .inversion
    case .comparison: .comparison
    case .unary: .sign
    case .binary(let binary, _, _): binary.binding
    case .float(let value) where value < 0: .sign
    case .integer(let value) where value < 0: .sign
    default: .primary
    }
  }

  private var bareSource: String {
    switch kind {
    case .none: "None"
    case .ellipsis: "..."
    case .boolean(let value): value ? "True" : "False"
    case .integer(let value): "\(value)"
    case .float(let value): value.isInfinite ? "1e999" : pythonDescription(of: value)
    case .string(let value): pythonLiteral(of: value)
    case .name(let name): name
    case .reference(let id): "@\(id)"
    case .attribute(let base, let name): "\(base.receiverSource).\(name)"
    case .call(let function, let arguments):
      "\(function.receiverSource)(\(arguments.map(\.source).joined(separator: ", ")))"
    case .subscripted(let base, let index): "\(base.receiverSource)[\(index.indexSource)]"
    case .slice(let lower, let upper, let step):
      "\(lower?.description ?? ""):\(upper?.description ?? "")" + (step.map { ":\($0)" } ?? "")
    case .starred(let value): "*\(value.source(bindingAtLeast: .bitOr))"
    case .unary(.not, let operand): "not \(operand.source(bindingAtLeast: .inversion))"
    case .unary(let unary, let operand): "\(unary.rawValue)\(operand.source(bindingAtLeast: .sign))"
    case .binary(.power, let base, let exponent):
      "\(base.source(bindingAtLeast: .primary)) ** \(exponent.source(bindingAtLeast: .sign))"
    case .binary(let binary, let left, let right):
      "\(left.source(bindingAtLeast: binary.binding)) \(binary.rawValue) \(right.source(bindingAtLeast: binary.binding.tighter))"
    case .conjunction(let operands): operands.map { $0.source(bindingAtLeast: .inversion) }.joined(separator: " and ")
    case .disjunction(let operands): operands.map { $0.source(bindingAtLeast: .conjunction) }.joined(separator: " or ")
    case .comparison(let first, let rest):
      rest.reduce(first.source(bindingAtLeast: .bitOr)) {
        "\($0) \($1.comparator.rawValue) \($1.operand.source(bindingAtLeast: .bitOr))"
      }
    case .conditional(let condition, let then, let otherwise):
      "\(then.source(bindingAtLeast: .disjunction)) if \(condition.source(bindingAtLeast: .disjunction)) else \(otherwise)"
    case .lambda(let parameters, let body):
      parameters.isEmpty
        ? "lambda: \(body)" : "lambda \(parameters.map(\.source).joined(separator: ", ")): \(body)"
    case .list(let items): "[\(items.listSource)]"
    case .tuple(let items): items.count == 1 ? "(\(items[0]),)" : "(\(items.listSource))"
    case .set(let items): "{\(items.listSource)}"
    case .dictionary(let items): "{\(items.map(\.source).joined(separator: ", "))}"
    case .comprehension(let form, let clauses): form.source(clauses.map(\.source).joined(separator: " "))
    }
  }

  /// What stands before a `.`, `(` or `[`; `1.real` would be read as a number.
  private var receiverSource: String {
    switch kind {
    case .integer, .float: "(\(bareSource))"
    default: source(bindingAtLeast: .primary)
    }
  }

  /// What may stand in a clause of a comprehension without brackets.
  fileprivate var clauseSource: String { source(bindingAtLeast: .disjunction) }

  /// What may stand after `**` in a display without brackets.
  fileprivate var unpackedSource: String { source(bindingAtLeast: .bitOr) }

  /// The target of a comprehension: `a, b` without brackets.
  fileprivate var targetSource: String {
    guard case .tuple(let items) = kind, items.count > 1 else { return description }
    return items.listSource
  }

  private var indexSource: String {
    guard case .tuple(let items) = kind, !items.isEmpty else { return description }
    return items.count == 1 ? "\(items[0])," : items.listSource
  }
}

/// How tightly a written expression holds together; the order is Python's.
private enum BindingLevel: Int, Comparable {
  case lambda, conditional, disjunction, conjunction, inversion, comparison
  case bitOr, bitXor, bitAnd, shift, sum, product, sign, power, primary

  static func < (left: BindingLevel, right: BindingLevel) -> Bool { left.rawValue < right.rawValue }

  /// The next tighter binding.
  var tighter: BindingLevel { BindingLevel(rawValue: rawValue + 1) ?? .primary }
}

extension Expression.BinaryOperator {
  fileprivate var binding: BindingLevel {
    switch self {
    case .bitOr: .bitOr
    case .bitXor: .bitXor
    case .bitAnd: .bitAnd
    case .shiftLeft, .shiftRight: .shift
    case .add, .subtract: .sum
    case .multiply, .divide, .floorDivide, .modulo, .matrixMultiply: .product
    case .power: .power
    }
  }
}

extension [Expression] {
  fileprivate var listSource: String { map(\.description).joined(separator: ", ") }
}

extension Expression.Argument {
  fileprivate var source: String {
    switch form {
    case .positional: value.description
    case .keyword(let name): "\(name)=\(value)"
    case .star: "*\(value)"
    case .doubleStar: "**\(value)"
    }
  }
}

extension Expression.Parameter {
  fileprivate var source: String {
    let head =
      switch form {
      case .plain: name
      case .star: "*\(name)"
      case .doubleStar: "**\(name)"
      case .slash: "/"
      }
    return defaultValue.map { "\(head)=\($0)" } ?? head
  }
}

extension Expression.DictionaryItem {
  fileprivate var source: String {
    switch self {
    case .pair(let key, let value): "\(key): \(value)"
    case .unpacked(let value): "**\(value.unpackedSource)"
    }
  }
}

extension Expression.ComprehensionClause {
  fileprivate var source: String {
    conditions.reduce("for \(target.targetSource) in \(iterable.clauseSource)") { "\($0) if \($1.clauseSource)" }
  }
}

extension Expression.ComprehensionForm {
  fileprivate func source(_ clauses: String) -> String {
    switch self {
    case .list(let element): "[\(element) \(clauses)]"
    case .set(let element): "{\(element) \(clauses)}"
    case .generator(let element): "(\(element) \(clauses))"
    case .dictionary(let key, let value): "{\(key): \(value) \(clauses)}"
    }
  }
}

/// A Python string literal for `text`, in the quotes that `repr` would choose.
package func pythonLiteral(of text: String) -> String {
  let quote: Unicode.Scalar = text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
  var literal = String.UnicodeScalarView([quote])
  for scalar in text.unicodeScalars {
    switch scalar {
    case quote, "\\": literal.append(contentsOf: ["\\", scalar])
    case "\n": literal.append(contentsOf: "\\n".unicodeScalars)
    case "\r": literal.append(contentsOf: "\\r".unicodeScalars)
    case "\t": literal.append(contentsOf: "\\t".unicodeScalars)
    case _ where scalar.value < 0x20 || scalar.value == 0x7F:
      let digits = String(scalar.value, radix: 16)
      literal.append(contentsOf: ("\\x" + (digits.utf8.count == 1 ? "0" : "") + digits).unicodeScalars)
    default: literal.append(scalar)
    }
  }
  literal.append(quote)
  return String(literal)
}

/// The shortest decimal that reads back as `value`, as Python's `repr` writes it.
package func pythonDescription(of value: Double) -> String {
  if value.isNaN { return "nan" }
  if value.isInfinite { return value < 0 ? "-inf" : "inf" }
  // Swift writes the same shortest digits and the same exponents, with other bounds for large numbers.
  let text = "\(value)"
  guard let mark = text.firstIndex(of: "e"), let exponent = Int(text[text.index(after: mark)...]),
    exponent >= 0, exponent < 16
  else { return text }
  return expanded(text[..<mark], exponent: exponent)
}

/// `1.25e3` written out as `1250.0`.
private func expanded(_ mantissa: Substring, exponent: Int) -> String {
  let sign = mantissa.hasPrefix("-") ? "-" : ""
  let digits = mantissa.filter(\.isNumber)
  let padded = digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
  let fraction = padded.dropFirst(exponent + 1)
  return sign + padded.prefix(exponent + 1) + "." + (fraction.isEmpty ? "0" : fraction)
}
