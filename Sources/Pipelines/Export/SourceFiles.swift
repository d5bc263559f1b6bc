import Bundles
import Engines
import Files
import Foundation
import Graphs

/// The files that an exported network depends on, with their content's hashes, and those that go into its package.
struct SourceFiles {
  /// Configs, metadata and weights, by absolute path.
  let files: [PackageManifest.File]
  /// What is copied: the place in the package, and where it comes from.
  let copies: [(path: String, origin: String)]
  /// The package's configs to merge, below `configs/`.
  let configs: [String]

  /// - Throws: what is wrong with the bundle or config; `FileError`.
  init(_ model: Model, _ options: NetworkOptions) throws {
    switch model {
    case .torchScript(let path), .exportedProgram(let path):
      // A program depends on nothing else.
      files = [try Self.file(Self.absolute(path))]
      copies = []
      configs = []
      return
    case .onnx(let path):
      let folder = Paths.parent(of: path)
      let external = try ONNXReader(path: path).externalFiles.map { try Paths.resolve($0, inside: folder) }
      files = try ([path] + external).map { try Self.file(Self.absolute($0)) }
      copies = []
      configs = []
      return
    default: break
    }
    let config = try ModelConfig(model, options)
    var used: [String]
    var copied: [(path: String, origin: String)] = []
    let configFiles: [String]
    switch model {
    case .bundle(let bundle):
      configFiles = try bundle.configFiles(options.configFiles)
      let source = try NetworkSource(config, checkpoint: options.checkpointFile, options, bundle)
      used = configFiles + [source.weightsFile]
      copied = try Self.tree("configs", of: bundle.path) + Self.tree("docs", of: bundle.path)
      if case .file? = PathKind(path: Paths.join(bundle.path, "LICENSE")) {
        copied.append(("LICENSE", Paths.join(bundle.path, "LICENSE")))
      }
      used += copied.filter { Paths.name(of: $0.path).hasPrefix("metadata.") }.map(\.origin)
    default:
      configFiles = options.configFiles ?? []
      used = configFiles + [options.checkpointFile ?? model.path]
    }
    var places: [String] = []
    for file in configFiles + (options.metaFile.map { [$0] } ?? []) {
      let isMetadata = file == options.metaFile
      let place = "configs/" + (isMetadata ? "metadata.json" : Paths.name(of: file))
      copied.removeAll { $0.path == place }
      copied.append((place, file))
      if !isMetadata { places.append(Paths.name(of: file)) }
    }
    if let file = options.metaFile { used.append(file) }
    var seen = Set<String>()
    files = try used.map(Self.absolute).filter { seen.insert($0).inserted }.map(Self.file)
    copies = copied.sorted { $0.path < $1.path }
    configs = places
  }

  private static func file(_ path: String) throws -> PackageManifest.File {
    let file = try MappedFile(path: path)
    return PackageManifest.File(path: path, bytes: file.bytes.count, sha256: file.withBytes { ContentHash($0) })
  }

  static func absolute(_ path: String) -> String {
    Paths.normalized(Paths.join(FileManager.default.currentDirectoryPath, path))
  }

  /// The regular files in the bundle's folder `name`, one level deep and of a size that documents have.
  private static func tree(_ name: String, of bundle: String) throws -> [(path: String, origin: String)] {
    let folder = Paths.join(bundle, name)
    guard case .folder? = PathKind(path: folder) else { return [] }
    return try Folders.names(in: folder).compactMap { file in
      let origin = Paths.join(folder, file)
      guard PathKind(path: origin) == .file, let size = FileSize.bytes(of: origin), size <= 16 << 20 else { return nil }
      return ("\(name)/\(file)", origin)
    }
  }
}
