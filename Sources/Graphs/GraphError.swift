package import Diagnostics

/// A graph can't be built or isn't valid.
package enum GraphError: DiagnosedError, Equatable {
  /// A node's inputs or attributes don't fit its operator.
  case invalidNode(node: String, operator: String, reason: String, expected: String?)
  /// The operator is not in the table.
  case unknownOperator(node: String, operator: String)
  /// The graph as a whole breaks a rule.
  case invalidGraph(graph: String, reasons: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .invalidNode(let node, let name, let reason, let expected):
      Diagnosis(.data, reason, at: ["node \(node)", "operator \(name)"], expected: expected)
    case .unknownOperator(let node, let name):
      Diagnosis(.data, "the operator \(name) is not supported", at: "node \(node)")
    case .invalidGraph(let graph, let reasons):
      Diagnosis(.defect, "the graph is not valid: " + reasons.joined(separator: "; "), at: "graph \(graph)")
    }
  }
}
