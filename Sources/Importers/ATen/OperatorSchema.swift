/// An operator's schema as PyTorch writes it:
///
///     add.Tensor(Tensor self, Tensor other, Scalar alpha=1) -> Tensor
struct OperatorSchema: Sendable {
  /// What a parameter takes.
  indirect enum Kind: Sendable, Hashable {
    case tensor, int, double, bool, string, number, any
    case optional(Kind)
    case list(Kind)
  }

  struct Parameter: Sendable {
    let name: String
    let kind: Kind
    /// As written; nil for a parameter without one.
    let defaultText: String?
    /// `SymInt[2]` takes one number for both.
    let fixedCount: Int?
    /// Whether it stands behind the `*`.
    let isKeywordOnly: Bool
  }

  /// `add`.
  let name: String
  /// `Tensor`; empty for the operator's only or first form.
  let overload: String
  let parameters: [Parameter]
  /// Whether any further arguments follow.
  let isVariadic: Bool

  /// - Parameter text: One of the table's own lines; the tests parse all of them.
  init(_ text: String) {
    let open = text.firstIndex(of: "(") ?? text.endIndex
    let close = text.firstRange(of: ") -> ")?.lowerBound ?? text.endIndex
    let names = text[..<open].split(separator: ".", maxSplits: 1)
    name = String(names.first ?? "")
    overload = names.count > 1 ? String(names[1]) : ""
    var parts = open < close ? Self.parts(text[text.index(after: open)..<close]) : []
    isVariadic = parts.last == "..."
    if isVariadic { parts.removeLast() }
    let star = parts.firstIndex(of: "*") ?? parts.endIndex
    parameters = parts.enumerated().compactMap { index, part in
      index == star ? nil : Self.parameter(part, isKeywordOnly: index > star)
    }
  }

  /// Cut at the commas outside brackets.
  private static func parts(_ text: Substring) -> [String] {
    var parts: [String] = []
    var depth = 0
    var part = ""
    for character in text {
      if character == "[" { depth += 1 }
      if character == "]" { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append(part)
        part = ""
      } else if !(part.isEmpty && character == " ") {
        part.append(character)
      }
    }
    if !part.isEmpty { parts.append(part) }
    return parts
  }

  private static func parameter(_ text: String, isKeywordOnly: Bool) -> Parameter {
    let sides = text.split(separator: "=", maxSplits: 1)
    let words = (sides.first ?? "").split(separator: " ")
    var type = words.first ?? ""
    var count: Int?
    if let open = type.firstIndex(of: "["), let close = type.firstIndex(of: "]") {
      count = Int(type[type.index(after: open)..<close])
      type = type[..<open] + "[]" + type[type.index(after: close)...]
    }
    return Parameter(
      name: String(words.last ?? ""), kind: kind(type), defaultText: sides.count > 1 ? String(sides[1]) : nil,
      fixedCount: count, isKeywordOnly: isKeywordOnly)
  }

  private static func kind(_ text: Substring) -> Kind {
    if text.hasSuffix("?") { return .optional(kind(text.dropLast())) }
    if text.hasSuffix("[]") { return .list(kind(text.dropLast(2))) }
    switch text {
    case "Tensor": return .tensor
    case "int", "SymInt", "ScalarType": return .int
    case "float": return .double
    case "bool": return .bool
    case "str": return .string
    case "Scalar": return .number
    default: return .any
    }
  }
}

extension OperatorSchema.Parameter {
  /// The default as a value; nil when the argument must be given.
  var defaultValue: ProgramValue? {
    guard let defaultText else { return nil }
    return Self.value(defaultText[...])
  }

  private static func value(_ text: Substring) -> ProgramValue {
    switch text {
    case "None": return .none
    case "True": return .bool(true)
    case "False": return .bool(false)
    default: break
    }
    if text.hasPrefix("[") {
      let items = text.dropFirst().dropLast().split(separator: ",")
      return .list(ProgramList(items.map { value($0.drop { $0 == " " }) }))
    }
    if text.hasPrefix("\"") || text.hasPrefix("'") { return .string(String(text.dropFirst().dropLast())) }
    if let number = Int(text) { return .int(number) }
    if let number = Double(text.hasSuffix(".") ? text + "0" : text) { return .double(number) }
    // Mean, contiguous_format and the like: enumerators, which PyTorch's programs write as numbers.
    return .none
  }

  /// Whether an argument can stand for the parameter.
  /// - Parameters:
  ///   - takesNumbers: Whether a number may stand for a tensor, as in exported programs.
  ///   - takesScalars: Whether a tensor may stand for a number, as traces have it.
  func accepts(_ value: ProgramValue, takesNumbers: Bool, takesScalars: Bool) -> Bool {
    if Self.accepts(kind, value, isFixed: fixedCount != nil, takesScalars: takesScalars) { return true }
    return takesNumbers && kind == .tensor && Self.accepts(.number, value)
  }

  private static func accepts(
    _ kind: OperatorSchema.Kind, _ value: ProgramValue, isFixed: Bool = false, takesScalars: Bool = false
  ) -> Bool {
    switch (kind, value) {
    case (.int, .tensor), (.double, .tensor), (.number, .tensor), (.bool, .tensor): takesScalars
    case (.any, _): true
    case (.optional, .none): true
    case (.optional(let inner), _): accepts(inner, value, isFixed: isFixed, takesScalars: takesScalars)
    case (.tensor, .tensor), (.int, .int), (.double, .double), (.double, .int), (.bool, .bool),
      (.string, .string), (.number, .int), (.number, .double), (.number, .bool):
      true
    case (.list(let inner), .list), (.list(let inner), .tuple):
      (value.items ?? []).allSatisfy { accepts(inner, $0, takesScalars: takesScalars) }
    case (.list(let inner), _): isFixed && accepts(inner, value, takesScalars: takesScalars)
    default: false
    }
  }
}
