import Archives
import Diagnostics
import Files
import Graphs
import Tensors

/// Turns a pickle of TorchScript into values of a program, each object once.
final class TorchScriptObjects {
  private let reader: TorchTensorReader
  private let writer: ProgramWriter
  private var objects: [PickleReference: ProgramObject] = [:]
  private var tensors: [PickleReference: ProgramTensor] = [:]
  private static let depthLimit = 256

  init(_ reader: TorchTensorReader, _ writer: ProgramWriter) {
    self.reader = reader
    self.writer = writer
  }

  /// - Parameter path: The attributes that lead to the value.
  /// - Throws: `ArchiveError`, ``ImportError``.
  func value(_ pickled: PickledValue, path: String, depth: Int = 0) throws -> ProgramValue {
    guard depth < Self.depthLimit else {
      throw ImportError.malformed(
        reason: "the modules are nested more than \(Self.depthLimit) levels deep", expected: nil)
    }
    switch pickled {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .int(let number): return .int(number)
    case .double(let number): return .double(number)
    case .string(let text): return .string(text)
    case .list, .tuple, .set:
      let items = try (reader.pickle.elements(of: pickled) ?? []).enumerated().map { index, item in
        try value(item, path: "\(path).\(index)", depth: depth + 1)
      }
      if case .tuple = pickled { return .tuple(items) }
      return .list(ProgramList(items))
    case .dictionary:
      let dictionary = ProgramDictionary()
      for (key, item) in reader.pickle.entries(of: pickled) ?? [] {
        dictionary.set(
          try value(key, path: path, depth: depth + 1),
          try value(item, path: "\(path).\(key.string ?? "")", depth: depth + 1))
      }
      return .dictionary(dictionary)
    case .record(let reference): return try record(pickled, reference, path, depth)
    default:
      throw ImportError.notSupported(reason: "'\(path)' is \(reader.pickle.summary(of: pickled))", hint: nil)
    }
  }

  private func record(
    _ pickled: PickledValue, _ reference: PickleReference, _ path: String, _ depth: Int
  ) throws -> ProgramValue {
    if let tensor = tensors[reference] { return .tensor(tensor) }
    if let object = objects[reference] { return .object(object) }
    guard let record = reader.pickle.record(pickled) else { return .none }
    if reader.isTensor(pickled) {
      do {
        guard let tensor = try reader.tensor(pickled) else { return .none }
        let result = ProgramTensor(writer.weight(tensor, name: path))
        tensors[reference] = result
        return .tensor(result)
      } catch let problem as TensorProblem {
        throw ArchiveError.tensor(problem, file: reader.storages.archive.file.path, name: path)
      }
    }
    switch record.name {
    case let name where name.hasPrefix("torch.jit._pickle."):
      guard let first = record.arguments.first else { return .none }
      return try value(first, path: path, depth: depth + 1)
    case "torch.device": return .device
    case let name where name.hasPrefix("__torch__.") && record.state == nil && record.arguments.count == 1:
      // A member of an enumeration, by its value.
      let member = try value(record.arguments[0], path: path, depth: depth + 1)
      let object = ProgramObject(className: name, path: path, attributes: ["value": member], isEnumMember: true)
      objects[reference] = object
      return .object(object)
    case let name where name.hasPrefix("__torch__."):
      let object = ProgramObject(className: name, path: path)
      objects[reference] = object
      if let state = record.state {
        guard let entries = reader.pickle.entries(of: state) else {
          throw ImportError.notSupported(
            reason: "'\(path.isEmpty ? name : path)' keeps its state in a way of its own (__setstate__)",
            hint: "export the network without custom classes")
        }
        for (key, item) in entries {
          guard let attribute = key.string else { continue }
          let place = path.isEmpty ? attribute : "\(path).\(attribute)"
          object.attributes[attribute] = try value(item, path: place, depth: depth + 1)
        }
      }
      return .object(object)
    default:
      throw ImportError.notSupported(
        reason: "'\(path)' is an object of the custom class \(record.name.prefix(200))",
        hint: "export the network without custom classes")
    }
  }
}
