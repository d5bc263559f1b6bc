/// An extent that may depend on named symbols, such as `batch`: an integer polynomial over them.
///
///     Dimension("batch") * 96 * 96        // 9216·batch
///     (Dimension("batch") * 8).exactQuotient(by: 4)   // 2·batch
package struct Dimension: Sendable, Hashable {
  /// From each product of symbols (sorted, with repetition; empty for the constant) to its coefficient, never zero.
  private var terms: [[String]: Int]

  /// A fixed extent.
  package init(_ constant: Int) { terms = constant == 0 ? [:] : [[]: constant] }

  /// A symbol of its own.
  package init(_ symbol: String) { terms = [[symbol]: 1] }

  /// The number, when no symbol is in it.
  package var constant: Int? {
    if terms.isEmpty { return 0 }
    return terms.count == 1 ? terms[[]] : nil
  }

  /// The symbol, when the dimension is just one.
  package var symbol: String? {
    guard terms.count == 1, let (symbols, coefficient) = terms.first, coefficient == 1, symbols.count == 1 else {
      return nil
    }
    return symbols[0]
  }

  /// All symbols in it, sorted.
  package var symbols: [String] { Set(terms.keys.flatMap(\.self)).sorted() }

  /// The value when every symbol has one in `values`; nil when one is missing or the number is too large.
  package func evaluated(_ values: [String: Int]) -> Int? {
    var sum = 0
    for (symbols, coefficient) in terms {
      var product = coefficient
      for symbol in symbols {
        guard let value = values[symbol] else { return nil }
        let (next, overflow) = product.multipliedReportingOverflow(by: value)
        if overflow { return nil }
        product = next
      }
      let (next, overflow) = sum.addingReportingOverflow(product)
      if overflow { return nil }
      sum = next
    }
    return sum
  }

  package static func + (left: Dimension, right: Dimension) -> Dimension {
    var result = left
    for (symbols, coefficient) in right.terms { result.add(coefficient, symbols) }
    return result
  }

  package static func - (left: Dimension, right: Dimension) -> Dimension { left + right * Dimension(-1) }

  package static func * (left: Dimension, right: Dimension) -> Dimension {
    var result = Dimension(0)
    for (symbols, coefficient) in left.terms {
      for (otherSymbols, otherCoefficient) in right.terms {
        result.add(coefficient * otherCoefficient, (symbols + otherSymbols).sorted())
      }
    }
    return result
  }

  /// The quotient when `divisor` divides this exactly: a number, a product of symbols, or an equal polynomial.
  package func exactQuotient(by divisor: Dimension) -> Dimension? {
    if self == divisor, !divisor.terms.isEmpty { return Dimension(1) }
    guard divisor.terms.count == 1, let (divisorSymbols, divisorCoefficient) = divisor.terms.first else { return nil }
    var result = Dimension(0)
    for (symbols, coefficient) in terms {
      var rest = symbols
      for symbol in divisorSymbols {
        guard let place = rest.firstIndex(of: symbol) else { return nil }
        rest.remove(at: place)
      }
      guard coefficient % divisorCoefficient == 0 else { return nil }
      result.add(coefficient / divisorCoefficient, rest)
    }
    return result
  }

  /// The quotient rounded down when it is a polynomial again: every symbolic term divides exactly.
  package func flooredQuotient(by divisor: Int) -> Dimension? {
    guard divisor > 0 else { return nil }
    var result = Dimension(0)
    for (symbols, coefficient) in terms {
      guard symbols.isEmpty || coefficient % divisor == 0 else { return nil }
      let remainder = coefficient % divisor
      result.add((coefficient - (remainder < 0 ? remainder + divisor : remainder)) / divisor, symbols)
    }
    return result
  }

  /// The coefficients of the powers of its only symbol, the constant first; nil when there are others.
  package func coefficients(of symbol: String) -> [Int]? {
    guard terms.keys.allSatisfy({ $0.allSatisfy { $0 == symbol } }) else { return nil }
    let degree = terms.keys.map(\.count).max() ?? 0
    return (0...degree).map { terms[Array(repeating: symbol, count: $0)] ?? 0 }
  }

  /// The largest magnitude of its coefficients.
  package var magnitude: UInt { terms.values.map(\.magnitude).max() ?? 0 }

  /// The smallest value with all symbols at least 1; nil when there is none.
  package var minimum: Int? {
    guard terms.allSatisfy({ $0.key.isEmpty || $0.value > 0 }) else { return nil }
    return evaluated(Dictionary(uniqueKeysWithValues: symbols.map { ($0, 1) }))
  }

  /// The polynomial with numbers in place of the symbols that `values` has.
  package func substituting(_ values: [String: Dimension]) -> Dimension {
    var result = Dimension(0)
    for (symbols, coefficient) in terms {
      result = result + symbols.reduce(Dimension(coefficient)) { $0 * (values[$1] ?? Dimension($1)) }
    }
    return result
  }

  private mutating func add(_ coefficient: Int, _ symbols: [String]) {
    let sum = (terms[symbols] ?? 0) + coefficient
    terms[symbols] = sum == 0 ? nil : sum
  }
}

extension Dimension: ExpressibleByIntegerLiteral, CustomStringConvertible {
  package init(integerLiteral value: Int) { self.init(value) }

  /// `96`, `batch`, `8·batch + 1`.
  package var description: String {
    if terms.isEmpty { return "0" }
    let ordered = terms.sorted { ($1.key.count, $0.key.joined()) < ($0.key.count, $1.key.joined()) }
    return ordered.map { symbols, coefficient in
      if symbols.isEmpty { return "\(coefficient)" }
      let product = symbols.joined(separator: "·")
      return coefficient == 1 ? product : "\(coefficient)·\(product)"
    }.joined(separator: " + ")
  }
}
