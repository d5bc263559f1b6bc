import Archives
import Bundles
import Files
import OrderedCollections
import Tensors

/// The archive that `torch.export.save` writes: the program as JSON, and its weights and constants.
///
/// Three layouts: `models/<name>.json` with each weight as a file of its own and an index (PyTorch 2.9 on),
/// `models/<name>.json` with the weights as one archive of `torch.save` (2.7 and 2.8), and the flat one with
/// `serialized_exported_program.json` before them.
struct ExportedProgramArchive {
  let path: String
  /// The program as its JSON has it.
  let program: ConfigValue
  /// The tensors by their names in the program: parameters, buffers and constants.
  let tensors: OrderedDictionary<String, Tensor>

  /// - Throws: `ArchiveError`, `ConfigError`, ``ImportError/malformed(reason:expected:)``.
  init(_ archive: ZipArchive) throws {
    path = archive.file.path
    guard let entry = Self.programEntry(archive) else {
      throw ImportError.malformed(
        reason: "the archive holds no program", expected: "models/<name>.json or serialized_exported_program.json")
    }
    let storage = try archive.storage(of: entry)
    guard storage.bytes.count <= 1 << 30 else {
      throw ImportError.malformed(
        reason: "the program's text has \(storage.bytes.count) bytes", expected: "at most 1 GiB")
    }
    program = try withExtendedLifetime(storage) {
      try JSONReader.read(Array(storage.bytes), file: "\(archive.file.path) \(entry.name)")
    }
    var tensors: OrderedDictionary<String, Tensor> = [:]
    if entry.name.hasSuffix("serialized_exported_program.json") {
      let folder = String(entry.name.dropLast("serialized_exported_program.json".count))
      for name in ["serialized_state_dict", "serialized_constants"] {
        for suffix in [".pt", ".json"] {
          try Self.addNested(archive, folder + name + suffix, to: &tensors)
        }
      }
    } else {
      let parts = entry.name.split(separator: "/")
      let folder = parts.dropLast(2).map { $0 + "/" }.joined()
      let model = parts[parts.count - 1].dropLast(".json".count)
      for kind in ["weights", "constants"] {
        let place = "\(folder)data/\(kind)/"
        if archive["\(place)\(model)_\(kind)_config.json"] != nil {
          try Self.addIndexed(archive, place, "\(model)_\(kind)_config.json", to: &tensors)
        } else {
          try Self.addNested(archive, "\(place)\(model).pt", to: &tensors)
        }
      }
    }
    self.tensors = tensors
  }

  private static func programEntry(_ archive: ZipArchive) -> ZipEntry? {
    let programs = archive.entries.filter { entry in
      let parts = entry.name.split(separator: "/")
      return entry.name.hasSuffix(".json") && parts.count >= 2 && parts[parts.count - 2] == "models"
    }
    return programs.first { $0.name.hasSuffix("models/model.json") } ?? programs.first
      ?? archive.entries.first { $0.name.hasSuffix("serialized_exported_program.json") }
  }

  // MARK: Weights as files with an index

  private static func addIndexed(
    _ archive: ZipArchive, _ folder: String, _ index: String, to tensors: inout OrderedDictionary<String, Tensor>
  ) throws {
    let storage = try archive.storage(named: folder + index)
    let config = try withExtendedLifetime(storage) {
      try JSONReader.read(Array(storage.bytes), file: "\(archive.file.path) \(folder)\(index)")
    }
    guard case .dictionary(let entries)? = config.child("config") else {
      throw ImportError.malformed(reason: "\(index) has no 'config'", expected: "an entry for each tensor")
    }
    let storages = TorchStorages(archive: archive, prefix: folder)
    for (name, entry) in entries {
      // Objects of custom classes are refused when the program uses them.
      guard case .bool(true)? = entry.child("use_pickle") else {
        tensors[name] = try tensor(name, entry, storages, limit: archive.file.bytes.count)
        continue
      }
    }
  }

