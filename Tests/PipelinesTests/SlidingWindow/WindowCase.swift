import Arguments
import Foundation
import OrderedCollections
import Pipelines
import Tensors
import TestSupport
import Testing

/// A case of `Tests/Corpus/windows` or `windows2`: the arguments of MONAI's inferer, an input and MONAI's outputs.
struct WindowCase: Sendable, CustomTestStringConvertible {
  let folder: String
  let name: String
  let component: Component
  let outputCount: Int

  var testDescription: String { "\(folder)/\(name)" }
  var input: Tensor { get throws { try Self.array("\(folder)/\(name).input.npy") } }

  func output(_ index: Int) throws -> Tensor {
    try Self.array("\(folder)/\(name).output\(index == 0 ? "" : "\(index)").npy")
  }

  /// Every case of both folders.
  static func all() throws -> [WindowCase] {
    try ["windows", "windows2"].flatMap { folder in
      let data = try Data(contentsOf: URL(filePath: Corpus.path("\(folder)/cases.json")))
      let cases = try JSONDecoder().decode([String: [String: JSONValue]].self, from: data)
      return cases.sorted { $0.key < $1.key }.map { name, entry in
        var arguments = OrderedDictionary<String, PlainValue>()
        let fields: [String: JSONValue]
        if case .dictionary(let nested)? = entry["arguments"] { fields = nested } else { fields = entry }
        for (key, value) in fields where key != "shape" { arguments[key] = value.plain }
        return WindowCase(
          folder: folder, name: name,
          component: Component(target: "SlidingWindowInferer", arguments: arguments, path: "inferer"),
          outputCount: entry["outputs"]?.plain.asInt ?? 1)
      }
    }
  }

  /// A float32 array in row-major order, as `numpy.save` writes it in format 1.0.
  private static func array(_ file: String) throws -> Tensor {
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: Corpus.path(file))))
    let headerEnd = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
    let header = String(decoding: bytes[10..<headerEnd], as: UTF8.self)
    guard header.contains("'<f4'"), header.contains("'fortran_order': False"),
      let open = header.firstIndex(of: "("), let close = header.firstIndex(of: ")")
    else { throw CocoaError(.fileReadCorruptFile) }
    let extents = header[header.index(after: open)..<close].split(separator: ",")
    let shape = Shape(extents.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) })
    let values = bytes[headerEnd...].withUnsafeBytes { raw in
      (0..<shape.count).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
    return Tensor(values, shape)
  }
}

private enum JSONValue: Decodable {
  case plain(PlainValue)
  case list([JSONValue])
  case dictionary([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .plain(.null)
    } else if let value = try? container.decode(Int.self) {
      self = .plain(.int(value))
    } else if let value = try? container.decode(Double.self) {
      self = .plain(.double(value))
    } else if let value = try? container.decode(String.self) {
      self = .plain(.string(value))
    } else if let values = try? container.decode([JSONValue].self) {
      self = .list(values)
    } else {
      self = .dictionary(try container.decode([String: JSONValue].self))
    }
  }

  var plain: PlainValue {
    switch self {
    case .plain(let value): value
    case .list(let values): .list(values.map(\.plain))
    case .dictionary(let values): .dictionary(OrderedDictionary(uniqueKeysWithValues: values.map { ($0, $1.plain) }))
    }
  }
}
