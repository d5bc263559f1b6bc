package import Diagnostics
package import Graphs
package import Tensors

/// Runs a graph node by node with the plain code of `Operators/<Family>.swift`: readable before fast.
///
/// It is what engines are compared with, and what they may fall back to for a rare operator. Values are float32
/// between the nodes; sums are made in float64.
package struct GraphEvaluator: Sendable {
  package let graph: Graph
  /// For each node, the values that nobody reads after it.
  private let lastUses: [[Value]]

  package init(_ graph: Graph) {
    self.graph = graph
    let kept = Set(graph.outputs.map(\.value))
    var seen = Set<Value>()
    var lastUses: [[Value]] = []
    for node in graph.nodes.reversed() {
      let values = Set(node.inputs.compactMap(\.self) + node.outputs)
      lastUses.append(values.filter { graph.constant($0) == nil && !kept.contains($0) && seen.insert($0).inserted })
    }
    self.lastUses = lastUses.reversed()
  }

  /// The outputs for `inputs`, which must fit the graph's inputs.
  /// - Throws: ``EvaluationError``; whatever `beforeNode` throws.
  package func run(_ inputs: [Tensor], beforeNode: (Node) throws -> Void = { _ in }) throws -> [Tensor] {
    guard inputs.count == graph.inputs.count else {
      throw EvaluationError.wrongInputCount(graph: graph.name, found: inputs.count, expected: graph.inputs.count)
    }
    var values = Dictionary(uniqueKeysWithValues: zip(graph.inputs, inputs))
    for (index, node) in graph.nodes.enumerated() {
      try beforeNode(node)
      let operands = try node.inputs.map { value -> Tensor? in
        guard let value else { return nil }
        guard let tensor = graph.constant(value) ?? values[value] else {
          throw EvaluationError.undefinedValue(node: node.name, value: graph.name(of: value))
        }
        return tensor
      }
      let results = try Evaluation(node, operands, types: node.outputs.map(graph.type(of:))).results()
      for (value, result) in zip(node.outputs, results) { values[value] = result }
      for value in lastUses[index] { values[value] = nil }
    }
    return try graph.outputs.map { name, value in
      guard let tensor = graph.constant(value) ?? values[value] else {
        throw EvaluationError.undefinedValue(node: "the outputs", value: name)
      }
      return tensor
    }
  }
}

/// A graph can't be evaluated. Graphs that were verified give none of these.
package enum EvaluationError: DiagnosedError, Equatable {
  case wrongInputCount(graph: String, found: Int, expected: Int)
  case undefinedValue(node: String, value: String)
  case unknownOperator(node: String, operator: String)
  case invalidOperand(node: String, operator: String, reason: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .wrongInputCount(let graph, let found, let expected):
      Diagnosis(.data, "the network \(graph) got \(found) inputs", expected: "\(expected)")
    case .undefinedValue(let node, let value):
      Diagnosis(.defect, "\(value) is used before it is computed", at: node)
    case .unknownOperator(let node, let operatorName):
      Diagnosis(.defect, "the interpreter doesn't know the operator \(operatorName)", at: node)
    case .invalidOperand(let node, let operatorName, let reason):
      Diagnosis(.data, "\(operatorName) can't be evaluated: \(reason)", at: node)
    }
  }
}