  private static func tensor(
    _ name: String, _ entry: ConfigValue, _ storages: TorchStorages, limit: Int
  ) throws -> Tensor {
    guard case .string(let file)? = entry.child("path_name"), let meta = entry.child("tensor_meta"),
      let number = meta.child("dtype")?.integer, let sizes = meta.child("sizes")?.fixedSizes,
      let strides = meta.child("strides")?.fixedSizes, let offset = meta.child("storage_offset")?.fixedSize,
      sizes.count == strides.count, sizes.count <= TorchTensorReader.rankLimit
    else {
      throw ImportError.malformed(
        reason: "the index entry of '\(name.prefix(200))' lacks its file, type, sizes or strides", expected: nil)
    }
    guard let type = ExportedScalarType.elementType(number) else {
      throw ImportError.notSupported(
        reason:
          "the tensor '\(name.prefix(200))' has the element type \(number) of torch.export's schema, which is not real",
        hint: "convert it before the export")
    }
    let shape = Shape(sizes)
    let (bytes, overflow) = offset.multipliedReportingOverflow(by: type.byteCount)
    guard offset >= 0, !overflow, (sizes + strides).allSatisfy({ $0 >= 0 }), let count = shape.checkedCount,
      count <= max(limit, 1 << 24)
    else {
      throw ImportError.malformed(
        reason: "the tensor '\(name.prefix(200))' has the impossible shape \(sizes) with strides \(strides)",
        expected: "a tensor that fits in the file of \(limit) bytes")
    }
    let storage = try storages.storage(file, alignment: type.byteCount)
    let isEmpty = sizes.contains(0)
    return try Tensor(
      storage: storage, elementType: type, shape: shape, strides: isEmpty ? shape.contiguousStrides : strides,
      byteOffset: isEmpty ? 0 : bytes)
  }

  // MARK: Weights as an archive of torch.save

  private static func addNested(
    _ archive: ZipArchive, _ name: String, to tensors: inout OrderedDictionary<String, Tensor>
  ) throws {
    guard let entry = archive[name], entry.size > 0 else { return }
    let storage = try archive.storage(of: entry)
    let file = MappedFile(path: "\(archive.file.path) \(name)", bytes: storage.bytes, owner: storage)
    guard ZipArchive.isZip(file.bytes) else {
      throw ImportError.malformed(reason: "\(name) is no archive of torch.save", expected: nil)
    }
    let nested = try Checkpoint.open(file: file)
    for (name, tensor) in try nested.rootTensors() { tensors[name] = tensor }
  }
}

/// torch.export's numbers for element types (`torch/_export/serde/schema.py`), which are not PyTorch's.
enum ExportedScalarType {
  private static let types: [Int: ElementType] = [
    1: .uint8, 2: .int8, 3: .int16, 4: .int32, 5: .int64, 6: .float16, 7: .float32, 8: .float64, 12: .bool,
    13: .bfloat16, 28: .uint16,
  ]

  static func elementType(_ number: Int) -> ElementType? { types[number] }
}

extension ConfigValue {
  var integer: Int? { if case .int(let value) = self { value } else { nil } }
  var text: String? { if case .string(let value) = self { value } else { nil } }
  var list: [ConfigValue]? { if case .list(let items) = self { items } else { nil } }
  /// The one entry of a union: its tag and its value. Versions before 2.3 write null for all other tags.
  var union: (tag: String, value: ConfigValue)? {
    guard case .dictionary(let entries) = self else { return nil }
    if entries.count == 1, let only = entries.elements.first { return (only.key, only.value) }
    let given = entries.elements.filter { if case .null = $0.value { false } else { true } }
    if given.isEmpty, entries["as_none"] != nil { return ("as_none", .null) }
    return given.count == 1 ? (given[0].key, given[0].value) : nil
  }
  /// A size that is a number.
  var fixedSize: Int? { child("as_int")?.integer }
  var fixedSizes: [Int]? {
    guard let list else { return nil }
    let sizes = list.compactMap(\.fixedSize)
    return sizes.count == list.count ? sizes : nil
  }
}
