package import Tensors

/// Turns the records that PyTorch pickles for tensors into views of their storages.
///
/// Sources: `torch/_utils.py` (`_rebuild_tensor_v2`, `_rebuild_tensor_v3`, `_rebuild_parameter`) and
/// `torch/serialization.py` (persistent IDs).
package struct TorchTensorReader: Sendable {
  package let pickle: Pickle
  package let storages: TorchStorages

  /// A tensor of more axes is refused.
  package static let rankLimit = 64

  package init(pickle: Pickle, storages: TorchStorages) {
    self.pickle = pickle
    self.storages = storages
  }

  private static let unsupportedRecords = [
    "torch._utils._rebuild_qtensor": "quantized", "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_nested_tensor": "nested", "torch._utils._rebuild_meta_tensor_no_storage": "a meta tensor",
  ]

  /// Whether the value stands for a tensor, of a supported kind or not.
  package func isTensor(_ value: PickledValue) -> Bool {
    guard let record = pickle.record(value) else { return false }
    return switch record.name {
    case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3", "torch._utils._rebuild_parameter",
      "torch._utils._rebuild_parameter_with_state", "torch._tensor._rebuild_from_type_v2":
      true
    default: Self.unsupportedRecords[record.name] != nil
    }
  }

  /// The tensor that `value` stands for; nil when it stands for none.
  /// - Throws: ``TensorProblem``, ``ArchiveError/zip(_:file:entry:)``.
  package func tensor(_ value: PickledValue) throws -> Tensor? {
    guard isTensor(value) else { return nil }
    var value = value
    // A parameter wraps a tensor; PyTorch never nests deeper than a parameter with attributes.
    for _ in 0..<4 {
      guard let record = pickle.record(value) else { throw TensorProblem.malformed("a parameter without a tensor") }
      switch record.name {
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
        guard let data = record.arguments.first else { throw TensorProblem.malformed("a parameter without a tensor") }
        value = data
      case "torch._tensor._rebuild_from_type_v2":
        return try typedTensor(record)
      default:
        return try view(name: record.name, arguments: record.arguments)
      }
    }
    throw TensorProblem.malformed("parameters nested in parameters")
  }

  /// A tensor with Python attributes: the function that rebuilds it, its class, the function's arguments, the attributes.
  private func typedTensor(_ record: PickledRecord) throws -> Tensor {
    guard record.arguments.count >= 3, let function = record.arguments[0].global,
      let arguments = pickle.elements(of: record.arguments[2])
    else { throw TensorProblem.malformed("a tensor with attributes lacks its parts") }
    if function.hasPrefix("torch._utils._rebuild_parameter"), let data = arguments.first,
      let inner = pickle.record(data)
    {
      return try view(name: inner.name, arguments: inner.arguments)
    }
    return try view(name: function, arguments: arguments)
  }

  private func view(name: String, arguments: [PickledValue]) throws -> Tensor {
    if let kind = Self.unsupportedRecords[name] { throw TensorProblem.unsupported(kind) }
    let hasDtype = name == "torch._utils._rebuild_tensor_v3"
    guard hasDtype || name == "torch._utils._rebuild_tensor_v2" else {
      throw TensorProblem.malformed("a tensor of \(name.plainForMessage)")
    }
    guard arguments.count >= (hasDtype ? 7 : 4), let offset = arguments[1].int, let shape = integers(arguments[2]),
      let strides = integers(arguments[3])
    else { throw TensorProblem.malformed("arguments of another kind than storage, offset, shape and strides") }
    try Self.check(shape: shape, strides: strides, offset: offset)
    try checkMetadata(arguments.dropFirst(hasDtype ? 7 : 6).first)
    let source = try self.source(arguments[0], dtype: hasDtype ? arguments[6] : nil)
    return try Self.tensor(source, Shape(shape), strides, offset)
  }

  /// Refuses tensors whose stored elements stand for their negatives or conjugates.
  private func checkMetadata(_ value: PickledValue?) throws {
    let bits = value.flatMap { pickle.entries(of: $0) } ?? []
    guard bits.allSatisfy({ $0.value == .bool(false) }) else {
      throw TensorProblem.unsupported("a view that negates or conjugates its elements")
    }
  }

  /// Refuses shapes and strides that no tensor of PyTorch has.
  private static func check(shape: [Int], strides: [Int], offset: Int) throws {
    let isPlausible =
      shape.count == strides.count && shape.count <= rankLimit && offset >= 0 && strides.allSatisfy { $0 >= 0 }
      && shape.allSatisfy { $0 >= 0 } && Shape(shape.map { max($0, 1) }).checkedCount != nil
    guard isPlausible else { throw TensorProblem.invalidShape(shape, strides: strides) }
  }

  private static func tensor(_ source: Source, _ shape: Shape, _ strides: [Int], _ offset: Int) throws -> Tensor {
    let (bytes, overflow) = offset.multipliedReportingOverflow(by: source.elementType.byteCount)
    guard !overflow else { throw TensorProblem.invalidShape(shape.dimensions, strides: strides) }
    let isEmpty = shape.dimensions.contains(0)
    do {
      return try Tensor(
        storage: source.storage, elementType: source.elementType, shape: shape,
        strides: isEmpty ? shape.contiguousStrides : strides, byteOffset: isEmpty ? 0 : bytes)
    } catch let error as TensorError {
      throw TensorProblem.outsideStorage(error)
    }
  }

  // MARK: Storages

  private struct Source {
    let storage: Storage
    let elementType: ElementType
  }

  /// The storage of a persistent ID `('storage', class, key, location, element count)`.
  private func source(_ value: PickledValue, dtype: PickledValue?) throws -> Source {
    guard case .persistent = value, let parts = pickle.elements(of: value), parts.count == 5,
      parts[0].string == "storage", let name = parts[1].global, let key = parts[2].string, let count = parts[4].int,
      count >= 0
    else { throw TensorProblem.malformed("a storage of another kind than ('storage', class, key, location, count)") }
    let elementType = try self.elementType(storage: name, dtype: dtype)
    let size =
      TorchDtype.untypedStorages.contains(name) ? 1 : TorchDtype.storages[name]?.byteCount ?? elementType.byteCount
    let (declared, overflow) = count.multipliedReportingOverflow(by: size)
    guard !overflow else { throw TensorProblem.malformed("a storage of \(count) elements") }
    let storage = try storages.storage(key, alignment: elementType.byteCount)
    guard storage.bytes.count >= declared else {
      throw TensorProblem.storageTooSmall(declared: declared, found: storage.bytes.count)
    }
    return Source(storage: storage, elementType: elementType)
  }

  private func elementType(storage: String, dtype: PickledValue?) throws -> ElementType {
    if let dtype {
      guard let name = dtype.global else { throw TensorProblem.malformed("a dtype that is no name") }
      guard let type = TorchDtype.elementTypes[name] else {
        throw TensorProblem.unsupported(name.replacing("torch.", with: "").plainForMessage)
      }
      return type
    }
    if let kind = TorchDtype.unsupportedStorages[storage] { throw TensorProblem.unsupported(kind) }
    guard let type = TorchDtype.storages[storage] else {
      throw TensorProblem.malformed("a storage of class \(storage.plainForMessage)")
    }
    return type
  }

  /// The integers of a tuple, list or `torch.Size`.
  private func integers(_ value: PickledValue) -> [Int]? {
    var elements = pickle.elements(of: value)
    if let record = pickle.record(value), record.name == "torch.Size" {
      elements = record.arguments.first.flatMap { pickle.elements(of: $0) }
    }
    guard let elements, elements.count <= Self.rankLimit else { return nil }
    let integers = elements.compactMap(\.int)
    return integers.count == elements.count ? integers : nil
  }
}
