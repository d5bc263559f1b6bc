import Archives
import Bundles
import Diagnostics
package import Files
package import Graphs

/// A network as a program of PyTorch, which becomes a graph for any input that it takes.
package protocol ImportableProgram: Sendable {
  /// The file.
  var path: String { get }
  /// `TorchScript program`, `torch.export program`.
  var kind: String { get }
  /// The class of the network.
  var className: String { get }
  /// How many numbers its parameters, buffers and constants hold.
  var parameterCount: Int { get }
  /// Versions and other facts for people.
  var facts: [(name: String, value: String)] { get }

  /// The inputs as the program declares them; nil for a program that doesn't.
  /// - Throws: ``ImportError``.
  func declaredInputs() throws -> [(name: String, type: TensorType)]?

  /// The program as a graph: inputs `input_0` …, outputs `output_0` ….
  /// - Throws: ``ImportError``, `GraphError`, located in the file and at the module that calls the operator.
  func graph(_ options: ImportOptions) throws -> Graph
}

extension ImportableProgram {
  /// The program as a graph, as ``graph(_:)``; where it only converts for a fixed batch, the error says so.
  /// - Parameter batch: The batch of the input's shape.
  package func graph(_ options: ImportOptions, batch: Int?) throws -> Graph {
    do {
      return try graph(options)
    } catch let error as any DiagnosedError {
      let isOpen = options.inputs.contains { $0.shape.contains { $0.constant == nil } }
      guard let batch, isOpen, !(error.diagnosis.hint ?? "").contains("--static-batch") else { throw error }
      var fixed = options
      fixed.inputs = options.inputs.map { type in
        TensorType(type.elementType, type.shape.map { $0.substituting(["batch": Dimension(batch)]) })
      }
      guard (try? graph(fixed)) != nil else { throw error }
      throw ImportError.fixedBatch(batch, error.diagnosis)
    }
  }
}

/// The programs that can be imported.
package enum ImportablePrograms {
  /// Opens the program in `file`; nil when the file is a checkpoint.
  /// - Throws: `ArchiveError`, ``ImportError``.
  package static func open(_ file: MappedFile) throws -> (any ImportableProgram)? {
    switch try CheckpointKind(file: file) {
    case .exportedProgram: return try ExportedProgram(ZipArchive(file: file))
    case .torchScript: return try TorchScriptProgram(ZipArchive(file: file))
    default: return nil
    }
  }
}

extension ExportedProgram: ImportableProgram {
  package var kind: String { "torch.export program" }

  package var facts: [(name: String, value: String)] {
    [("schema", schemaVersion)] + (torchVersion.map { [("PyTorch", $0)] } ?? [])
  }

  package func declaredInputs() throws -> [(name: String, type: TensorType)]? { try located(path) { try inputTypes() } }
}
