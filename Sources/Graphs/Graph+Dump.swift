extension Graph {
  /// The graph as text, a line per node:
  ///
  ///     graph UNet(image: float32[batch, 1, 96, 96, 96]) -> (output_0: float32[batch, 2, 96, 96, 96])
  ///     model.0/Conv = Conv(image, model.0.weight: float32[16, 1, 3, 3, 3]) {strides: [2, 2, 2]}  float32[batch, 16, 48, 48, 48]
  package var dump: String {
    let parameters = inputs.map { "\(name(of: $0)): \(type(of: $0))" }.joined(separator: ", ")
    let results = outputs.map { "\($0.name): \(type(of: $0.value))" }.joined(separator: ", ")
    var lines = ["graph \(name)(\(parameters)) -> (\(results))"]
    for node in nodes {
      let operands = node.inputs.map { value -> String in
        guard let value else { return "–" }
        return constant(value) == nil ? name(of: value) : "\(name(of: value)): \(type(of: value))"
      }
      let targets = node.outputs.map { name(of: $0) }.joined(separator: ", ")
      let attributes = node.attributes.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
      let types = node.outputs.map { type(of: $0).description }.joined(separator: ", ")
      lines.append(
        "\(targets) = \(node.operator)(\(operands.joined(separator: ", ")))"
          + (attributes.isEmpty ? "" : " {\(attributes)}") + "  \(types)")
    }
    for (name, value) in outputs where self.name(of: value) != name {
      lines.append("\(name) = \(self.name(of: value))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
