import Arguments
import Files

/// A MONAI bundle: a folder with `configs/`, `models/`, and perhaps `docs/` and a licence.
package struct Bundle: Sendable {
  /// The bundle's folder.
  package let path: String
  /// The config files in `configs/`, by name.
  package let configNames: [String]
  /// What metadata.json says; nil where there is none.
  package let metadata: Metadata?

  /// Opens the bundle in the folder `path`.
  /// - Throws: ``BundleError``; ``ConfigError`` for broken metadata.
  package init(path: String) throws {
    guard case .folder? = PathKind(path: path) else { throw BundleError.notAFolder(path: path) }
    let configs = Paths.join(path, "configs")
    guard case .folder? = PathKind(path: configs) else {
      throw BundleError.notABundle(path: path, found: Array(try Folders.names(in: path).prefix(10)))
    }
    self.path = path
    configNames = try Folders.names(in: configs).filter { name in
      [".json", ".yaml", ".yml"].contains { name.lowercased().hasSuffix($0) } && !name.hasPrefix("metadata.")
    }
    metadata = try Self.metadataFile(in: path).map { try Metadata(try ConfigTree.read($0), file: $0) }
  }

  /// Whether the folder looks like a bundle.
  package static func isBundle(_ path: String) -> Bool {
    if case .folder? = PathKind(path: Paths.join(path, "configs")) { return true }
    return false
  }

  private static func metadataFile(in path: String) -> String? {
    firstFile(in: path, ["configs/metadata.json", "configs/metadata.yaml", "configs/metadata.yml"])
  }

  private static func firstFile(in folder: String, _ candidates: [String]) -> String? {
    candidates.map { Paths.join(folder, $0) }.first { candidate in
      if case .file? = PathKind(path: candidate) { true } else { false }
    }
  }

  /// The file that describes the bundle; nil where there is none.
  package var metadataFile: String? { Self.metadataFile(in: path) }

  /// What `file` says, or the bundle's own metadata.
  /// - Throws: ``BundleError``, ``ConfigError``, `FileError`.
  package func metadata(_ file: String?) throws -> Metadata? {
    try file.map { try Metadata(try ConfigTree.read($0), file: $0) } ?? metadata
  }

  /// The bundle's own files that aren't configs; nil where absent.
  package var license: String? { Self.firstFile(in: path, ["LICENSE", "LICENSE.txt", "docs/LICENSE"]) }
  package var readme: String? { Self.firstFile(in: path, ["docs/README.md", "README.md"]) }
  /// The network as a program: TorchScript, or torch.export's archive.
  package var torchScript: String? { Self.firstFile(in: path, ["models/model.ts"]) }
  package var exportedProgram: String? { Self.firstFile(in: path, ["models/model.pt2"]) }

  /// The network as a program of either kind.
  package var program: String? { torchScript ?? exportedProgram }

  // MARK: Configs

  private static let inferenceConfigs = ["inference.json", "inference.yaml", "inference.yml"]

  /// The config files to merge: the given ones, else the bundle's inference config.
  /// - Parameter names: paths, or names of files in `configs/`.
  package func configFiles(_ names: [String]? = nil) throws -> [String] {
    guard let names else {
      guard let name = Self.inferenceConfigs.first(where: configNames.contains) else {
        throw BundleError.noConfig(path: path, searched: Self.inferenceConfigs, found: configNames)
      }
      return [Paths.join(path, "configs/\(name)")]
    }
    return try names.map { name in
      if case .file? = PathKind(path: name) { return name }
      let inside = Paths.join(Paths.join(path, "configs"), name)
      guard !name.contains("/"), case .file? = PathKind(path: inside) else {
        throw BundleError.noSuchConfig(name: name, bundle: path, found: configNames)
      }
      return inside
    }
  }

  /// The merged config with its overrides, ready to resolve.
  ///
  /// The metadata is the entry `_meta_`. A `bundle_root` of `.` (or none, or null) becomes the bundle's folder, as when
  /// MONAI is run inside it, unless an override sets it.
  /// - Throws: ``BundleError``, ``ConfigError``, `FileError`.
  package func configResolver(
    configFiles names: [String]? = nil, metaFile: String? = nil, overrides: [ConfigOverride] = [],
    environment: ConfigEnvironment = ConfigEnvironment()
  ) throws -> ConfigResolver {
    var tree = try ConfigTree(files: try configFiles(names))
    if let file = metaFile ?? Self.metadataFile(in: path) {
      try tree.apply(ConfigOverride(path: ConfigPath(keys: ["_meta_"]), value: try ConfigTree.read(file)))
    }
    try applyBundleRoot(to: &tree)
    for override in overrides { try tree.apply(override) }
    return ConfigResolver(tree: tree, folder: path, environment: environment, overridden: overrides.map(\.path))
  }

  private func applyBundleRoot(to tree: inout ConfigTree) throws {
    let place = ConfigPath(keys: ["bundle_root"])
    if let root = tree.value(at: place), root != .null {
      guard case .string(let folder) = root, folder.hasPrefix("."), Paths.normalized(folder) == "." else { return }
    }
    try tree.apply(ConfigOverride(path: place, value: .string(path)))
  }

  // MARK: The checkpoint

  /// The checkpoint that the config's `CheckpointLoader` reads, or one of its entries names, else
  /// `models/model.pt`. A checkpoint outside the bundle is accepted only where an override led to it.
  /// - Throws: ``BundleError/noCheckpoint(path:reason:)``, ``BundleError/checkpointOutside(path:entry:bundle:)``.
  package func checkpoint(of resolver: ConfigResolver) throws -> String {
    for entry in resolver.checkpointEntries {
      // An entry that can't be resolved here, say by an expression that is refused, doesn't name the file.
      guard let value = try? resolver.resolve(entry), case .string(let file) = value,
        [".pt", ".pth", ".safetensors", ".ckpt"].contains(where: file.hasSuffix)
      else { continue }
      guard Paths.isInside(file, path) || resolver.isOverridden(entry) else {
        throw BundleError.checkpointOutside(path: file, entry: entry, bundle: path)
      }
      guard case .file? = PathKind(path: file) else {
        throw BundleError.noCheckpoint(path: file, reason: "the config's '\(entry)' names a file that isn't there")
      }
      return file
    }
    guard let file = Self.firstFile(in: path, ["models/model.pt"]) else {
      throw BundleError.noCheckpoint(path: path, reason: "neither its config nor models/model.pt names one")
    }
    return file
  }
}
