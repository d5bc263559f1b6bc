import Archives
package import Bundles
package import Diagnostics
package import Engines
import Files

/// What a path on the command line leads to, found out by its content.
package enum Model: Sendable {
  case bundle(Bundle)
  /// An engine that was exported, with the bundle's configs.
  case package(EnginePackage)
  /// Weights alone; a config tells the network.
  case checkpoint(path: String)
  case torchScript(path: String)
  case exportedProgram(path: String)
  case onnx(path: String)

  /// - Throws: `FileError` when nothing can be opened there, ``ModelError/notAModel(path:reason:)``, or what is wrong
  ///   with the bundle or archive.
  package init(path: String) throws {
    // A package whose replacement was cut short is put back.
    AtomicFolder.recover(path)
    switch PathKind(path: path) {
    case .folder where EnginePackage.isPackage(path): self = .package(try EnginePackage(path: path))
    case .folder: self = .bundle(try Bundle(path: path))
    case .file: self = try Self.file(path)
    case .other: throw FileError.notARegularFile(path: path)
    case nil: throw FileError.cannotOpen(path: path, reason: "no such file or folder")
    }
  }

  private static func file(_ path: String) throws -> Model {
    let file = try MappedFile(path: path)
    if file.withBytes(looksLikeONNX) { return .onnx(path: path) }
    switch try CheckpointKind(file: file) {
    case .checkpoint, .safetensors: return .checkpoint(path: path)
    case .torchScript: return .torchScript(path: path)
    case .exportedProgram: return .exportedProgram(path: path)
    // Opening it says what is wrong with it, and how to mend that.
    case .legacyPickle, .legacyTar: return .checkpoint(path: path)
    }
  }

  /// An ONNX file begins with the field `ir_version`, a small number, and goes on with another field of the model.
  private static func looksLikeONNX(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > 16 && bytes[0] == 0x08 && (1...15).contains(bytes[1]) && [0x12, 0x1a, 0x3a, 0x42].contains(bytes[2])
  }

  /// What it is, for people.
  package var kind: String {
    switch self {
    case .bundle: "MONAI bundle"
    case .package: "engine package"
    case .checkpoint: "checkpoint"
    case .torchScript: "TorchScript program"
    case .exportedProgram: "torch.export program"
    case .onnx: "ONNX model"
    }
  }

  package var path: String {
    switch self {
    case .bundle(let bundle): bundle.path
    case .package(let package): package.path
    case .checkpoint(let path), .torchScript(let path), .exportedProgram(let path), .onnx(let path): path
    }
  }
}

/// A path can't serve as the model that a command needs.
package enum ModelError: DiagnosedError, Equatable {
  case notSupported(kind: String, path: String)
  case needsConfig(path: String)
  case missingEntry(id: String, config: String)
  case notAComponent(id: String, found: String)
  case unknownShape(network: String, reason: String)
  /// The shape given for an input behind the first isn't the input's.
  case wrongFurtherInput(network: String, input: String, expected: String, found: [Int])
  case notABundle(kind: String, path: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .notSupported(let kind, let path):
      Diagnosis(
        .data, "this version can't import a model of this kind: \(kind)", at: path,
        expected: "a MONAI bundle, a checkpoint with its config, or a program (.ts, .pt2)",
        hint: "give the bundle's folder, or the checkpoint with --config-file")
    case .needsConfig(let path):
      Diagnosis(
        .usage, "a checkpoint alone doesn't say which network it belongs to", at: path,
        hint: "add --config-file with the config that holds its network_def")
    case .missingEntry(let id, let config):
      Diagnosis(
        .data, "the config has no entry '\(id)'", at: config, hint: "name the right entry, or add it with --set")
    case .notAComponent(let id, let found):
      Diagnosis(.data, "'\(id)' is \(found)", at: id, expected: "an entry with a _target_")
    case .unknownShape(let network, let reason):
      Diagnosis(
        .usage, "the input shape of \(network) isn't known: \(reason)",
        hint: "give it with --input-shape, for example --input-shape 1,1,96,96,96")
    case .wrongFurtherInput(let network, let input, let expected, let found):
      Diagnosis(
        .usage, "\(network)'s \(input) isn't of the shape \(found)", expected: expected,
        hint: "give --further-input once for each input behind the first, in their order")
    case .notABundle(let kind, let path):
      Diagnosis(.usage, "a \(kind) has no pre- and post-processing", at: path, expected: "a MONAI bundle's folder")
    }
  }
}
