package import Archives
import Diagnostics
import Files
package import Graphs
import PythonSyntax
import Tensors

/// A TorchScript program: traced or scripted modules with their weights.
///
///     let program = try TorchScriptProgram(ZipArchive(file: file))
///     let graph = try program.graph(ImportOptions(inputs: [TensorType(.float32, [Dimension("batch"), 1, 96, 96, 96])]))
package struct TorchScriptProgram: ImportableProgram {
  package let path: String
  package let kind = "TorchScript program"
  package let className: String
  package let parameterCount: Int
  package let facts: [(name: String, value: String)]
  private let archive: ZipArchive

  /// - Throws: `ArchiveError`, ``ImportError``.
  package init(_ archive: ZipArchive) throws {
    self.archive = archive
    path = archive.file.path
    let content = try located(archive.file.path) { try TorchScriptArchive(archive) }
    guard let root = content.rootClass, root.hasPrefix("__torch__.") else {
      throw LocatedError(
        ImportError.malformed(reason: "the archive's root is no module", expected: "a module of TorchScript"),
        at: archive.file.path)
    }
    className = String(root.split(separator: ".").last ?? "")
    facts = [("format", "version \(content.version)")]
    // The storages of data/ hold the parameters and buffers, four bytes each as a rule.
    parameterCount = try located(archive.file.path) {
      let writer = ProgramWriter(name: "")
      _ = try TorchScriptObjects(content.objects, writer).value(content.objects.pickle.root, path: "")
      return writer.constantCount
    }
  }

  package func declaredInputs() throws -> [(name: String, type: TensorType)]? { nil }

  package func graph(_ options: ImportOptions) throws -> Graph {
    try located(path) {
      guard !options.inputs.isEmpty else {
        throw ImportError.wrongInput(
          reason: "a TorchScript program doesn't tell the shape of its input", expected: "the shape of each input")
      }
      let interpreter = try TorchScriptInterpreter(TorchScriptArchive(archive), ProgramWriter(name: className))
      let writer = interpreter.writer
      let arguments = try options.inputs.enumerated().map { index, type in
        ProgramValue.tensor(ProgramTensor(try writer.graph.input("input_\(index)", type)))
      }
      let result = try interpreter.run(arguments)
      var outputs: [ProgramTensor] = []
      try collect(result, into: &outputs)
      guard !outputs.isEmpty else { throw ImportError.notSupported(reason: "the program gives no tensor", hint: nil) }
      for (index, output) in outputs.enumerated() {
        try writer.graph.output(output.value(writer), name: "output_\(index)")
      }
      writer.graph.removeUnusedNodes()
      try writer.graph.verify()
      return writer.graph
    }
  }

  /// The tensors of lists, tuples and dictionaries in their order.
  private func collect(_ value: ProgramValue, into outputs: inout [ProgramTensor]) throws {
    switch value {
    case .tensor(let tensor): outputs.append(tensor)
    case .list, .tuple: for item in value.items ?? [] { try collect(item, into: &outputs) }
    case .dictionary(let dictionary): for (_, item) in dictionary.entries { try collect(item, into: &outputs) }
    case .none, .bool, .int, .double, .string, .device: break
    default: throw ImportError.notSupported(reason: "the program gives a \(value.typeName)", hint: nil)
    }
  }
}
