import Graphs
import OrderedCollections
import Tensors

/// Copies a graph node by node, so that a pass writes down only what it changes.
///
/// Nodes and constants keep their names; constants are copied when a node first uses them.
package struct GraphRebuilder {
  let source: Graph
  var graph: Graph
  private var values: [Value: Value] = [:]

  init(_ source: Graph) {
    self.source = source
    graph = Graph(name: source.name)
  }

  /// With the source's inputs as they are.
  init(copyingInputsOf source: Graph) throws {
    self.init(source)
    for input in source.inputs { map(input, to: try graph.input(source.name(of: input), source.type(of: input))) }
  }

  /// Lets `new` stand for `old` from now on.
  mutating func map(_ old: Value, to new: Value) { values[old] = new }

  /// Whether something stands for `old` already.
  func isKnown(_ old: Value) -> Bool { values[old] != nil }

  /// What stands for `old` in the new graph.
  mutating func value(_ old: Value) throws -> Value {
    if let new = values[old] { return new }
    guard let tensor = source.constant(old) else {
      throw GraphError.invalidGraph(
        graph: source.name, reasons: ["\(source.name(of: old)) is used before it is defined"])
    }
    let new = graph.constant(tensor, name: source.name(of: old))
    values[old] = new
    return new
  }

  /// Appends `node` with other inputs.
  @discardableResult
  mutating func append(_ node: Node, inputs: [Value?]) throws -> [Value] {
    try graph.apply(node.operator, inputs, node.attributes, named: node.name)
  }

  /// Appends `node` as it is, reading what stands for its inputs.
  mutating func copy(_ node: Node) throws {
    var inputs: [Value?] = []
    for input in node.inputs { inputs.append(try input.map { try value($0) }) }
    for (old, new) in zip(node.outputs, try append(node, inputs: inputs)) { map(old, to: new) }
  }

  /// Appends an operator that gives one value.
  mutating func apply(
    _ operatorName: String, _ inputs: [Value?], _ attributes: OrderedDictionary<String, Attribute> = [:],
    named name: String
  ) throws -> Value {
    try graph.apply(operatorName, inputs, attributes, named: name)[0]
  }

  /// The new graph with the source's outputs.
  mutating func finished() throws -> Graph {
    for (name, value) in source.outputs { try graph.output(self.value(value), name: name) }
    return graph
  }
}
