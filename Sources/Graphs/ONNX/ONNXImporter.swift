import OrderedCollections
import Tensors

/// What a name of an ONNX file stands for while its nodes are read.
struct ONNXOperand {
  /// The value in the graph; nil until a node needs it there.
  var value: Value?
  /// A constant at hand.
  var tensor: Tensor?
  /// The elements of a small tensor, which may depend on the batch.
  var numbers: SymbolicTensor?

  init(_ value: Value) { self.value = value }

  init(_ tensor: Tensor) { self.tensor = tensor }

  init(_ numbers: SymbolicTensor) {
    self.numbers = numbers
    tensor = numbers.tensor
  }
}

/// Turns the nodes of an ONNX model into nodes of a graph, one by one: each into the form that the graph's operators
/// have at opset 20.
struct ONNXImporter {
  let tensors: ONNXTensors
  var graph: Graph
  var operands: [String: ONNXOperand] = [:]
  /// The nodes of subgraphs that were read in the place of their node.
  var inlinedNodeCount = 0

  init(graph: Graph, tensors: ONNXTensors) {
    self.graph = graph
    self.tensors = tensors
  }

  mutating func define(_ name: String, _ operand: ONNXOperand) { operands[name] = operand }

  /// Turns `node` into nodes, or computes it when it is shape arithmetic.
  /// - Throws: ``ONNXError``, `GraphError`, with the node's name.
  mutating func append(_ node: ONNXNodeMessage) throws {
    let call = ONNXCall(node)
    let results = try evaluated(call) ?? converted(call)
    for (name, result) in zip(node.outputs, results) where !name.isEmpty { operands[name] = result }
    for name in node.outputs.dropFirst(results.count) where !name.isEmpty {
      throw call.unsupported("the output '\(name)' is of a kind that only training needs")
    }
  }

  private mutating func evaluated(_ call: ONNXCall) throws -> [ONNXOperand]? {
    let inputs = call.node.inputs.indices.map { numbers(call, $0) }
    guard !inputs.isEmpty, zip(inputs, call.node.inputs).allSatisfy({ $0 != nil || $1.isEmpty }) else { return nil }
    return SymbolicTensor.evaluate(call.operatorName, inputs, call.node.attributes).map { [ONNXOperand($0)] }
  }

  private mutating func converted(_ call: ONNXCall) throws -> [ONNXOperand] {
    graph.enterScope(call.node.title)
    defer { graph.leaveScope() }
    if let conversion = ONNXConversions.table[call.operatorName] {
      let results = try conversion(&self, call)
      try call.requireAllRead()
      return results
    }
    return try same(call)
  }

  // MARK: Operands

  /// The constant or value that stands at a place of the call; nil when it is left out.
  func operand(_ call: ONNXCall, _ index: Int) -> ONNXOperand? {
    guard index < call.node.inputs.count, !call.node.inputs[index].isEmpty else { return nil }
    return operands[call.node.inputs[index]]
  }

  /// The value in the graph at a place of the call; constants enter the graph here.
  mutating func value(_ call: ONNXCall, _ index: Int) throws -> Value {
    guard let value = try optionalValue(call, index) else {
      throw call.invalid("input \(index) is missing", expected: "a value")
    }
    return value
  }

  mutating func optionalValue(_ call: ONNXCall, _ index: Int) throws -> Value? {
    guard let operand = operand(call, index) else { return nil }
    if let value = operand.value { return value }
    let name = call.node.inputs[index]
    guard let tensor = operand.tensor else {
      throw call.unsupported(
        "input \(index) '\(name)' is a number that depends on the batch",
        hint: "export the network with a fixed batch")
    }
    let value = graph.constant(tensor, name: name)
    operands[name]?.value = value
    return value
  }

  /// All inputs of the call as values; nil where one is left out.
  mutating func values(_ call: ONNXCall) throws -> [Value?] {
    var result: [Value?] = []
    for index in call.node.inputs.indices { result.append(try optionalValue(call, index)) }
    while let last = result.last, last == nil { result.removeLast() }
    return result
  }

  /// The constant at a place of the call; nil when it is computed or left out.
  func tensor(_ call: ONNXCall, _ index: Int) -> Tensor? { operand(call, index)?.tensor }

  /// The elements of a small operand that is known on reading.
  mutating func numbers(_ call: ONNXCall, _ index: Int) -> SymbolicTensor? {
    guard let operand = operand(call, index) else { return nil }
    if let numbers = operand.numbers { return numbers }
    guard let numbers = operand.tensor.flatMap({ SymbolicTensor($0) }) else { return nil }
    operands[call.node.inputs[index]]?.numbers = numbers
    return numbers
  }

  /// The integers of an operand that must be known on reading, such as axes.
  mutating func integers(_ call: ONNXCall, _ index: Int, _ what: String) throws -> [Int] {
    guard let values = numbers(call, index)?.integers else {
      throw call.unsupported("the \(what) aren't known before the network runs", hint: Self.fixedHint)
    }
    return values
  }

  /// The same as extents, which may depend on the batch.
  mutating func extents(_ call: ONNXCall, _ index: Int, _ what: String) throws -> [Dimension] {
    guard let values = numbers(call, index)?.dimensions else {
      throw call.unsupported("the \(what) aren't known before the network runs", hint: Self.fixedHint)
    }
    return values
  }

  static let fixedHint = "export the network with fixed shapes, or simplify the file first"

