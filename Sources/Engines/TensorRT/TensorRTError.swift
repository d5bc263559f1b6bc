package import Diagnostics

/// One complaint of the ONNX parser.
package struct TensorRTParserError: Sendable, Hashable, CustomStringConvertible {
  /// 1 internal, 2 memory, 3 model, 4 value, 5 graph, 6 node, 7 unsupported graph, 8 unsupported node,
  /// 9 to 13 its attribute, input, data type, dynamic shape, shape.
  package var code: Int
  package var description: String
  /// The place in the parser's own source.
  package var file: String
  package var line: Int
  /// The index in the model's list of nodes; nil when it isn't about one node.
  package var node: Int?
  package var nodeName: String
  package var nodeOperator: String

  /// `node 'decoder/swirl' (Swirl): no such operator`
  var summary: String {
    guard let node else { return description }
    let name = nodeName.isEmpty ? "number \(node)" : "'\(nodeName)'"
    return "node \(name) (\(nodeOperator.isEmpty ? "unknown operator" : nodeOperator)): \(reason)"
  }

  /// The parser's text names its own assertions; the common ones are put into words.
  private var reason: String {
    if description.contains("Plugin not found") { return "the library has no such operator" }
    if description == "false" { return "the library doesn't support this operator" }
    return description
  }
}

