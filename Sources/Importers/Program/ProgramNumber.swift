import Graphs

/// Integers of a program, which may be polynomials over the batch. Numbers that no tensor has are refused before they
/// can overflow.
extension Dimension {
  private func checked() throws -> Dimension {
    if magnitude < 1 << 31 { return self }
    // The ends of slices are as large as can be; beyond that there are only constants.
    guard constant != nil else {
      throw ImportError.notSupported(reason: "a size of the program is as large as \(self)", hint: nil)
    }
    return self
  }

  func adding(_ other: Dimension) throws -> Dimension {
    if let a = constant, let b = other.constant {
      let (sum, overflow) = a.addingReportingOverflow(b)
      return Dimension(overflow ? (a > 0 ? .max : .min) : sum)
    }
    return try checked() + other.checked()
  }

  func multiplied(by other: Dimension) throws -> Dimension {
    if let a = constant, let b = other.constant {
      let (product, overflow) = a.multipliedReportingOverflow(by: b)
      guard !overflow else {
        throw ImportError.notSupported(reason: "the product of \(a) and \(b) is too large for 64 bits", hint: nil)
      }
      return Dimension(product)
    }
    guard magnitude < 1 << 31, other.magnitude < 1 << 31, symbols.count + other.symbols.count < 8 else {
      throw ImportError.notSupported(reason: "the product of \(self) and \(other) is too large", hint: nil)
    }
    return try (self * other).checked()
  }

  /// The quotient rounded down, as `//`.
  func flooredDivided(by other: Dimension) throws -> Dimension {
    guard other != 0 else { throw ImportError.raised(message: "division by zero") }
    if let a = constant, let b = other.constant {
      let (quotient, remainder) = a == .min && b == -1 ? (Int.max, 0) : a.quotientAndRemainder(dividingBy: b)
      return Dimension(remainder != 0 && (remainder < 0) != (b < 0) ? quotient - 1 : quotient)
    }
    if let exact = exactQuotient(by: other) { return exact }
    if let divisor = other.constant, let quotient = flooredQuotient(by: divisor) { return quotient }
    throw ImportError.undecidable(what: "the quotient (\(self)) // (\(other))")
  }

  /// What `//` leaves, as `%`.
  func remainder(by other: Dimension) throws -> Dimension {
    try adding(flooredDivided(by: other).multiplied(by: other).multiplied(by: -1))
  }

  /// - Throws: ``ImportError/undecidable(what:)`` when it holds for some batches only.
  func isEqual(_ other: Dimension) throws -> Bool {
    let difference = try adding(other.multiplied(by: -1))
    if let number = difference.constant { return number == 0 }
    if let lowest = difference.minimum, lowest > 0 { return false }
    if let lowest = (Dimension(0) - difference).minimum, lowest > 0 { return false }
    throw ImportError.undecidable(what: "whether \(self) is equal to \(other)")
  }

  /// - Throws: ``ImportError/undecidable(what:)`` when it holds for some batches only.
  func isLess(than other: Dimension) throws -> Bool {
    if let a = constant, let b = other.constant { return a < b }
    let difference = try other.adding(multiplied(by: -1))
    if let lowest = difference.minimum, lowest > 0 { return true }
    if let lowest = (Dimension(0) - difference).minimum, lowest >= 0 { return false }
    throw ImportError.undecidable(what: "whether \(self) is less than \(other)")
  }
}
