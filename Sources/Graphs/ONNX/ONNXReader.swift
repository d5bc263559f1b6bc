import Files
package import Tensors

/// An ONNX model file, opened: what it says of itself, and its network as a graph.
///
/// The file stays mapped; weights are views of it, or of the files beside it. Operators of opsets 7 to 28 become those
/// of the graph (opset 20).
package struct ONNXReader {
  /// The operator sets that can be read. Those behind 20 changed what is read here only in the types that they take.
  package static let opsets = 7...28
  /// Functions may stand for this many nodes, all together.
  static let nodeLimit = 1_000_000

  package let path: String
  package let irVersion: Int
  /// `pytorch 2.15.0`.
  package let producer: String
  package let opset: Int
  package let graphName: String
  /// The inputs that a run gives; initializers that older files list here too are left out.
  package let inputs: [Input]
  package let outputNames: [String]
  package let nodeCount: Int
  package let functionCount: Int

  private let file: MappedFile
  private let model: ONNXModelMessage

  /// An input as the file declares it.
  package struct Input: Sendable {
    package let name: String
    package let elementType: ElementType
    /// The extents; nil where the file leaves them open. nil when not even the rank is known.
    package let dimensions: [Int?]?

    /// `float32[?, 1, 96, 96, 96]`
    package var description: String {
      "\(elementType)[\(dimensions?.map { $0.map(String.init) ?? "?" }.joined(separator: ", ") ?? "of unknown rank")]"
    }
  }

  /// How many numbers the initializers hold.
  package var parameterCount: Int {
    model.graph.initializers.reduce(0) { $0 + (Shape($1.dimensions).checkedCount ?? 0) }
  }

  /// The names of the files beside the model that hold its weights, sorted.
  package var externalFiles: [String] {
    Set(model.graph.initializers.filter(\.isExternal).compactMap { $0.external["location"] }).sorted()
  }

  /// Opens the file and reads its messages; the weights stay where they are.
  /// - Throws: ``ONNXError``, `FileError`.
  package init(path: String) throws {
    self.path = path
    let file = try MappedFile(path: path)
    self.file = file
    model = try file.withBytes { bytes in
      var reader = ONNXMessageReader(bytes)
      return try reader.model()
    }
    irVersion = model.irVersion
    producer = [model.producer, model.producerVersion].filter { !$0.isEmpty }.joined(separator: " ")
    opset = model.opsets[""] ?? 1
    graphName = model.graph.name
    nodeCount = model.graph.nodes.count
    functionCount = model.functions.count
    outputNames = model.graph.outputs.map(\.name)
    let initializers = Set(model.graph.initializers.map(\.name))
    inputs = try model.graph.inputs.filter { !initializers.contains($0.name) }.map { input in
      guard let number = input.dataType, let type = ElementType(onnxNumber: number) else {
        throw ONNXError.invalid(
          at: ["input \(input.name)"], reason: "it is no tensor of a type that is supported",
          expected: "a tensor of numbers")
      }
      return Input(
        name: input.name, elementType: type,
        dimensions: input.dimensions?.map { if case .fixed(let extent) = $0 { extent } else { nil } })
    }
  }

  /// The network as a graph.
  ///
  /// - Parameters:
  ///   - shapes: The shape of each input, by name, where the file leaves extents open. A first axis that the file leaves
  ///     open, and that no shape fixes, is the symbol `batch`.
  ///   - opensBatch: Whether an open first axis stays open even though `shapes` tell its extent.
  ///   - constants: Inputs that are constants, by name.
  /// - Throws: ``ONNXError``, `GraphError`, `TensorError`, `FileError`.
  package func graph(
    shapes: [String: [Int]] = [:], opensBatch: Bool = true, constants: [String: Tensor] = [:]
  ) throws -> Graph {
    guard Self.opsets.contains(opset) else { throw ONNXError.unsupportedOpset(opset, supported: Self.opsets) }
    guard !model.graph.hasSparseInitializers else {
      throw ONNXError.invalid(at: [], reason: "the model has sparse initializers", expected: "dense ones")
    }
    let tensors = ONNXTensors(file)
    var importer = ONNXImporter(graph: Graph(name: graphName.isEmpty ? "network" : graphName), tensors: tensors)
    var names = Set<String>()
    for input in inputs {
      guard names.insert(input.name).inserted else { throw Self.duplicate("input", input.name) }
      if let tensor = constants[input.name] {
        importer.define(input.name, ONNXOperand(tensor))
      } else {
        let type = try Self.type(input, shape: shapes[input.name], opensBatch: opensBatch)
        importer.define(input.name, ONNXOperand(try importer.graph.input(input.name, type)))
      }
    }
    for message in model.graph.initializers {
      guard names.insert(message.name).inserted else { throw Self.duplicate("initializer", message.name) }
      importer.define(message.name, ONNXOperand(try tensors.tensor(message)))
    }
    let nodes = try ONNXNodeOrder(
      ONNXFunctions(model).expanded(limit: Self.nodeLimit), defined: names, outputs: outputNames
    ).nodes
    try Self.requireSupported(nodes)
    for node in nodes { try importer.append(node) }
    return try finished(&importer)
  }

  private func finished(_ importer: inout ONNXImporter) throws -> Graph {
    guard !outputNames.isEmpty else {
      throw ONNXError.invalid(at: [], reason: "the model has no outputs", expected: "at least one")
    }
    for name in outputNames {
      // A node of its own reads it, so that constants enter the graph as they do elsewhere.
      let call = ONNXCall(ONNXNodeMessage(name: name, operatorName: "output", inputs: [name]))
      try importer.graph.output(importer.value(call, 0), name: name)
    }
    return importer.graph
  }

  private static func duplicate(_ kind: String, _ name: String) -> ONNXError {
    .invalid(at: ["\(kind) \(name)"], reason: "the name '\(name)' stands for two things", expected: "a name of its own")
  }

  /// All operators that can't be read, at once.
  private static func requireSupported(_ nodes: [ONNXNodeMessage]) throws {
    var missing: [String: [String]] = [:]
    for node in nodes where !node.domain.isEmpty || !ONNXConversions.isKnown(node.operatorName) {
      let name = node.domain.isEmpty ? node.operatorName : "\(node.domain).\(node.operatorName)"
      missing[name, default: []].append(node.title)
    }
    guard missing.isEmpty else {
      throw ONNXError.unsupportedOperators(
        missing.sorted { $0.key < $1.key }.map { ONNXError.UnsupportedOperator(name: $0.key, nodes: $0.value) })
    }
  }

  /// The type of an input: its declared extents, and those of `shape` where it declares none.
  private static func type(_ input: Input, shape: [Int]?, opensBatch: Bool) throws -> TensorType {
    guard let declared = input.dimensions ?? shape.map({ $0.map { _ in nil } }) else {
      throw ONNXError.openShape(input: input.name, shape: input.description)
    }
    if let shape, shape.count != declared.count || !zip(shape, declared).allSatisfy({ $1 == nil || $0 == $1 }) {
      throw ONNXError.invalid(
        at: ["input \(input.name)"], reason: "it is \(input.description), and \(shape) is asked for",
        expected: "a shape that fits the model")
    }
    let dimensions = try declared.enumerated().map { axis, extent -> Dimension in
      if let extent { return Dimension(extent) }
      if axis == 0, opensBatch || shape == nil { return Dimension("batch") }
      guard let extent = shape?[axis], extent >= 0 else {
        throw ONNXError.openShape(input: input.name, shape: input.description)
      }
      return Dimension(extent)
    }
    return TensorType(input.elementType, dimensions)
  }
}
