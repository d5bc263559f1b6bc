import Archives
import Arguments
import Bundles
import Diagnostics
import Files
import Graphs
import Images
import Importers
import Networks
import OrderedCollections
import Tensors

/// What is inside a file or folder, as sections of facts.
package struct Inspection: Sendable, Encodable {
  package struct Fact: Sendable, Encodable {
    package var name: String
    package var value: String
  }

  package struct Section: Sendable, Encodable {
    package var title: String
    package var facts: [Fact]
  }

  package private(set) var kind = ""
  package private(set) var path: String
  package private(set) var sections: [Section] = []

  /// Looks into `path`.
  /// - Throws: what is wrong with it; `FileError` when nothing can be opened.
  package init(path: String, _ options: NetworkOptions) throws {
    self.path = path
    if case .file? = PathKind(path: path) {
      let start = try MappedFile(path: path).withBytes { Array($0.prefix(6)) }
      if start.starts(with: [0x93] + Array("NUMPY".utf8)) {
        try inspectArray()
      } else if Self.beginsLikeScan(start) {
        try inspectScan()
      } else {
        try inspectModel(options)
      }
    } else {
      try inspectModel(options)
    }
  }

  private mutating func inspectModel(_ options: NetworkOptions) throws {
    let model = try Model(path: path)
    kind = model.kind
    switch model {
    case .bundle(let bundle): try inspect(bundle, options)
    case .package(let package): inspect(package)
    case .checkpoint: try inspectCheckpoint(options.checkpointKey)
    case .torchScript(let path), .exportedProgram(let path): try inspectProgram(path)
    case .onnx(let path): try inspectONNX(path, options)
    }
  }

  /// gzip's mark, or the header sizes of NIfTI-1 and -2 in either byte order.
  private static func beginsLikeScan(_ start: [UInt8]) -> Bool {
    [[0x1f, 0x8b], [0x5c, 1, 0, 0], [0, 0, 1, 0x5c], [0x1c, 2, 0, 0], [0, 0, 2, 0x1c]].contains {
      start.starts(with: $0)
    }
  }

  mutating func add(_ title: String, _ facts: [(String, String?)]) {
    let present = facts.compactMap { name, value in value.map { Fact(name: name, value: $0) } }
    if !present.isEmpty { sections.append(Section(title: title, facts: present)) }
  }

  // MARK: Scans and arrays

  private mutating func inspectScan() throws {
    let header = try NIfTIHeader(path: path)
    kind = "NIfTI image"
    let affine = header.rectifiedAffine
    let rows = (0..<3).map { row in (0..<4).map { Self.number(affine[row, $0]) }.joined(separator: " ") }
    add(
      "geometry",
      [
        ("shape", header.shape.map(String.init).joined(separator: " × ")),
        ("spacing", affine.spacing.map(Self.number).joined(separator: " × ") + " mm"),
        ("orientation", try affine.axisCodes), ("affine", rows.joined(separator: "; ")),
        ("sform and qform codes", "\(header.sformCode), \(header.qformCode)"),
      ])
    add(
      "voxels",
      [
        ("type", "\(header.elementType)"),
        ("scaling", header.isScaled ? "\(header.slope) · v + \(header.intercept)" : "none"),
      ])
  }

  private mutating func inspectArray() throws {
    let tensor = try Npy.read(path: path)
    kind = "NumPy array"
    add("array", [("type", "\(tensor.elementType)"), ("shape", "\(tensor.shape)"), ("bytes", "\(tensor.byteCount)")])
  }

  // MARK: Models

  private mutating func inspectCheckpoint(_ key: String?) throws {
    let checkpoint = try Checkpoint.open(path: path)
    let weights = try checkpoint.stateDict(key: key)
    add(
      "weights",
      [
        ("state_dict", weights.key ?? "at the root"), ("tensors", "\(weights.count)"),
        ("parameters and buffers", "\(weights.parameterCount)"), ("bytes", "\(weights.byteCount)"),
      ])
    add("tensors", weights.rows.map { ($0.name, "\($0.elementType) \($0.shape)\($0.isContiguous ? "" : ", strided")") })
    add("beside the weights", checkpoint.otherEntries.map { ($0.name, $0.summary) })
  }

  private mutating func inspectProgram(_ path: String) throws {
    guard let program = try ImportablePrograms.open(try MappedFile(path: path)) else {
      throw ModelError.notSupported(kind: kind, path: path)
    }
    add(
      "program",
      [("class", program.className), ("parameters and buffers", "\(program.parameterCount)")]
        + program.facts.map { ($0.name, $0.value) })
    add("inputs", try program.declaredInputs()?.map { ($0.name, "\($0.type)") } ?? [])
  }

  /// The file's own words, and what becomes of its operators here.
  private mutating func inspectONNX(_ path: String, _ options: NetworkOptions) throws {
    let reader = try ONNXReader(path: path)
    add(
      "model",
      [("graph", reader.className), ("numbers in initializers", "\(reader.parameterCount)")]
        + reader.facts.map { ($0.name, $0.value) })
    add("inputs", reader.inputs.map { ($0.name, $0.description) })
    do {
      let graph = try NetworkSource(.onnx(path: path), options).graph()
      let counts = Dictionary(graph.nodes.map { ($0.operator, 1) }, uniquingKeysWith: +)
      let operators = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      add(
        "graph",
        [
          ("nodes", "\(graph.nodes.count)"), ("constants", "\(graph.constantByteCount) bytes"),
          ("operators", operators.map { "\($0.key) \($0.value)" }.joined(separator: ", ")),
        ] + graph.outputs.map { ("output \($0.name)", "\(graph.type(of: $0.value))") })
    } catch let error as any DiagnosedError {
      add("graph", [("can't be used", error.diagnosis.line)])
    }
  }

  private mutating func inspect(_ bundle: Bundle, _ options: NetworkOptions) throws {
    let metadata = bundle.metadata
    add("bundle", [("name", metadata?.name), ("version", metadata?.version), ("task", metadata?.task)])
    let config = try ModelConfig(.bundle(bundle), options)
    inspectNetwork(config, bundle, options)
    for id in ["preprocessing", "inferer", "postprocessing"] {
      let isThere = config.resolver.contains(id)
      add(
        id, isThere ? PipelineStep.steps(of: id, config).map(Self.fact) : [("missing", "the config has no such entry")])
    }
    add("expressions that aren't evaluated", RefusedExpression.all(in: config).map { ($0.path, $0.reason) })
    if let output = metadata?.outputs.first {
      let isSegmentation = output.format == "segmentation"
      add(isSegmentation ? "labels" : "output channels", output.channelNames.map { ("\($0.key)", $0.value) })
    }
  }

  private mutating func inspectNetwork(_ config: ModelConfig, _ bundle: Bundle, _ options: NetworkOptions) {
    do {
      let source = try NetworkSource(config, checkpoint: options.checkpointFile, options, bundle)
      let shape = source.inputShape.map { "\($0.shape.map(String.init).joined(separator: "×")), from \($0.origin)" }
      switch source.content {
      case .definition(let definition, let weights):
        add(
          "network",
          [
            ("class", definition.target), ("arguments", Self.text(definition)), ("checkpoint", weights.source),
            ("parameters and buffers", "\(weights.parameterCount)"), ("input shape", shape),
          ])
      case .program(let program):
        add(
          "network",
          [
            ("class", program.className), (program.kind, program.path),
            ("parameters and buffers", "\(program.parameterCount)"), ("input shape", shape),
          ])
      }
    } catch {
      // What the config says of it is worth seeing without its weights too.
      let definition = try? config.component(options.networkID)
      add(
        "network",
        [
          ("class", definition?.target), ("arguments", definition.map(Self.text)),
          ("can't be used", PipelineStep.diagnosis(of: error).line),
        ])
    }
  }

  /// A step with its arguments, and what is wrong with it.
  private static func fact(_ step: PipelineStep) -> (String, String?) {
    let arguments = step.component.map(text) ?? ""
    guard let problem = step.problem else { return (step.name, step.isDisabled ? "disabled" : arguments) }
    let place = problem.location.isEmpty ? "" : ", at \(problem.location.joined(separator: ", "))"
    return (step.name, "refused: \(problem.what)\(place)" + (arguments.isEmpty ? "" : "  [\(arguments)]"))
  }

  private static func text(_ component: Component) -> String {
    component.arguments.map { "\($0.key)=\($0.value.text)" }.joined(separator: ", ")
  }

  private static func number(_ value: Double) -> String {
    let rounded = (value * 10_000).rounded() / 10_000
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }

  /// The sections as text.
  package var text: String {
    var lines = ["\(path): \(kind)"]
    for section in sections {
      lines.append("\n\(section.title)")
      let width = min(40, section.facts.map(\.name.count).max() ?? 0)
      for fact in section.facts {
        lines.append("  \(fact.name)\(String(repeating: " ", count: max(0, width - fact.name.count)))  \(fact.value)")
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension PlainValue {
  /// The value with short lists and dictionaries written out.
  fileprivate var text: String {
    switch self {
    case .list(let items) where items.count <= 8: "[\(items.map(\.text).joined(separator: ", "))]"
    case .dictionary(let entries) where entries.count <= 8:
      "{\(entries.map { "'\($0.key)': \($0.value.text)" }.joined(separator: ", "))}"
    default: summary
    }
  }
}
