/// Puts the nodes of a model's functions in the place of the nodes that call them.
struct ONNXFunctions {
  private let model: ONNXModelMessage
  private let functions: [Key: ONNXFunctionMessage]

  private struct Key: Hashable {
    var domain: String
    var name: String
    var overload: String
  }

  init(_ model: ONNXModelMessage) {
    self.model = model
    functions = Dictionary(
      model.functions.map { (Key(domain: $0.domain, name: $0.name, overload: $0.overload), $0) }
    ) { first, _ in first }
  }

  /// The model's nodes without calls of functions, each with the version of its operator set.
  /// - Throws: ``ONNXError`` for functions that call each other in a circle, or stand for more nodes than `limit`.
  func expanded(limit: Int) throws -> [ONNXNodeMessage] {
    var expansion = Expansion(limit: limit)
    for node in model.graph.nodes {
      try expand(node, opsets: model.opsets, into: &expansion, calls: [])
    }
    return expansion.nodes
  }

  private struct Expansion {
    let limit: Int
    var nodes: [ONNXNodeMessage] = []
    var callCount = 0
  }

  private func expand(
    _ node: ONNXNodeMessage, opsets: [String: Int], into expansion: inout Expansion, calls: [String]
  ) throws {
    guard let function = functions[Key(domain: node.domain, name: node.operatorName, overload: node.overload)] else {
      var node = node
      node.opset = opsets[""] ?? model.opsets[""] ?? 1
      guard expansion.nodes.count < expansion.limit else {
        throw ONNXError.invalid(
          at: calls.map { "function \($0)" }, reason: "the functions stand for more than \(expansion.limit) nodes",
          expected: "a network of fewer")
      }
      expansion.nodes.append(node)
      return
    }
    let title = "\(function.domain).\(function.name)"
    guard !calls.contains(title), calls.count < 64 else {
      throw ONNXError.invalid(
        at: (calls + [title]).map { "function \($0)" }, reason: "a function calls itself",
        expected: "functions without circles")
    }
    expansion.callCount += 1
    let prefix = "\(node.title)#\(expansion.callCount)/"
    var names: [String: String] = ["": ""]
    for (index, input) in function.inputs.enumerated() {
      names[input] = index < node.inputs.count ? node.inputs[index] : ""
    }
    for (index, output) in function.outputs.enumerated() where names[output] == nil {
      if index < node.outputs.count, !node.outputs[index].isEmpty { names[output] = node.outputs[index] }
    }
    for inner in function.nodes {
      let renamed = Self.renamed(inner, prefix: prefix, &names, given: node.attributes, function.defaults)
      let versions = function.opsets.isEmpty ? opsets : function.opsets
      try expand(renamed, opsets: versions, into: &expansion, calls: calls + [title])
    }
    // An output that is an input needs a node that hands it on.
    for (index, output) in function.outputs.enumerated() where function.inputs.contains(output) {
      guard index < node.outputs.count, !node.outputs[index].isEmpty else { continue }
      var identity = ONNXNodeMessage(name: prefix + output, operatorName: "Identity")
      identity.inputs = [names[output] ?? ""]
      identity.outputs = [node.outputs[index]]
      identity.opset = opsets[""] ?? 1
      expansion.nodes.append(identity)
    }
  }

  /// A node of a function as it stands in the caller's graph: local names get a prefix, and attributes that refer to
  /// the call's get their values.
  private static func renamed(
    _ node: ONNXNodeMessage, prefix: String, _ names: inout [String: String],
    given: [String: ONNXAttributeMessage], _ defaults: [String: ONNXAttributeMessage]
  ) -> ONNXNodeMessage {
    var result = node
    result.name = prefix + node.title
    func name(_ local: String) -> String {
      if let name = names[local] { return name }
      names[local] = prefix + local
      return prefix + local
    }
    result.inputs = node.inputs.map(name)
    result.outputs = node.outputs.map(name)
    for (key, attribute) in node.attributes {
      switch attribute {
      case .reference(let source): result.attributes[key] = given[source] ?? defaults[source]
      case .graph(var graph):
        graph.nodes = graph.nodes.map { renamed($0, prefix: prefix, &names, given: given, defaults) }
        graph.inputs = graph.inputs.map {
          ONNXValueMessage(name: name($0.name), dataType: $0.dataType, dimensions: $0.dimensions)
        }
        graph.outputs = graph.outputs.map {
          ONNXValueMessage(name: name($0.name), dataType: $0.dataType, dimensions: $0.dimensions)
        }
        graph.initializers = graph.initializers.map {
          var tensor = $0
          tensor.name = name($0.name)
          return tensor
        }
        result.attributes[key] = .graph(graph)
      default: break
      }
    }
    return result
  }
}
