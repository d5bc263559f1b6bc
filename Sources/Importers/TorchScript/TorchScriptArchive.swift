import Archives
import Files
import PythonSyntax
import Tensors

/// The archive that `torch.jit.save` writes: the module tree as a pickle, its tensors, and its code as Python text.
///
/// Nothing of the code is run as code; ``TorchScriptInterpreter`` follows it symbolically.
struct TorchScriptArchive {
  let path: String
  private let archive: ZipArchive
  /// The name of the folder that holds everything, with a slash.
  private let prefix: String
  let objects: TorchTensorReader
  /// `CONSTANTS.c0` …; nil where the archive has none.
  let constants: TorchTensorReader?

  static let globals = PickleGlobals.checkpoint.adding(
    [
      "torch.jit._pickle.build_intlist": .record, "torch.jit._pickle.build_doublelist": .record,
      "torch.jit._pickle.build_boollist": .record, "torch.jit._pickle.build_tensorlist": .record,
      "torch.jit._pickle.build_tensor_from_id": .record, "torch.jit._pickle.restore_type_tag": .record,
    ], prefixes: [("__torch__.", .record), ("torch.classes.", .record)])

  /// - Throws: `ArchiveError`, ``ImportError``.
  init(_ archive: ZipArchive) throws {
    path = archive.file.path
    self.archive = archive
    let names = archive.entries.map(\.name).filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
    // The outermost one; extra files may hold more.
    guard let name = names.min(by: { $0.count < $1.count }) else {
      throw ImportError.malformed(reason: "the archive holds no data.pkl", expected: "an archive of torch.jit.save")
    }
    prefix = String(name.dropLast("data.pkl".count))
    objects = try Self.reader(archive, prefix, "data")
    constants = archive[prefix + "constants.pkl"] == nil ? nil : try Self.reader(archive, prefix, "constants")
  }

  private static func reader(_ archive: ZipArchive, _ prefix: String, _ name: String) throws -> TorchTensorReader {
    let entry = "\(prefix)\(name).pkl"
    let storage = try archive.storage(named: entry)
    do {
      let pickle = try withExtendedLifetime(storage) { try Unpickler.load(storage.bytes, globals: globals) }
      return TorchTensorReader(
        pickle: pickle, storages: TorchStorages(archive: archive, prefix: "\(prefix)\(name)/"))
    } catch let problem as PickleProblem {
      throw ArchiveError.pickle(problem, file: archive.file.path, entry: entry)
    }
  }

  /// The version of the format, `3`.
  var version: String {
    for name in ["version", ".data/version"] {
      if let storage = try? archive.storage(named: prefix + name) {
        return withExtendedLifetime(storage) { String(decoding: storage.bytes.prefix(16), as: UTF8.self) }
          .filter(\.isNumber)
      }
    }
    return "unknown"
  }

  /// The class of the root module by its qualified name.
  var rootClass: String? { objects.pickle.record(objects.pickle.root)?.name }

  /// Whether there is code for the module `__torch__.a.b`.
  func hasSource(_ module: String) -> Bool { archive["\(prefix)code/\(module.replacing(".", with: "/")).py"] != nil }

  /// The statements of the source file of the module `__torch__.a.b`.
  /// - Throws: `PythonSyntaxError`; ``ImportError/malformed(reason:expected:)`` when there is none.
  func source(_ module: String) throws -> [Statement] {
    let name = "\(prefix)code/\(module.replacing(".", with: "/")).py"
    guard archive[name] != nil else {
      throw ImportError.malformed(reason: "the archive has no code for \(module.prefix(200))", expected: name)
    }
    let storage = try archive.storage(named: name)
    guard storage.bytes.count <= 64 << 20 else {
      throw ImportError.malformed(reason: "the code of \(module.prefix(200)) is too long", expected: "at most 64 MiB")
    }
    let text = withExtendedLifetime(storage) { String(decoding: storage.bytes, as: UTF8.self) }
    return try StatementParser.parse(text)
  }
}
