import Graphs

/// Copies a graph node by node, so that a pass writes down only what it changes.
///
/// Nodes and constants keep their names; constants are copied when a node first uses them.
struct GraphRebuilder {
  let source: Graph
  var graph: Graph
  private var values: [Value: Value] = [:]

  init(_ source: Graph) {
    self.source = source
    graph = Graph(name: source.name)
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
}
