package import Diagnostics

/// An ONNX file can't be read as a network.
package enum ONNXError: DiagnosedError, Equatable {
  /// The bytes aren't a protobuf message of the right form.
  case damaged(offset: Int, reason: String)
  /// The model breaks a rule of the format.
  case invalid(at: [String], reason: String, expected: String?)
  /// Operators that have no counterpart here, each with the nodes that use it.
  case unsupportedOperators([UnsupportedOperator])
  /// A node asks for something that its operator can do elsewhere, but not here.
  case unsupportedUse(node: String, operator: String, reason: String, hint: String?)
  /// The version of the operator set.
  case unsupportedOpset(Int, supported: ClosedRange<Int>)
  /// An input's extents aren't known, and must be.
  case openShape(input: String, shape: String)

  package struct UnsupportedOperator: Sendable, Hashable {
    package var name: String
    package var nodes: [String]
  }

  package var diagnosis: Diagnosis {
    switch self {
    case .damaged(let offset, let reason):
      Diagnosis(
        .data, "the ONNX file is damaged: \(reason)", at: "byte \(offset)",
        hint: "it may have been cut short; copy or export it again")
    case .invalid(let location, let reason, let expected):
      Diagnosis(.data, reason, at: location, expected: expected)
    case .unsupportedOperators(let operators):
      Diagnosis(
        .data,
        "the model uses operators that aren't supported: "
          + operators.map { "\($0.name) (\(Self.list($0.nodes)))" }.joined(separator: ", "),
        hint: "export the network with its framework's newest exporter, or without these layers")
    case .unsupportedUse(let node, let name, let reason, let hint):
      Diagnosis(.data, reason, at: ["node \(node)", "operator \(name)"], hint: hint)
    case .unsupportedOpset(let version, let supported):
      Diagnosis(
        .data, "the model is of ONNX operator set \(version)",
        expected: "\(supported.lowerBound) to \(supported.upperBound)", hint: "convert it with onnx.version_converter")
    case .openShape(let input, let shape):
      Diagnosis(
        .usage, "the input '\(input)' is \(shape)", expected: "extents that are known, but for the batch",
        hint: "give them with --input-shape, for example --input-shape 1,1,96,96,96")
    }
  }

  /// Up to five names, and how many more there are.
  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
  }
}
