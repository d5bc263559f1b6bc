package import Archives
import Bundles
import Diagnostics
import Files
package import Graphs
import OrderedCollections
import Tensors

/// A program of `torch.export`: a graph of ATen operators as JSON, with weights.
///
///     let program = try ExportedProgram(ZipArchive(file: file))
///     let graph = try program.graph(ImportOptions())
package struct ExportedProgram: Sendable {
  /// The file.
  package let path: String
  private let archive: ExportedProgramArchive
  private let graphModule: ConfigValue
  private let nodes: [ConfigValue]

  /// - Throws: `ArchiveError`, `ConfigError`, ``ImportError``.
  package init(_ archive: ZipArchive) throws {
    path = archive.file.path
    let content = try located(path) { try ExportedProgramArchive(archive) }
    self.archive = content
    guard let module = content.program.child("graph_module"), let nodes = module.child("graph")?.child("nodes")?.list,
      module.child("signature")?.child("input_specs")?.list != nil
    else {
      throw LocatedError(
        ImportError.malformed(
          reason: "the program has no graph_module with nodes and a signature",
          expected: "a program of torch.export, schema 8"), at: path)
    }
    graphModule = module
    self.nodes = nodes
  }

  /// The version of torch.export's schema, `8.20`.
  package var schemaVersion: String {
    let version = archive.program.child("schema_version")
    if let number = version?.integer { return "\(number)" }
    return "\(version?.child("major")?.integer ?? 0).\(version?.child("minor")?.integer ?? 0)"
  }

  /// The version of PyTorch that wrote it.
  package var torchVersion: String? { archive.program.child("torch_version")?.text }

  /// How many numbers its parameters, buffers and constants hold.
  package var parameterCount: Int { archive.tensors.values.reduce(0) { $0 + $1.count } }

  /// The class of the exported module: the first of the module stack.
  package var className: String {
    for node in nodes {
      let stack = node.child("metadata")?.child("nn_module_stack")?.text ?? ""
      let fields = stack.split(separator: ";").first.map { $0.split(separator: ",", omittingEmptySubsequences: false) }
      if let fields, fields.count == 3, fields[1].isEmpty, let name = fields[2].split(separator: ".").last {
        return String(name)
      }
    }
    return "ExportedProgram"
  }

  // MARK: Inputs

  /// The inputs as the program declares them, its own symbols for open extents.
  /// - Throws: ``ImportError``.
  func inputTypes() throws -> [(name: String, type: TensorType)] {
    try userInputs.compactMap { argument in
      guard let name = argument.child("as_tensor")?.child("name")?.text else { return nil }
      return (name, try declaredType(name))
    }
  }

  private var userInputs: [ConfigValue] {
    let specifications = graphModule.child("signature")?.child("input_specs")?.list ?? []
    return specifications.compactMap { $0.child("user_input")?.child("arg") }
  }

  private func declaredType(_ name: String) throws -> TensorType {
    guard let value = graphModule.child("graph")?.child("tensor_values")?.child(name),
      let number = value.child("dtype")?.integer, let sizes = value.child("sizes")?.list
    else { throw ImportError.malformed(reason: "the input '\(name)' has no type", expected: nil) }
    guard let type = ExportedScalarType.elementType(number) else {
      throw ImportError.notSupported(reason: "the input '\(name)' isn't of a real element type", hint: nil)
    }
    return TensorType(type, try sizes.map(SymbolicSize.dimension))
  }

  /// What each symbol of the inputs stands for: the batch stays open, spatial ones get the given extents.
  private func bindings(_ declared: [TensorType], _ given: [TensorType]) throws -> [String: Dimension] {
    var bindings: [String: Dimension] = [:]
    if let symbol = declared.first?.shape.first?.symbol {
      bindings[symbol] = given.first?.shape.first.flatMap { $0.constant.map { Dimension($0) } } ?? Dimension("batch")
    }
    for (index, type) in declared.enumerated() {
      for (axis, extent) in type.shape.enumerated() {
        guard let symbol = extent.symbols.first else {
          try check(index, axis, extent, given)
          continue
        }
        if bindings[symbol] != nil { continue }
        guard extent.symbols.count == 1, let number = size(index, axis, given) else {
          throw ImportError.wrongInput(
            reason: "axis \(axis) of input \(index) is open (\(extent)) and no size is given for it",
            expected: "the size of \(type)")
        }
        // extent = a · symbol + b
        let offset = extent.evaluated([symbol: 0]) ?? 0
        let slope = (extent.evaluated([symbol: 1]) ?? 0) - offset
        guard slope != 0, (number - offset) % slope == 0, (number - offset) / slope > 0 else {
          throw ImportError.wrongInput(
            reason: "axis \(axis) of input \(index) is \(number)", expected: "a number of the form \(extent)")
        }
        let value = (number - offset) / slope
        try checkRange(symbol, value)
        bindings[symbol] = Dimension(value)
      }
    }
    return bindings
  }

  private func size(_ index: Int, _ axis: Int, _ given: [TensorType]) -> Int? {
    index < given.count && axis < given[index].shape.count ? given[index].shape[axis].constant : nil
  }

  private func check(_ index: Int, _ axis: Int, _ extent: Dimension, _ given: [TensorType]) throws {
    guard axis > 0, let number = size(index, axis, given), Dimension(number) != extent else { return }
    throw ImportError.wrongInput(
      reason: "axis \(axis) of input \(index) is \(number)",
      expected: "\(extent), for which the network was exported")
  }

  private func checkRange(_ symbol: String, _ value: Int) throws {
    guard let range = archive.program.child("range_constraints")?.child(symbol) else { return }
    let lower = range.child("min_val")?.integer ?? .min
    let upper = range.child("max_val")?.integer ?? .max
    guard lower <= upper, !(lower...upper).contains(value) else { return }
    throw ImportError.wrongInput(
      reason: "the size \(symbol) is \(value)", expected: "\(lower) to \(upper), for which the network was exported")
  }

  // MARK: The graph

  /// The program as a graph. The batch stays open where the program leaves it open.
  /// - Throws: ``ImportError``, `GraphError`, located in the file and at the module that calls the operator.
  package func graph(_ options: ImportOptions) throws -> Graph {
    try located(path) {
      try checkOperators()
      let writer = ProgramWriter(name: className)
      var values = try arguments(writer, options)
      for node in nodes { try ExportedNode(node).run(writer, &values) }
      try declareOutputs(writer, values)
      writer.graph.removeUnusedNodes()
      try writer.graph.verify()
      return writer.graph
    }
  }

  /// All operators that the table lacks, at once.
  private func checkOperators() throws {
    var missing: OrderedDictionary<String, [String]> = [:]
    var pending = Array(nodes.map(ExportedNode.init).reversed())
    while let node = pending.popLast() {
      if !node.isSupported { missing[node.target, default: []].append(node.place) }
      pending += node.inner.reversed()
    }
    guard missing.isEmpty else {
      throw ImportError.unsupportedOperators(
        missing.map { UnsupportedOperator(name: $0.key, places: $0.value) })
    }
  }

  private func arguments(_ writer: ProgramWriter, _ options: ImportOptions) throws -> [String: ProgramValue] {
    let declared = try inputTypes()
    guard !declared.isEmpty else { throw ImportError.notSupported(reason: "the program takes no tensor", hint: nil) }
    let bindings = try bindings(declared.map(\.type), options.inputs)
    var values: [String: ProgramValue] = [:]
    var count = 0
    for specification in graphModule.child("signature")?.child("input_specs")?.list ?? [] {
      guard let (kind, content) = specification.union else {
        throw ImportError.malformed(reason: "an input's specification has no kind", expected: nil)
      }
      switch kind {
      case "user_input":
        guard let argument = content.child("arg") else { continue }
        guard let name = argument.child("as_tensor")?.child("name")?.text else { continue }
        var type = try declaredType(name)
        type.shape = type.shape.map { $0.substituting(bindings) }
        values[name] = .tensor(ProgramTensor(try writer.graph.input("input_\(count)", type)))
        count += 1
      case "parameter", "buffer", "tensor_constant":
        let key = content.child("\(kind)_name")?.text
        guard let name = content.child("arg")?.child("name")?.text, let key else {
          throw ImportError.malformed(reason: "a \(kind) has no name", expected: nil)
        }
        guard let tensor = archive.tensors[key] else {
          throw ImportError.malformed(
            reason: "the archive has no data for the \(kind) '\(key.prefix(200))'", expected: nil)
        }
        values[name] = .tensor(ProgramTensor(writer.graph.constant(tensor, name: key)))
      case "token", "constant_input": continue
      default:
        throw ImportError.notSupported(
          reason: "the program has an input of the kind '\(kind.prefix(40))'", hint: "export plain tensors only")
      }
    }
    return values
  }

  private func declareOutputs(_ writer: ProgramWriter, _ values: [String: ProgramValue]) throws {
    var count = 0
    for specification in graphModule.child("signature")?.child("output_specs")?.list ?? [] {
      guard let argument = specification.child("user_output")?.child("arg") else { continue }
      guard let name = argument.child("as_tensor")?.child("name")?.text else { continue }
      guard case .tensor(let tensor)? = values[name] else {
        throw ImportError.malformed(reason: "the output '\(name.prefix(200))' is never computed", expected: nil)
      }
      try writer.graph.output(tensor.value(writer), name: "output_\(count)")
      count += 1
    }
    guard count > 0 else { throw ImportError.notSupported(reason: "the program gives no tensor", hint: nil) }
  }
}
