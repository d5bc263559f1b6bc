import Graphs

/// How one operator of PyTorch is written with the operators of a graph.
///
/// Adding one is an entry in its family's table: its schema as PyTorch has it (without what the lowering has no use
/// for), and the lowering. The form in place (`relu_`) follows from the other.
struct ATenOperator: Sendable {
  let schema: OperatorSchema
  let lower: @Sendable (ATenCall) throws -> ProgramValue

  /// `add.Tensor`.
  var name: String { schema.overload.isEmpty ? schema.name : "\(schema.name).\(schema.overload)" }

  /// An operator that gives any kind of value.
  static func any(_ schema: String, _ lower: @escaping @Sendable (ATenCall) throws -> ProgramValue) -> ATenOperator {
    ATenOperator(schema: OperatorSchema(schema), lower: lower)
  }

  /// An operator that gives a tensor of its own.
  static func value(_ schema: String, _ lower: @escaping @Sendable (ATenCall) throws -> Value) -> ATenOperator {
    any(schema) { .tensor(ProgramTensor(try lower($0))) }
  }

  /// An operator that gives its first argument: it has no effect in evaluation.
  static func identity(_ schema: String) -> ATenOperator { any(schema) { $0.arguments[0] } }

  /// The families' lists. Where several overloads fit a call, the earlier is meant.
  static let families: [(name: String, operators: [ATenOperator])] = [
    ("Activations", activationOperators), ("Arithmetic", arithmeticOperators), ("Attention", attentionOperators),
    ("Bits", bitOperators), ("Comparisons and choices", comparisonOperators), ("Convolutions", convolutionOperators),
    ("Conversions", conversionOperators), ("Creation", creationOperators),
    ("Fake quantisation", fakeQuantizationOperators),
    ("Functions", functionOperators),
    ("Indexing", indexingOperators), ("Joining and repeating", joiningOperators), ("Matrix products", matrixOperators),
    ("Normalisations", normalizationOperators), ("Plain numbers and texts", numberOperators),
    ("Lists and dictionaries", listOperators), ("Padding", paddingOperators), ("Pooling", poolingOperators),
    ("Random numbers", randomOperators), ("Reductions", reductionOperators), ("Replacing", replacingOperators),
    ("Interpolation", resizeOperators), ("Searching and sorting", searchOperators),
    ("Scattering", scatterOperators), ("Unpooling", unpoolingOperators), ("Vector products", vectorOperators),
    ("Views", viewOperators), ("Windows", windowOperators),
  ]

  static let all: [ATenOperator] = families.flatMap(\.operators)

  /// Every operator by its name, all overloads of it.
  static let table: [String: [ATenOperator]] = Dictionary(grouping: all) { $0.schema.name }

  // MARK: Calls

  /// The operator that a call means, its arguments in the schema's order, and whether it works in place.
  struct Binding {
    let operation: ATenOperator
    let arguments: [ProgramValue]
    let isInPlace: Bool
  }

  /// Other names of the same operators.
  static let synonyms: [String: String] = [
    "_adaptive_avg_pool2d": "adaptive_avg_pool2d", "_adaptive_avg_pool3d": "adaptive_avg_pool3d", "absolute": "abs",
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctan2": "atan2", "arctanh": "atanh", "concatenate": "cat", "divide": "div", "fix": "trunc", "ger": "outer",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "linalg_matmul": "matmul",
    "moveaxis": "movedim", "multiply": "mul", "negative": "neg", "not_equal": "ne", "row_stack": "vstack",
    "special_erf": "erf", "special_erfc": "erfc", "special_exp2": "exp2", "special_expit": "sigmoid",
    "special_expm1": "expm1", "special_log1p": "log1p", "special_log_softmax": "log_softmax",
    "special_logit": "logit", "special_logsumexp": "logsumexp", "special_round": "round", "special_sinc": "sinc",
    "special_softmax": "softmax", "special_xlogy": "xlogy", "subtract": "sub", "true_divide": "div",
    "unsafe_chunk": "chunk", "unsafe_split": "split", "unsafe_split_with_sizes": "split_with_sizes",
  ]

  /// The overloads that `name` could mean: `relu_` is `relu` in place where the table doesn't have it itself.
  static func candidates(_ name: String) -> (operators: [ATenOperator], isInPlace: Bool)? {
    if let operators = table[name] ?? synonyms[name].flatMap({ table[$0] }) { return (operators, false) }
    guard name.hasSuffix("_"), !name.hasSuffix("__") else { return nil }
    let plain = String(name.dropLast())
    return (table[plain] ?? synonyms[plain].flatMap { table[$0] }).map { ($0, true) }
  }

