package import Files
package import Tensors

/// A checkpoint: the weights of a network in a file, alone or beside what training needs to go on.
///
///     let weights = try Checkpoint.open(path: "models/model.pt").stateDict()
///     let kernel = weights["model.0.conv.weight"]
///
/// The file is mapped and its tensors are views of it; nothing in it is executed.
package struct Checkpoint: Sendable {
  enum Content: Sendable {
    case torch(TorchTensorReader)
    case safetensors(StateDict)
  }

  package let path: String
  let content: Content

  /// Finds out by the content what the file is, and reads its structure.
  /// - Throws: ``FileError`` when it can't be opened, ``ArchiveError`` when it is no checkpoint, damaged, or refers to
  ///   anything but tensors and plain data.
  package static func open(path: String) throws -> Checkpoint { try open(file: try MappedFile(path: path)) }

  /// The same of a file that is mapped already, or lies inside another one.
  package static func open(file: MappedFile) throws -> Checkpoint {
    let path = file.path
    switch try CheckpointKind(file: file) {
    case .checkpoint: return Checkpoint(path: path, content: .torch(try reader(ZipArchive(file: file))))
    case .safetensors: return Checkpoint(path: path, content: .safetensors(try Safetensors.read(file)))
    case .torchScript: throw ArchiveError.checkpoint(.torchScript, file: path)
    case .exportedProgram: throw ArchiveError.checkpoint(.exportedProgram, file: path)
    case .legacyPickle: throw ArchiveError.checkpoint(.legacyPickle, file: path)
    case .legacyTar: throw ArchiveError.checkpoint(.legacyTar, file: path)
    }
  }

  /// The weights.
  /// - Parameter key: as `--key-in-ckpt` has it: where the state dict stands, `a` or `a#b`; `#` is the root. Without
  ///   a key, the root or the only nested dictionary that holds tensors is taken.
  /// - Throws: ``ArchiveError`` when there is no state dict, or more than one to choose from, or a tensor is damaged.
  package func stateDict(key: String? = nil) throws -> StateDict {
    switch content {
    case .torch(let reader): return try StateDictFinder(reader: reader, file: path).stateDict(key: key)
    case .safetensors(let dict):
      guard let key, !key.isEmpty, key != StateDictFinder.rootKey else { return dict.withoutModulePrefix() }
      throw ArchiveError.checkpoint(.notNested(key: key), file: path)
    }
  }

  /// The tensors of the root dictionary by their keys, none when it has none.
  /// - Throws: ``ArchiveError`` when a tensor is damaged.
  package func rootTensors() throws -> [(name: String, tensor: Tensor)] {
    switch content {
    case .safetensors(let dict): return dict.tensors.map { ($0.key, $0.value) }
    case .torch(let reader):
      return try (reader.pickle.entries(of: reader.pickle.root) ?? []).compactMap { key, value in
        guard let name = key.string else { return nil }
        do {
          return try reader.tensor(value).map { (name, $0) }
        } catch let problem as TensorProblem {
          throw ArchiveError.tensor(problem, file: path, name: name)
        }
      }
    }
  }

  /// The entries of the root beside its tensors, described in a few words each: `epoch` and `12`.
  package var otherEntries: [(name: String, summary: String)] {
    guard case .torch(let reader) = content else { return [] }
    let pickle = reader.pickle
    return (pickle.entries(of: pickle.root) ?? []).filter { !reader.isTensor($0.value) }.map {
      ($0.key.string ?? pickle.summary(of: $0.key), pickle.summary(of: $0.value))
    }
  }

  // MARK: PyTorch's zip format

  private static func reader(_ archive: ZipArchive) throws -> TorchTensorReader {
    let file = archive.file.path
    let names = archive.entries.map(\.name).filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
    guard names.count == 1, let name = names.first else { throw ArchiveError.checkpoint(.severalPickles, file: file) }
    let folder = String(name.dropLast("data.pkl".count))
    try checkByteOrder(archive, folder)
    let pickle = try load(archive, name)
    return TorchTensorReader(pickle: pickle, storages: TorchStorages(archive: archive, prefix: folder + "data/"))
  }

  private static func load(_ archive: ZipArchive, _ name: String) throws -> Pickle {
    let storage = try archive.storage(named: name)
    do {
      return try withExtendedLifetime(storage) { try Unpickler.load(storage.bytes, globals: .checkpoint) }
    } catch let problem as PickleProblem {
      throw ArchiveError.pickle(problem, file: archive.file.path, entry: name)
    }
  }

  /// Archives of PyTorch before 2.1 have no `byteorder`; they were written on little-endian machines.
  private static func checkByteOrder(_ archive: ZipArchive, _ folder: String) throws {
    guard let entry = archive[folder + "byteorder"] else { return }
    let storage = try archive.storage(of: entry)
    let order = withExtendedLifetime(storage) { storage.bytes.text }
    if order == "little" { return }
    throw ArchiveError.checkpoint(order == "big" ? .bigEndian : .damagedByteOrder, file: archive.file.path)
  }
}