/// What goes wrong only with TensorRT; the rest are ``EngineError``s.
package enum TensorRTError: DiagnosedError, Equatable {
  case unknownVersion(path: String, version: TensorRTVersion)
  case otherProduct(path: String, found: String, wanted: TensorRTProduct)
  /// The bytes hold no ONNX model.
  case notAModel(reason: String)
  case emptyGraph
  case unsupportedOpset(found: Int, supported: ClosedRange<Int>, library: String)
  case missingOpset
  case unsupportedIRVersion(found: Int, newest: Int, library: String)
  case refused(library: String, errors: [TensorRTParserError])
  case invalidShapeRange(input: String, reason: String)
  case missingShapeRange(input: String, dimensions: [Int?])
  case unknownInput(name: String, known: [String])
  case shapeInput(name: String)
  case unreadableComputeCapability(String)
  case unsupportedComputeCapability(ComputeCapability, library: String)
  case computeCapabilitiesAreFixed(library: String)
  case turingVolumes(layers: [String])
  case hardwareCompatibilityIsBuiltIn(library: String)
  case needsGPU(library: String, reason: String)
  case buildFailed(library: String, messages: [String])
  case engineRefused(library: String, reason: String)
  case unsupportedTensor(name: String, what: String)
  case outsideProfiles(input: String, shape: [Int], limits: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .unknownVersion(let path, let version):
      Diagnosis(
        .unavailable, "this library is of version \(version) (\(version.number)), which Martlet doesn't know", at: path,
        expected: TensorRTVersion.known, hint: "'make runtimes' fetches a TensorRT for RTX that is known")
    case .otherProduct(let path, let found, let wanted):
      Diagnosis(
        .unavailable, "this library is \(found)", at: path, expected: wanted.title,
        hint: "name the folder of \(wanted.title) in \(wanted.environmentVariable), or choose the other target")
    case .notAModel(let reason):
      Diagnosis(
        .data, "not an ONNX model: \(reason)", expected: "a whole ONNX file", hint: "export it again")
    case .emptyGraph:
      Diagnosis(.data, "the ONNX model has no nodes, so there is nothing to build")
    case .unsupportedOpset(let found, let supported, let library):
      Diagnosis(
        .data, "the model uses ONNX opset \(found)",
        expected: "opset \(supported.lowerBound) to \(supported.upperBound) for \(library)",
        hint: "export the model with an opset of that range")
    case .missingOpset:
      Diagnosis(
        .data, "the model doesn't say which ONNX opset it uses",
        hint: "the file is damaged or incomplete; export it again")
    case .unsupportedIRVersion(let found, let newest, let library):
      Diagnosis(
        .data, "the model is of ONNX IR version \(found)", expected: "a version from 3 to \(newest) for \(library)",
        hint: "export the model with an older ONNX")
    case .refused(let library, let errors):
      Diagnosis(
        .data, "\(library) can't read the model:" + errors.map { "\n  - \($0.summary)" }.joined(),
        hint: "export to another target, or replace these nodes in the network")
    case .invalidShapeRange(let input, let reason):
      Diagnosis(
        .usage, "the shapes for input '\(input)' can't be used: \(reason)", expected: "minimum ≤ optimum ≤ maximum")
    case .missingShapeRange(let input, let dimensions):
      Diagnosis(
        .usage,
        "input '\(input)' has free extents: \(dimensions.map { $0.map(String.init) ?? "?" }.joined(separator: "×"))",
        expected: "a minimum, optimum and maximum for each", hint: "for example --dynamic-batch 1,4,8")
    case .unknownInput(let name, let known):
      Diagnosis(.usage, "the model has no input '\(name)'", expected: known.joined(separator: ", "))
    case .shapeInput(let name):
      Diagnosis(
        .data, "input '\(name)' holds a shape, not data", expected: "inputs whose values don't decide shapes",
        hint: "export the network with that shape fixed")
    case .unreadableComputeCapability(let text):
      Diagnosis(.usage, "'\(text.prefix(40))' is no compute capability", expected: "major.minor, as in 8.6")
    case .unsupportedComputeCapability(let capability, let library):
      Diagnosis(
        .data, "\(library) doesn't build for compute capability \(capability)\(capability.familyNote)",
        expected: "one of \(ComputeCapability.rtx.map(\.description).joined(separator: ", "))",
        hint: "data-centre GPUs are served by --target tensorrt, on a machine that has one")
    case .computeCapabilitiesAreFixed(let library):
      Diagnosis(
        .usage, "\(library) builds for the GPU of this machine, so compute capabilities can't be chosen",
        hint: "leave them out, or use --target tensorrt-rtx")
    case .turingVolumes(let layers):
      Diagnosis(
        .data, "compute capability 7.5 has no float32 convolutions in three dimensions: \(list(layers))",
        hint: "use --precision fp16, or leave 7.5 out")
    case .hardwareCompatibilityIsBuiltIn(let library):
      Diagnosis(
        .usage,
        "\(library) has no hardware compatibility to choose: its engines run on every GPU that they were built for",
        hint: "leave it out, or choose with --compute-capability")
    case .needsGPU(let library, let reason):
      Diagnosis(
        .unavailable, "\(library) builds engines only on the GPU that will run them, and \(reason)",
        hint: "use --target tensorrt-rtx, which needs none, or --target onnx and build on the machine with the GPU")
    case .buildFailed(let library, let messages):
      Diagnosis(
        .data, "\(library) can't build the engine: \(messages.isEmpty ? "it gave no reason" : list(messages))",
        hint: Self.buildHint(messages))
    case .engineRefused(let library, let reason):
      Diagnosis(
        .data, "\(library) can't open the engine: \(reason)", hint: "export it again with the library of this machine")
    case .unsupportedTensor(let name, let what):
      Diagnosis(.data, "the engine's tensor '\(name)' \(what)", expected: "row-major tensors in GPU memory")
    case .outsideProfiles(let input, let shape, let limits):
      Diagnosis(
        .data, "input '\(input)' is \(shape.map(String.init).joined(separator: "×"))",
        expected: "a shape from \(limits.joined(separator: ", or from "))",
        hint: "export the engine with a profile that holds this shape")
    }
  }

  private static func buildHint(_ messages: [String]) -> String? {
    let isOutOfWorkspace = messages.contains { $0.contains("OutOfMemory") || $0.contains("workspace") }
    return isOutOfWorkspace ? "raise the workspace limit" : nil
  }
}

/// At most eight entries, one a line when there are several.
private func list(_ entries: [String]) -> String {
  if entries.count == 1 { return entries[0] }
  let shown = entries.prefix(8).map { "\n  - \($0)" }.joined()
  return entries.count > 8 ? shown + "\n  - and \(entries.count - 8) more" : shown
}
