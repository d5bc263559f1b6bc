package import Diagnostics
package import Files
import Foundation

/// An engine with everything about it: a MONAI bundle's folder that also holds `package.json` and `models/engine.*`.
package struct EnginePackage: Sendable {
  package static let manifestName = "package.json"
  /// A manifest has a few kB; more isn't read.
  private static let manifestLimit = 4 << 20

  package let path: String
  package let manifest: PackageManifest

  /// Whether the folder holds a package.
  package static func isPackage(_ path: String) -> Bool {
    PathKind(path: Paths.join(path, manifestName)) == .file
  }

  /// Opens the package in the folder `path`.
  /// - Throws: ``EnginePackageError``, `FileError`.
  package init(path: String) throws {
    AtomicFolder.recover(path)
    let file = Paths.join(path, Self.manifestName)
    let data = try MappedFile(path: file).withBytes { bytes in
      guard bytes.count <= Self.manifestLimit else {
        throw EnginePackageError.badManifest(file: file, reason: "it has \(bytes.count) bytes")
      }
      return Data(bytes)
    }
    let version: FormatVersion
    do {
      version = try JSONDecoder().decode(FormatVersion.self, from: data)
    } catch {
      throw EnginePackageError.badManifest(file: file, reason: Self.reason(error))
    }
    guard version.format == PackageManifest.currentFormat else {
      throw EnginePackageError.unknownFormat(file: file, found: version.format)
    }
    do {
      manifest = try JSONDecoder().decode(PackageManifest.self, from: data)
    } catch {
      throw EnginePackageError.badManifest(file: file, reason: Self.reason(error))
    }
    self.path = path
    for file in manifest.files + [manifest.engine] + (manifest.onnx.map { [$0] } ?? []) {
      _ = try Paths.resolve(file.path, inside: path)
    }
    try checkTensors(file)
  }

  private struct FormatVersion: Decodable { var format: Int }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _): "it has no entry '\(key.stringValue)'"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' is of the wrong kind"
    default: "it isn't JSON"
    }
  }

  /// Shapes that contradict each other would only be noticed deep in a run.
  private func checkTensors(_ file: String) throws {
    for tensor in manifest.inputs + manifest.outputs {
      let shapes = [tensor.minimum, tensor.optimum, tensor.maximum]
      guard shapes.allSatisfy({ $0.count == tensor.optimum.count && $0.allSatisfy { $0 > 0 && $0 < 1 << 31 } }),
        zip(tensor.minimum, tensor.maximum).allSatisfy({ $0 <= $1 })
      else { throw EnginePackageError.badManifest(file: file, reason: "the shapes of '\(tensor.name)' are impossible") }
    }
    guard !manifest.inputs.isEmpty, !manifest.outputs.isEmpty else {
      throw EnginePackageError.badManifest(file: file, reason: "it names no inputs or no outputs")
    }
  }

  /// The engine's bytes, as long as the file has the recorded size.
  /// - Throws: ``EnginePackageError/changedEngine(file:found:expected:)``, `FileError`.
  package func engineFile() throws -> MappedFile {
    let file = try MappedFile(path: try Paths.resolve(manifest.engine.path, inside: path))
    guard file.bytes.count == manifest.engine.bytes else {
      throw EnginePackageError.changedEngine(file: file.path, found: file.bytes.count, expected: manifest.engine.bytes)
    }
    return file
  }

  /// The path of the ONNX model, where the package keeps one.
  package var onnxPath: String? { manifest.onnx.flatMap { try? Paths.resolve($0.path, inside: path) } }

  /// The copied files whose content isn't what it was when the engine was exported, or that are gone.
  package func editedFiles() -> [String] {
    manifest.files.filter { file in
      guard let place = try? Paths.resolve(file.path, inside: path), let hash = try? ContentHash(file: place) else {
        return true
      }
      return hash != file.sha256
    }.map(\.path)
  }

  /// Whether the engine's own content is what was exported. Reads all of it.
  package func isEngineIntact() throws -> Bool {
    try engineFile().withBytes { ContentHash($0) } == manifest.engine.sha256
  }

  /// Whether the folder `path` may be replaced by a package: nothing is there, or a package.
  /// - Throws: ``EnginePackageError/occupied(path:)``.
  package static func requireReplaceable(_ path: String) throws {
    AtomicFolder.recover(path)
    guard let kind = PathKind(path: path) else { return }
    if kind == .folder, try isPackage(path) || Folders.names(in: path).isEmpty { return }
    throw EnginePackageError.occupied(path: path)
  }
}

extension PackageManifest {
  /// The manifest as it stands in the file: JSON with sorted keys.
  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(self)) + [0x0a]
  }
}

/// An engine package can't be read, written or used.
package enum EnginePackageError: DiagnosedError, Equatable {
  case badManifest(file: String, reason: String)
  case unknownFormat(file: String, found: Int)
  case changedEngine(file: String, found: Int, expected: Int)
  case occupied(path: String)
  case needsGPU(package: String, library: String, reason: String)
  case otherShape(package: String, found: [Int], minimum: [Int], maximum: [Int])
  case noNetwork(package: String, reason: String)
  case unknownTarget(package: String, target: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .badManifest(let file, let reason):
      Diagnosis(.data, "this is no manifest of an engine package: \(reason)", at: file, hint: "export the engine again")
    case .unknownFormat(let file, let found):
      Diagnosis(
        .data, "the engine package is of format \(found)", at: file,
        expected: "format \(PackageManifest.currentFormat)",
        hint: "export it again with this version of martlet")
    case .changedEngine(let file, let found, let expected):
      Diagnosis(
        .data, "the engine has \(found) bytes", at: file, expected: "\(expected) bytes, as package.json says",
        hint: "the file was cut or replaced; export it again")
    case .occupied(let path):
      Diagnosis(
        .cantCreate, "something that is no engine package is in the way", at: path,
        hint: "choose another --output, or remove it yourself")
    case .needsGPU(let package, let library, let reason):
      Diagnosis(
        .unavailable, "the engine runs with \(library) on an NVIDIA GPU, and \(reason)", at: package,
        hint: "run it on a machine with a GPU, or run the package's network on the CPU with --runtime openvino")
    case .otherShape(let package, let found, let minimum, let maximum):
      Diagnosis(
        .data, "the engine is asked for inputs of \(found.map(String.init).joined(separator: "×"))", at: package,
        expected: minimum == maximum
          ? minimum.map(String.init).joined(separator: "×")
          : "\(minimum.map(String.init).joined(separator: "×")) to \(maximum.map(String.init).joined(separator: "×"))",
        hint: "the package was exported for another window; export it again, or set the inferer's roi_size")
    case .noNetwork(let package, let reason):
      Diagnosis(
        .unavailable, "the package's network can't be run on the CPU: \(reason)", at: package,
        hint: "export it with --keep-onnx, or name the bundle or checkpoint that it was made from")
    case .unknownTarget(let package, let target):
      Diagnosis(
        .data, "the engine is for '\(target)', which this version doesn't know", at: package,
        hint: "use the version of martlet that exported it")
    }
  }
}
