import Files
package import Tensors

/// An entry of what `torch.save` wrote, as data: numbers, texts, lists, dictionaries, arrays and tensors. Nothing is
/// executed, and nothing but what is asked for is looked at.
package struct CheckpointData: Sendable {
  package enum Content: Sendable {
    case none
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    /// A list or tuple.
    case list([CheckpointData])
    /// The entries with string keys.
    case dictionary([(key: String, value: CheckpointData)])
    /// A tensor of PyTorch, or an array or scalar of NumPy.
    case array(Tensor)
    /// Anything else, in a few words.
    case other(String)
  }

  let reader: TorchTensorReader
  let value: PickledValue
  /// Where it stands, for messages.
  let name: String

  /// - Throws: ``ArchiveError`` for a damaged tensor or array.
  package func content() throws -> Content {
    switch value {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .list, .tuple:
      let elements = reader.pickle.elements(of: value) ?? []
      return .list(elements.enumerated().map { child($1, "\($0)") })
    case .dictionary:
      return .dictionary(
        (reader.pickle.entries(of: value) ?? []).compactMap { entry in
          entry.key.string.map { ($0, child(entry.value, $0)) }
        })
    default:
      return try array.map { .array($0) } ?? .other(reader.pickle.summary(of: value))
    }
  }

  private func child(_ value: PickledValue, _ key: String) -> CheckpointData {
    CheckpointData(reader: reader, value: value, name: name.isEmpty ? key : "\(name)#\(key)")
  }

  private var array: Tensor? {
    get throws {
      do {
        return try reader.tensor(value) ?? NumpyReader(pickle: reader.pickle).tensor(value)
      } catch let problem as TensorProblem {
        throw ArchiveError.tensor(problem, file: reader.storages.archive.file.path, name: name)
      }
    }
  }
}

extension Checkpoint {
  /// The root of what `torch.save` wrote.
  /// - Throws: ``ArchiveError`` for a file that holds tensors only.
  package func data() throws -> CheckpointData {
    guard case .torch(let reader) = content else {
      throw ArchiveError.checkpoint(.notACheckpoint(found: "a safetensors file"), file: path)
    }
    return CheckpointData(reader: reader, value: reader.pickle.root, name: "")
  }
}