  /// Those that an overload's name could mean; the forms in place have names of their own for some.
  static func candidates(
    _ name: String, overload: String?
  ) -> (operators: [ATenOperator], isInPlace: Bool)? {
    guard let (operators, isInPlace) = candidates(name) else { return nil }
    guard let overload else { return (operators, isInPlace) }
    if isInPlace { return (operators, true) }
    let same = operators.filter { $0.schema.overload == overload }
    return same.isEmpty ? nil : (same, isInPlace)
  }

  /// Finds the operator for a call.
  /// - Parameters:
  ///   - overload: nil where the program doesn't say; the first that takes the arguments is meant then.
  /// - Throws: ``ImportError/unsupported(operator:reason:expected:)`` when the arguments fit no overload.
  static func bind(
    _ name: String, overload: String?, positional: [ProgramValue], keywords: [(name: String, value: ProgramValue)]
  ) throws -> Binding? {
    guard let (fitting, isInPlace) = candidates(name, overload: overload) else { return nil }
    for leniency in Leniency.all {
      for operation in fitting {
        guard
          let arguments = operation.bind(positional, keywords, takesNumbers: overload != nil, leniency)
        else { continue }
        return Binding(operation: operation, arguments: arguments, isInPlace: isInPlace)
      }
    }
    let found = (positional.map(\.typeName) + keywords.map { "\($0.name)=\($0.value.typeName)" })
      .joined(separator: ", ")
    throw ImportError.unsupported(
      operator: "aten::\(name)", reason: "the arguments (\(found)) fit none of its supported forms",
      expected: fitting.map(\.signature).joined(separator: ", or "))
  }

  private var signature: String { "(\(schema.parameters.map(\.name).joined(separator: ", ")))" }

  /// What is let through besides what a schema says.
  private struct Leniency {
    /// Tensors for numbers, as traces have them.
    var takesScalars = false
    /// Arguments that later versions of PyTorch only take by keyword.
    var takesKeywordsByPlace = false

    /// The less is let through, the likelier the overload is the one that is meant.
    static let all = [
      Leniency(), Leniency(takesScalars: true), Leniency(takesKeywordsByPlace: true),
      Leniency(takesScalars: true, takesKeywordsByPlace: true),
    ]
  }

  /// The arguments in the schema's order; nil when they don't fit. Trailing arguments that the schema doesn't name are
  /// those that have no effect here, such as a device.
  private func bind(
    _ positional: [ProgramValue], _ keywords: [(name: String, value: ProgramValue)], takesNumbers: Bool,
    _ leniency: Leniency
  ) -> [ProgramValue]? {
    let parameters = schema.parameters
    var values: [ProgramValue?] = parameters.map { _ in nil }
    var rest: [ProgramValue] = []
    for (index, value) in positional.enumerated() {
      if index < parameters.count {
        guard leniency.takesKeywordsByPlace || !parameters[index].isKeywordOnly,
          parameters[index].accepts(value, takesNumbers: takesNumbers, takesScalars: leniency.takesScalars)
        else { return nil }
        values[index] = value
      } else if schema.isVariadic {
        rest.append(value)
      } else {
        return nil
      }
    }
    for (name, value) in keywords {
      // The form in place calls `self` what the other may call `input`.
      let place = parameters.firstIndex { $0.name == name } ?? (name == "self" && !parameters.isEmpty ? 0 : nil)
      guard let index = place else {
        if Self.ignoredKeywords.contains(name) { continue }
        return nil
      }
      guard parameters[index].accepts(value, takesNumbers: takesNumbers, takesScalars: leniency.takesScalars) else {
        return nil
      }
      values[index] = value
    }
    var bound: [ProgramValue] = []
    for (parameter, value) in zip(parameters, values) {
      guard let value = value ?? parameter.defaultValue else { return nil }
      bound.append(value)
    }
    return bound + rest
  }

  /// Where a tensor lies and how says nothing of its values.
  private static let ignoredKeywords: Set<String> = [
    "layout", "device", "pin_memory", "memory_format", "non_blocking", "copy", "implicit", "generator",
    "requires_grad",
  ]
}
