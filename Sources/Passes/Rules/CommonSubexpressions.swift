package import Graphs
import OrderedCollections
import Tensors

/// Nodes that compute the same from the same are computed once.
package struct CommonSubexpressions: Pass {
  package let name = "common-subexpressions"

  package init() {}

  package func apply(to graph: Graph) throws -> PassResult? {
    var standIns: [Value: Value] = [:]
    var computed: [String: Node] = [:]
    var numbers: [String: Int] = [:]
    var names: [Value: String] = [:]
    var labels: [String] = []
    /// The same text for the same operand: small constants by their content.
    func text(_ operand: Value?) -> String {
      guard let operand else { return "–" }
      let value = standIns[operand] ?? operand
      if let name = names[value] { return name }
      var name = "v\(names.count)"
      if let tensor = graph.constant(value), tensor.count <= 64 {
        let content = tensor.withUnsafeBytes { $0.map { String($0, radix: 16) }.joined(separator: ".") }
        let key = "\(tensor.elementType)\(tensor.shape)\(content)"
        numbers[key] = numbers[key] ?? numbers.count
        name = "c\(numbers[key] ?? 0)"
      }
      names[value] = name
      return name
    }
    var rebuilder = try GraphRebuilder(copyingInputsOf: graph)
    for node in graph.nodes {
      let attributes = node.attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      let hasTensor = node.attributes.values.contains { $0.kind == .tensor }
      let operands = node.inputs.map(text)
      let key = ([node.operator] + attributes).joined(separator: " ") + "(" + operands.joined(separator: ", ") + ")"
      if !hasTensor, !node.operator.hasPrefix("Random"), let twin = computed[key],
        twin.outputs.count == node.outputs.count
      {
        for (value, standIn) in zip(node.outputs, twin.outputs) {
          standIns[value] = standIn
          rebuilder.map(value, to: try rebuilder.value(standIn))
        }
        labels.append("\(node.name) is \(twin.name)")
        continue
      }
      computed[key] = node
      try rebuilder.copy(node)
    }
    return labels.isEmpty ? nil : PassResult(try rebuilder.finished(), patches: labels)
  }
}
