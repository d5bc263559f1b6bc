package import OrderedCollections
package import Tensors

/// A value of a graph: an input, a constant or a node's output. Only the graph that made it knows it.
package struct Value: Sendable, Hashable {
  let index: Int
}

/// One application of an operator.
package struct Node: Sendable {
  /// Unique in its graph: the module path and the operator, `model.0.conv/Conv`.
  package let name: String
  /// The ONNX operator, `Conv`.
  package let `operator`: String
  /// nil stands for an optional input that is left out.
  package let inputs: [Value?]
  package let outputs: [Value]
  package let attributes: OrderedDictionary<String, Attribute>
}

/// A network as a directed acyclic graph of ONNX operators (opset 20), in topological order.
///
/// A value type. Nodes are added by the typed builders of `Operators/<Family>.swift`, each of which applies the
/// operator's shape rule at once, so that a mistake is found where it is made:
///
///     var graph = Graph(name: "UNet")
///     let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 1, 96, 96, 96]))
///     let features = try graph.conv(image, weight: weight, bias: bias, padding: [1, 1, 1])
///     try graph.output(graph.relu(features), name: "output_0")
package struct Graph: Sendable {
  /// The version of the ONNX operator set whose semantics the operators have.
  package static let opset = 20

  package var name: String
  package private(set) var nodes: [Node] = []
  package private(set) var inputs: [Value] = []
  package private(set) var outputs: [(name: String, value: Value)] = []

  private struct Entry: Sendable {
    var name: String
    var type: TensorType
    var constant: Tensor?
  }

  private var entries: [Entry] = []
  private var usedNames: Set<String> = []
  /// From a name to the next number behind it that may be free.
  private var nextNumbers: [String: Int] = [:]
  private var scopes: [String] = []

  package init(name: String) { self.name = name }

  // MARK: Reading

  package func name(of value: Value) -> String { entries[value.index].name }
  package func type(of value: Value) -> TensorType { entries[value.index].type }
  /// The constant behind the value; nil for inputs and computed values.
  package func constant(_ value: Value) -> Tensor? { entries[value.index].constant }

  /// The constants that nodes use, in the order of their first use.
  package var constants: [Value] {
    var seen: OrderedSet<Value> = []
    for node in nodes {
      for case let input? in node.inputs where entries[input.index].constant != nil { seen.append(input) }
    }
    for (_, value) in outputs where entries[value.index].constant != nil { seen.append(value) }
    return Array(seen)
  }

  /// Bytes of all constants in use.
  package var constantByteCount: Int { constants.reduce(0) { $0 + (constant($1)?.byteCount ?? 0) } }

  // MARK: Building

  /// Declares an input.
  package mutating func input(_ name: String, _ type: TensorType) throws -> Value {
    guard !usedNames.contains(name) else {
      throw GraphError.invalidGraph(graph: self.name, reasons: ["two values are named \(name)"])
    }
    try checkSize(type, node: name, operator: "input")
    let value = addEntry(name, type, nil)
    inputs.append(value)
    return value
  }

  /// Declares `value` as the output `name`.
  package mutating func output(_ value: Value, name: String) throws {
    guard !outputs.contains(where: { $0.name == name }) else {
      throw GraphError.invalidGraph(graph: self.name, reasons: ["two outputs are named \(name)"])
    }
    outputs.append((name, value))
  }

  /// A constant of its own name (made unique), for example a weight under its state-dict key.
  package mutating func constant(_ tensor: Tensor, name: String) -> Value {
    addEntry(uniqueName(name), TensorType(tensor), tensor)
  }

  /// A small constant that belongs to the current scope.
  package mutating func constant<Element: TensorElement>(_ values: [Element], shape: Shape? = nil, name: String)
    -> Value
  {
    constant(Tensor(values, shape ?? [values.count]), name: scoped(name))
  }

  /// Names that `body` gives to nodes and constants get `scope` in front: `model.0` for what belongs to that module.
  package mutating func scope<Result>(_ scope: String, _ body: (inout Graph) throws -> Result) rethrows -> Result {
    scopes.append(scope)
    defer { scopes.removeLast() }
    return try body(&self)
  }

  /// As ``scope(_:_:)`` until the matching ``leaveScope()``, for builders that can't be one closure.
  package mutating func enterScope(_ scope: String) { scopes.append(scope) }
  package mutating func leaveScope() { scopes.removeLast() }

  /// Drops the nodes that no output depends on.
  package mutating func removeUnusedNodes() {
    var used = Set(outputs.map(\.value))
    var kept: [Node] = []
    for node in nodes.reversed() where node.outputs.contains(where: used.contains) {
      for case let input? in node.inputs { used.insert(input) }
      kept.append(node)
    }
    nodes = kept.reversed()
  }

  /// Applies an operator: checks its inputs and attributes, computes its outputs' types and appends the node.
  /// The typed builders are the way to call it; rewrites keep the name of the node that they stand for.
  /// - Throws: ``GraphError``, with the node's name.
  package mutating func apply(
    _ operatorName: String, _ inputs: [Value?], _ attributes: OrderedDictionary<String, Attribute> = [:],
    named nodeName: String? = nil
  ) throws -> [Value] {
    let name = uniqueName(nodeName ?? scoped(operatorName))
    guard let definition = OperatorDefinition.table[operatorName] else {
      throw GraphError.unknownOperator(node: name, operator: operatorName)
    }
    let call = OperatorCall(
      node: name, operator: operatorName, inputs: inputs.map { $0.map(type(of:)) },
      constants: inputs.map { $0.flatMap(constant) }, attributes: attributes)
    let types = try definition.outputTypes(call)
    for type in types { try checkSize(type, node: name, operator: operatorName) }
    let outputs = types.indices.map { index in
      addEntry(uniqueName(types.count == 1 ? name : "\(name):\(index)"), types[index], nil)
    }
    usedNames.insert(name)
    nodes.append(Node(name: name, operator: operatorName, inputs: inputs, outputs: outputs, attributes: attributes))
    return outputs
  }

  /// Tensors of a size that no machine holds are refused here, so that the arithmetic on extents can't overflow.
  private func checkSize(_ type: TensorType, node: String, operator operatorName: String) throws {
    let count = type.shape.reduce(1.0) { $0 * Double(max($1.constant ?? 1, 1)) }
    guard count <= 0x1p48 else {
      throw GraphError.invalidNode(
        node: node, operator: operatorName, reason: "the tensor \(type) is too large", expected: "at most 2⁴⁸ elements")
    }
  }

  private mutating func addEntry(_ name: String, _ type: TensorType, _ constant: Tensor?) -> Value {
    usedNames.insert(name)
    entries.append(Entry(name: name, type: type, constant: constant))
    return Value(index: entries.count - 1)
  }

  /// `name` with the current scope in front.
  func scopedName(_ name: String) -> String { scoped(name) }

  private func scoped(_ name: String) -> String {
    scopes.isEmpty ? name : scopes.joined(separator: ".") + "/" + name
  }

  private mutating func uniqueName(_ name: String) -> String {
    guard usedNames.contains(name) else { return name }
    var number = nextNumbers[name] ?? 1
    while usedNames.contains("\(name)_\(number)") { number += 1 }
    nextNumbers[name] = number
    return "\(name)_\(number)"
  }
}
