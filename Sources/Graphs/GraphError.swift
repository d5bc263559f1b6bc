package import Diagnostics

/// A graph can't be built or isn't valid.
package enum GraphError: DiagnosedError, Equatable {
  /// A node's inputs or attributes don't fit its operator.
  case invalidNode(node: String, operator: String, reason: String, expected: String?)
  /// The operator is not in the table.
  case unknownOperator(node: String, operator: String)
  /// The graph's ONNX model passes the size that one protobuf message may have.
  case tooLarge(graph: String, byteCount: Int, limit: Int)
  /// The graph as a whole breaks a rule.
  case invalidGraph(graph: String, reasons: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .invalidNode(let node, let name, let reason, let expected):
      Diagnosis(.data, reason, at: ["node \(node)", "operator \(name)"], expected: expected)
    case .unknownOperator(let node, let name):
      Diagnosis(.data, "the operator \(name) is not supported", at: "node \(node)")
    case .tooLarge(let graph, let byteCount, let limit):
      Diagnosis(
        .data, "the network's ONNX model has \(byteCount) bytes in one piece", at: "graph \(graph)",
        expected: "at most \(limit), where protobuf ends",
        hint: "engines that read ONNX from memory can't take it; export it with --target onnx, which puts the weights "
          + "beside the model")
    case .invalidGraph(let graph, let reasons):
      Diagnosis(.defect, "the graph is not valid: " + reasons.joined(separator: "; "), at: "graph \(graph)")
    }
  }
}
