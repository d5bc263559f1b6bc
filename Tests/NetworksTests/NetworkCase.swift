import Archives
import Arguments
import Diagnostics
import Files
import Foundation
import Graphs
import Networks
import OrderedCollections
import Tensors
import TestSupport

/// A case of `Tests/Corpus/networks`: a network's definition and weights, inputs, and what PyTorch makes of them.
///
/// `Tools/goldens/make_corpus.py` writes those with a `state_dict.pt`, `make_generated.py` those whose weights are
/// computed.
struct NetworkCase: Sendable {
  let name: String
  let component: Component
  /// The shape of each input.
  let shapes: [[Int]]
  /// The shape of each tensor whose values are computed; nil for a case with a checkpoint.
  let generated: [String: [Int]]?
  /// Of each output, the distance of the elements that were kept.
  let steps: [Int]
  let outputCount: Int

  static let folder = Corpus.path("networks/")

  /// Every folder there; one that can't be read is a case that fails.
  static let all: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

  init(_ name: String) throws {
    let data = try Data(contentsOf: URL(filePath: Self.folder + name + "/network.json"))
    let content = try JSONDecoder().decode(Content.self, from: data)
    guard case .component(let component) = content.definition.plain(at: "network_def") else {
      throw CocoaError(.fileReadCorruptFile)
    }
    self.name = name
    self.component = component
    shapes = content.inputs
    generated = content.generated
    outputCount = content.outputs.count
    steps = content.steps ?? Array(repeating: 1, count: content.outputs.count)
  }

  private func path(_ file: String) -> String { Self.folder + name + "/" + file }

  func weights() throws -> StateDict {
    guard let generated else { return try Checkpoint.open(path: path("state_dict.pt")).stateDict() }
    let tensors = generated.keys.sorted().map { ($0, GeneratedTensor.tensor($0, generated[$0] ?? [])) }
    return StateDict(source: name, tensors: OrderedDictionary(uniqueKeysWithValues: tensors))
  }

  func input(_ index: Int) throws -> Tensor {
    if generated != nil { return GeneratedTensor.tensor("input_\(index)", shapes[index]) }
    return try Npy.read(path: path("input_\(index).npy"))
  }

  func output(_ index: Int) throws -> Tensor { try Npy.read(path: path("output_\(index).npy")) }

  func graph() throws -> Graph {
    try Networks.graph(component, weights: weights(), spatialShape: Array(shapes[0].dropFirst(2)))
  }

  private struct Content: Decodable {
    var definition: JSONValue
    var inputs: [[Int]]
    var outputs: [[Int]]
    var generated: [String: [Int]]?
    var steps: [Int]?

    enum CodingKeys: String, CodingKey {
      case definition = "network_def"
      case inputs, outputs, generated, steps
    }
  }
}

/// Any value of a JSON file.
enum JSONValue: Decodable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([JSONValue])
  case dictionary([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .list(value)
    } else {
      self = .dictionary(try container.decode([String: JSONValue].self))
    }
  }

  /// As a config has it: a dictionary with a `_target_` is a component.
  func plain(at path: String) -> PlainValue {
    switch self {
    case .null: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .list(let values): return .list(values.enumerated().map { $1.plain(at: "\(path)#\($0)") })
    case .dictionary(let values):
      var entries: OrderedDictionary<String, PlainValue> = [:]
      for key in values.keys.sorted() { entries[key] = values[key]?.plain(at: "\(path)#\(key)") }
      guard case .string(let target)? = entries.removeValue(forKey: "_target_") else { return .dictionary(entries) }
      return .component(Component(target: target, arguments: entries, path: path))
    }
  }
}