  /// The type of the operand at a place of the call.
  mutating func type(_ call: ONNXCall, _ index: Int) throws -> TensorType {
    guard let operand = operand(call, index) else {
      throw call.invalid("input \(index) is missing", expected: "a value")
    }
    if let value = operand.value { return graph.type(of: value) }
    if let tensor = operand.tensor { return TensorType(tensor) }
    guard let numbers = operand.numbers else { throw call.invalid("input \(index) is missing", expected: "a value") }
    return TensorType(numbers.elementType, numbers.shape.map { Dimension($0) })
  }

  // MARK: Nodes

  /// The node as it is: its operator has the same form here.
  mutating func same(_ call: ONNXCall) throws -> [ONNXOperand] {
    guard let definition = OperatorDefinition.table[call.operatorName] else {
      throw GraphError.unknownOperator(node: call.node.title, operator: call.operatorName)
    }
    var attributes: OrderedDictionary<String, Attribute> = [:]
    for (name, attribute) in call.node.attributes.sorted(by: { $0.key < $1.key }) {
      guard definition.attributes[name] != nil else {
        throw call.unsupported("the attribute '\(name)' isn't supported")
      }
      switch attribute {
      case .int(let number): attributes[name] = .int(number)
      case .float(let number): attributes[name] = .float(number)
      case .string(let text): attributes[name] = .string(text)
      case .ints(let numbers): attributes[name] = .ints(numbers)
      case .floats(let numbers): attributes[name] = .floats(numbers)
      case .tensor(let message): attributes[name] = .tensor(try tensors.tensor(message))
      default: throw call.unsupported("the attribute '\(name)' is of a kind that isn't supported")
      }
    }
    return try apply(call, call.operatorName, try values(call), attributes)
  }

  /// The node that carries the call's name.
  mutating func apply(
    _ call: ONNXCall, _ name: String, _ inputs: [Value?], _ attributes: OrderedDictionary<String, Attribute> = [:]
  ) throws -> [ONNXOperand] {
    try graph.apply(name, inputs, attributes, named: call.node.title).map { ONNXOperand($0) }
  }

  /// A constant list of integers.
  mutating func list(_ numbers: [Int], _ name: String) -> Value {
    graph.constant(numbers.map(Int64.init), name: name)
  }

  /// A constant scalar of a type.
  mutating func scalar(_ number: Double, _ type: ElementType, _ name: String) -> Value {
    let tensor = Tensor(scalar: number).converted(to: type)
    return graph.constant(tensor, name: graph.scopedName(name))
  }
}

/// One node as its conversion sees it.
struct ONNXCall {
  let node: ONNXNodeMessage
  private let readNames = ReadNames()

  /// The attributes that its conversion has looked at.
  private final class ReadNames { var names: Set<String> = [] }

  init(_ node: ONNXNodeMessage) { self.node = node }

  var operatorName: String { node.operatorName }
  var opset: Int { node.opset }

  /// An attribute as the file has it.
  func attribute(_ name: String) -> ONNXAttributeMessage? {
    readNames.names.insert(name)
    return node.attributes[name]
  }

  func int(_ name: String) -> Int? { if case .int(let value)? = attribute(name) { value } else { nil } }
  func float(_ name: String) -> Float? { if case .float(let value)? = attribute(name) { value } else { nil } }
  func string(_ name: String) -> String? { if case .string(let value)? = attribute(name) { value } else { nil } }
  func ints(_ name: String) -> [Int]? { if case .ints(let value)? = attribute(name) { value } else { nil } }
  func floats(_ name: String) -> [Float]? { if case .floats(let value)? = attribute(name) { value } else { nil } }

  /// Attributes that change nothing here: they are for training or for outputs that aren't read, tell what another
  /// attribute or the weight tells, or belong to another mode than the node's.
  private static let harmless: Set<String> = [
    "consumed_inputs", "cubic_coeff_a", "extrapolation_value", "kernel_shape", "momentum", "nearest_mode", "precision",
    "ratio", "round_mode", "saturate", "seed", "stash_type", "storage_order", "value",
  ]

  /// - Throws: ``ONNXError/unsupportedUse(node:operator:reason:hint:)`` for an attribute that the conversion never
  ///   looked at: a later version of the operator may give it a meaning.
  func requireAllRead() throws {
    let unknown = node.attributes.keys.filter {
      !readNames.names.contains($0) && !Self.harmless.contains($0) && !$0.hasPrefix("_")
    }
    guard let name = unknown.min() else { return }
    throw unsupported("the attribute '\(name)' isn't supported")
  }

  /// Whether someone may read the output at that place.
  func hasOutput(_ index: Int) -> Bool { index < node.outputs.count && !node.outputs[index].isEmpty }

  /// `axis` counted from the front.
  func axis(_ axis: Int, rank: Int) throws -> Int {
    guard (-rank..<max(rank, 1)).contains(axis) || (rank == 0 && axis == -1) else {
      throw invalid("axis \(axis)", expected: "an axis of a tensor of rank \(rank)")
    }
    return axis < 0 ? axis + max(rank, 1) : axis
  }

  /// - Throws: for extents whose tensor no machine holds, so that the arithmetic on them can't overflow.
  func requireModerate(_ extents: [Int]) throws {
    guard extents.allSatisfy({ $0 >= 0 && $0 <= 1 << 32 }), extents.reduce(1.0, { $0 * Double(max($1, 1)) }) <= 0x1p32
    else { throw invalid("its shape is \(extents)", expected: "extents that memory can hold") }
  }

  func unsupported(_ reason: String, hint: String? = nil) -> ONNXError {
    .unsupportedUse(node: node.title, operator: operatorName, reason: reason, hint: hint)
  }

  func invalid(_ reason: String, expected: String) -> ONNXError {
    .invalid(at: ["node \(node.title)", "operator \(operatorName)"], reason: reason, expected: expected)
  }
}
