/// Plain scalars of YAML 1.1, by the patterns of PyYAML's resolver.
enum YAMLScalar {
  struct Reason: Error { let text: String }

  /// The value of a plain scalar; what fits no pattern is a string.
  static func resolve(_ text: String) -> Result<ConfigValue, Reason> {
    switch text {
    case "", "~", "null", "Null", "NULL": return .success(.null)
    case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .success(.bool(true))
    case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .success(.bool(false))
    case ".nan", ".NaN", ".NAN": return .success(.double(.nan))
    case "=": return .failure(Reason(text: "the value '=' has no meaning; quote it"))
    default: break
    }
    guard let first = text.utf8.first, "+-.0123456789".utf8.contains(first) else { return .success(.string(text)) }
    if isDate(text) { return .failure(Reason(text: "dates are not supported; quote '\(text)' to make it a string")) }
    if let value = integer(text) { return value }
    if let value = float(text) { return .success(.double(value)) }
    return .success(.string(text))
  }

  private static func unsigned(_ text: String) -> (isNegative: Bool, body: Substring) {
    guard let sign = text.first, sign == "+" || sign == "-" else { return (false, Substring(text)) }
    return (sign == "-", text.dropFirst())
  }

  // MARK: Integers

  /// Binary, octal (a leading 0), decimal, hexadecimal, and sexagesimal (`1:30`); nil when it is none.
  private static func integer(_ text: String) -> Result<ConfigValue, Reason>? {
    let (isNegative, body) = unsigned(text)
    let digits = body.filter { $0 != "_" }
    guard let first = body.first, first.isASCII, first.isNumber else { return nil }
    if body.contains(":") { return sexagesimal(body, isNegative: isNegative) }
    let magnitude: (radix: Int, digits: Substring)
    if body.hasPrefix("0b") {
      magnitude = (2, digits.dropFirst(2)[...])
    } else if body.hasPrefix("0x") {
      magnitude = (16, digits.dropFirst(2)[...])
    } else if first == "0", body.utf8.count > 1 {
      magnitude = (8, digits[...])
    } else {
      magnitude = (10, digits[...])
    }
    guard !magnitude.digits.isEmpty, magnitude.digits.allSatisfy({ isDigit($0, radix: magnitude.radix) }) else {
      return nil
    }
    guard let value = Int((isNegative ? "-" : "") + magnitude.digits, radix: magnitude.radix) else {
      return .failure(Reason(text: "the integer '\(text)' does not fit in 64 bits"))
    }
    return .success(.int(value))
  }

  private static func sexagesimal(_ body: Substring, isNegative: Bool) -> Result<ConfigValue, Reason>? {
    let parts = body.split(separator: ":", omittingEmptySubsequences: false)
    guard body.first != "0", isSexagesimal(parts) else { return nil }
    var total = 0
    for part in parts {
      guard let digit = Int(part.filter { $0 != "_" }) else { return nil }
      let (scaled, overflow) = total.multipliedReportingOverflow(by: 60)
      let (sum, carried) = scaled.addingReportingOverflow(digit)
      guard !overflow, !carried else { return .failure(Reason(text: "the integer '\(body)' does not fit in 64 bits")) }
      total = sum
    }
    return .success(.int(isNegative ? -total : total))
  }

  /// `[0-9][0-9_]*(:[0-5]?[0-9])+`
  private static func isSexagesimal(_ parts: [Substring]) -> Bool {
    guard let head = parts.first, isDigits(head), parts.count > 1 else { return false }
    return parts.dropFirst().allSatisfy { part in
      part.count == 1 && isDigits(part)
        || part.count == 2 && part.first.map { "012345".contains($0) } == true
          && part.last.map { isDigit($0, radix: 10) } == true
    }
  }

  // MARK: Floats

  /// A float needs a point, and its exponent a sign: `1.0e-5`, `.5`, `-.inf`, `1:30.5`; nil when it is none.
  private static func float(_ text: String) -> Double? {
    let (isNegative, body) = unsigned(text)
    let sign: Double = isNegative ? -1 : 1
    if [".inf", ".Inf", ".INF"].contains(body) { return sign * .infinity }
    guard let point = body.firstIndex(of: ".") else { return nil }
    let whole = body[..<point]
    var fraction = body[body.index(after: point)...]
    let parts = whole.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count > 1 {
      guard isSexagesimal(parts), fraction.allSatisfy({ isDigit($0, radix: 10) || $0 == "_" }) else { return nil }
      let minutes = parts.dropLast().reduce(0.0) { $0 * 60 + (Double($1.filter { $0 != "_" }) ?? 0) }
      let seconds = Double("\(parts[parts.count - 1]).\(fraction.filter { $0 != "_" })0") ?? 0
      return sign * (minutes * 60 + seconds)
    }
    var exponent: Substring = ""
    if let mark = fraction.firstIndex(where: { $0 == "e" || $0 == "E" }) {
      exponent = fraction[fraction.index(after: mark)...]
      fraction = fraction[..<mark]
      guard let sign = exponent.first, sign == "+" || sign == "-", !exponent.dropFirst().isEmpty,
        exponent.dropFirst().allSatisfy({ isDigit($0, radix: 10) })
      else { return nil }
    }
    // A number that starts with the point has no sign in the pattern, and a digit follows.
    let isWellFormed = whole.isEmpty ? text.first == "." && isDigits(fraction) : isDigits(whole)
    guard isWellFormed, fraction.allSatisfy({ isDigit($0, radix: 10) || $0 == "_" }) else { return nil }
    let number = "\(whole.isEmpty ? "0" : String(whole)).\(fraction)0".filter { $0 != "_" }
    return Double(exponent.isEmpty ? number : "\(number)e\(exponent)").map { sign * $0 }
  }

  /// A digit, then digits and underscores.
  private static func isDigits(_ text: Substring) -> Bool {
    guard let first = text.first, isDigit(first, radix: 10) else { return false }
    return text.allSatisfy { isDigit($0, radix: 10) || $0 == "_" }
  }

  private static func isDigit(_ character: Character, radix: Int) -> Bool {
    guard character.isASCII, let value = character.hexDigitValue else { return false }
    return value < radix
  }

  // MARK: Dates

  /// `2024-01-31`, alone or before a time of day.
  private static func isDate(_ text: String) -> Bool {
    let day = text.prefix { $0.isASCII && ($0.isNumber || $0 == "-") }
    let parts = day.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 4, (1...2).contains(parts[1].count), (1...2).contains(parts[2].count),
      parts.allSatisfy(isDigits)
    else { return false }
    let rest = text.dropFirst(day.count)
    if rest.isEmpty { return parts[1].count == 2 && parts[2].count == 2 }
    guard let separator = rest.first, "Tt \t".contains(separator) else { return false }
    return rest.filter { $0 == ":" }.count >= 2
  }
}
