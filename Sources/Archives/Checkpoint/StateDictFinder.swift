import Files
import OrderedCollections
import Tensors

/// Finds the state dict in a checkpoint's content: at the root, under a key, or as the only one of its nested
/// dictionaries.
struct StateDictFinder {
  let reader: TorchTensorReader
  let file: String

  /// The key that names the root itself.
  static let rootKey = "#"

  private var pickle: Pickle { reader.pickle }

  /// - Parameter key: as `--key-in-ckpt` has it: a key of the root, or several joined by `#` or `.`; `#` is the root;
  ///   nil or empty to find it.
  /// - Throws: ``ArchiveError``.
  func stateDict(key: String?) throws -> StateDict {
    guard let key, !key.isEmpty else { return try onlyStateDict() }
    if key == Self.rootKey { return try stateDict(pickle.root, key: nil) }
    let value = try value(at: key)
    return try stateDict(value, key: key)
  }

  // MARK: Under a key

  private func value(at key: String) throws -> PickledValue {
    let root = children(of: pickle.root)
    for path in [[Substring(key)], key.split(separator: "#"), key.split(separator: ".")] where !path.isEmpty {
      var value: PickledValue? = pickle.root
      for part in path { value = value.flatMap { children(of: $0)[String(part)] } }
      if let value { return value }
    }
    throw ArchiveError.checkpoint(.missingKey(key: key, known: Array(root.keys)), file: file)
  }

  /// The entries with string keys; a later one replaces an earlier one of the same key. Empty for other values.
  private func children(of value: PickledValue) -> OrderedDictionary<String, PickledValue> {
    var children: OrderedDictionary<String, PickledValue> = [:]
    for (key, value) in pickle.entries(of: value) ?? [] {
      if let key = key.string { children[key] = value }
    }
    return children
  }

  // MARK: By itself

  private func onlyStateDict() throws -> StateDict {
    let candidates = self.candidates()
    guard candidates.count <= 1 else {
      throw ArchiveError.checkpoint(.ambiguous(candidates: candidates.map(\.key)), file: file)
    }
    guard let candidate = candidates.first else {
      throw ArchiveError.checkpoint(.noStateDict(found: describe(pickle.root), key: nil), file: file)
    }
    return try stateDict(candidate.value, key: candidate.key == Self.rootKey ? nil : candidate.key)
  }

  /// The dictionaries down to the second level that hold tensors under names. What lies inside of one isn't looked at,
  /// except at the root, where a checkpoint may keep a tensor or two beside its state dict.
  private func candidates() -> [(key: String, value: PickledValue)] {
    var found: [(key: String, value: PickledValue)] = []
    if holdsTensors(pickle.root) { found.append((Self.rootKey, pickle.root)) }
    for (key, value) in children(of: pickle.root) {
      if holdsTensors(value) {
        found.append((key, value))
        continue
      }
      for (inner, value) in children(of: value) where holdsTensors(value) { found.append(("\(key)#\(inner)", value)) }
    }
    return found
  }

  /// Whether every key is a string and at least one value is a tensor.
  private func holdsTensors(_ value: PickledValue) -> Bool {
    guard let entries = pickle.entries(of: value) else { return false }
    return entries.allSatisfy { $0.key.string != nil } && entries.contains { reader.isTensor($0.value) }
  }

  private func describe(_ value: PickledValue) -> String {
    reader.isTensor(value) ? "a single tensor" : pickle.summary(of: value)
  }

  // MARK: Tensors

  private func stateDict(_ value: PickledValue, key: String?) throws -> StateDict {
    guard holdsTensors(value) else {
      throw ArchiveError.checkpoint(.noStateDict(found: describe(value), key: key), file: file)
    }
    var tensors: OrderedDictionary<String, Tensor> = [:]
    var budget = ExpansionBudget(fileSize: reader.storages.archive.file.bytes.count)
    for (name, value) in children(of: value) {
      do {
        guard let tensor = try reader.tensor(value) else { continue }
        try budget.charge(tensor)
        tensors[name] = tensor
      } catch let problem as TensorProblem {
        throw ArchiveError.tensor(problem, file: file, name: name)
      }
    }
    return StateDict(source: file, key: key, tensors: tensors).withoutModulePrefix()
  }
}

/// How much memory expanded tensors (those with more elements than their storage) may ask for when they are made
/// dense: as much as the file has, and 256 MB. Without a limit, a file of a few bytes could ask for all there is.
private struct ExpansionBudget {
  private let limit: Int
  private var rest: Int

  init(fileSize: Int) {
    limit = fileSize + 256 << 20
    rest = limit
  }

  mutating func charge(_ tensor: Tensor) throws(TensorProblem) {
    let (bytes, overflow) = tensor.count.multipliedReportingOverflow(by: tensor.elementType.byteCount)
    guard overflow || bytes > tensor.storage.bytes.count else { return }
    guard !overflow, bytes <= rest else { throw .expandsTooFar(tensor.shape, limit: limit) }
    rest -= bytes
  }
}
