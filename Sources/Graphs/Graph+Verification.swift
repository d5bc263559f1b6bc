extension Graph {
  /// Checks the whole graph: every value is defined before it is used, names are unique, and each node's recorded
  /// types are what its operator's shape rule gives.
  /// - Throws: ``GraphError/invalidGraph(graph:reasons:)`` with every reason at once.
  package func verify() throws {
    var reasons: [String] = []
    if outputs.isEmpty { reasons.append("it has no outputs") }
    var defined = Set(inputs)
    var names = Set<String>()
    for node in nodes {
      if !names.insert(node.name).inserted { reasons.append("two nodes are named \(node.name)") }
      for case let input? in node.inputs where !defined.contains(input) && constant(input) == nil {
        reasons.append("\(node.name) uses \(name(of: input)) before it is defined")
      }
      reasons += problems(of: node)
      for output in node.outputs where !defined.insert(output).inserted {
        reasons.append("\(name(of: output)) is defined twice")
      }
    }
    for (name, value) in outputs where !defined.contains(value) && constant(value) == nil {
      reasons.append("the output \(name) is never computed")
    }
    guard reasons.isEmpty else { throw GraphError.invalidGraph(graph: name, reasons: reasons) }
  }

  private func problems(of node: Node) -> [String] {
    guard let definition = OperatorDefinition.table[node.operator] else {
      return ["\(node.name): the operator \(node.operator) is unknown"]
    }
    let call = OperatorCall(
      node: node.name, operator: node.operator, inputs: node.inputs.map { $0.map(type(of:)) },
      constants: node.inputs.map { $0.flatMap(constant) }, attributes: node.attributes)
    do {
      let types = try definition.outputTypes(call)
      return types == node.outputs.map(type(of:)) ? [] : ["\(node.name): the recorded output types are not \(types)"]
    } catch {
      return ["\(node.name): \(error)"]
    }
  }
}
