package import Graphs
import Tensors

/// A graph with what rules ask for: who computes a value, and who reads it.
package struct GraphIndex {
  package let graph: Graph
  private var producers: [Value: Int] = [:]
  /// How often nodes and the graph's outputs read a value.
  private var readCounts: [Value: Int] = [:]
  /// The nodes that read a value, once each.
  private var readers: [Value: [Int]] = [:]

  package init(_ graph: Graph) {
    self.graph = graph
    producers.reserveCapacity(graph.nodes.count)
    readCounts.reserveCapacity(graph.nodes.count)
    for (index, node) in graph.nodes.enumerated() {
      for output in node.outputs { producers[output] = index }
      for case let input? in node.inputs {
        readCounts[input, default: 0] += 1
        if readers[input]?.last != index { readers[input, default: []].append(index) }
      }
    }
    for (_, value) in graph.outputs { readCounts[value, default: 0] += 1 }
  }

  /// The node that computes the value, when its operator is one of `operators` (any for none).
  func producer(of value: Value?, _ operators: String...) -> Node? {
    guard let value, let index = producers[value] else { return nil }
    let node = graph.nodes[index]
    return operators.isEmpty || operators.contains(node.operator) ? node : nil
  }

  /// Whether one operand of one node is all that reads the value.
  func isReadOnce(_ value: Value) -> Bool { readCounts[value] == 1 }

  /// The only node that reads the value; nil when there are several, or an output is it.
  func onlyReader(of value: Value) -> Node? {
    guard isReadOnce(value) else { return nil }
    return onlyNodes(reading: value)?.first
  }

  /// The nodes that read the value, one operand each; nil when an output reads it, or a node twice.
  func onlyNodes(reading value: Value) -> [Node]? {
    guard let places = readers[value], places.count == readCounts[value] else { return nil }
    return places.map { graph.nodes[$0] }
  }

  // MARK: Constants

  func constant(_ value: Value?) -> Tensor? { value.flatMap { graph.constant($0) } }

  /// The elements of a constant of floating point.
  func floats(_ value: Value?) -> [Float]? {
    guard let tensor = constant(value), tensor.elementType.isFloatingPoint else { return nil }
    return tensor.converted(to: .float32).array(of: Float.self)
  }

  /// The number of a constant with one element.
  func scalar(_ value: Value?) -> Double? {
    guard let tensor = constant(value), tensor.count == 1, tensor.elementType.isFloatingPoint else { return nil }
    return tensor.converted(to: .float64).array(of: Double.self).first
  }

  /// The numbers of a constant list such as axes.
  func ints(_ value: Value?) -> [Int]? {
    guard let tensor = constant(value), !tensor.elementType.isFloatingPoint else { return nil }
    return tensor.converted(to: .int64).array(of: Int64.self).map(Int.init)
  }

  /// The constant operand of a node with two, and the other one.
  func constantOperand(of node: Node) -> (constant: Value, other: Value)? {
    guard node.inputs.count == 2, let first = node.inputs[0], let second = node.inputs[1] else { return nil }
    if constant(second) != nil, constant(first) == nil { return (second, first) }
    if constant(first) != nil, constant(second) == nil { return (first, second) }
    return nil
  }

  /// The number that a node multiplies or divides by, and what it multiplies: `x · 2`, `2 · x`, `x / 2`.
  func scaling(_ node: Node?) -> (factor: Double, input: Value)? {
    guard let node, node.operator == "Mul" || node.operator == "Div", let pair = constantOperand(of: node),
      let number = scalar(pair.constant), graph.type(of: node.outputs[0]) == graph.type(of: pair.other)
    else { return nil }
    if node.operator == "Mul" { return (number, pair.other) }
    return node.inputs[0] == pair.other && number != 0 ? (1 / number, pair.other) : nil
  }

  /// The number that every element of a small constant has.
  func uniform(_ value: Value) -> Double? {
    guard let tensor = constant(value), (1...1 << 16).contains(tensor.count) else { return nil }
    let elements = tensor.converted(to: .float64).array(of: Double.self)
    return elements.allSatisfy { $0 == elements[0] } ? elements[0] : nil
  }
}
