import Files
import Foundation
import OrderedCollections
import Tensors

/// Reads safetensors files: eight bytes with the header's size, a JSON header, the tensors.
/// Format: https://github.com/huggingface/safetensors#format
enum Safetensors {
  static let elementTypes: [String: ElementType] = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64, "I32": .int32, "I16": .int16,
    "I8": .int8, "U64": .uint64, "U32": .uint32, "U16": .uint16, "U8": .uint8, "BOOL": .bool,
  ]

  /// The format's own limit.
  private static let headerLimit = 100_000_000

  /// Whether the file begins as a safetensors file does, complete or not.
  static func isSafetensors(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var reader = ByteReader(bytes)
    guard let size = reader.size(UInt64.self), size >= 2, size <= headerLimit else { return false }
    return bytes.count > 8 && bytes[8] == UInt8(ascii: "{")
  }

  /// The tensors in the order of their data, as views of the file.
  /// - Throws: ``ArchiveError/safetensors(_:file:)``.
  static func read(_ file: MappedFile) throws -> StateDict {
    do {
      return StateDict(source: file.path, tensors: try tensors(file))
    } catch let problem as SafetensorsProblem {
      throw ArchiveError.safetensors(problem, file: file.path)
    }
  }

  private struct Entry: Decodable {
    let dtype: String
    let shape: [Int]
    let offsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }

  /// The header: an entry per tensor, and free text under `__metadata__`.
  private struct Header: Decodable {
    var entries: [String: Entry] = [:]

    private struct Name: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Name.self)
      for name in container.allKeys where name.stringValue != "__metadata__" {
        entries[name.stringValue] = try container.decode(Entry.self, forKey: name)
      }
    }
  }

  private static func tensors(_ file: MappedFile) throws -> OrderedDictionary<String, Tensor> {
    var reader = ByteReader(file.bytes)
    let declared = reader.integer(UInt64.self) ?? 0
    guard let size = Int(exactly: declared), let text = reader.slice(size) else {
      throw SafetensorsProblem.headerOutsideFile(size: declared)
    }
    let header: Header
    do {
      header = try JSONDecoder().decode(Header.self, from: Data(text))
    } catch {
      throw SafetensorsProblem.malformedHeader("not JSON, or entries without dtype, shape and data_offsets")
    }
    var tensors: OrderedDictionary<String, Tensor> = [:]
    for (name, entry) in header.entries.sorted(by: {
      ($0.value.offsets.first ?? 0, $0.key) < ($1.value.offsets.first ?? 0, $1.key)
    }) {
      tensors[name] = try tensor(name, entry, file, dataOffset: reader.offset)
    }
    return tensors
  }

  private static func tensor(_ name: String, _ entry: Entry, _ file: MappedFile, dataOffset: Int) throws -> Tensor {
    guard let elementType = elementTypes[entry.dtype] else {
      throw SafetensorsProblem.unsupportedType(tensor: name, name: entry.dtype)
    }
    let dataSize = file.bytes.count - dataOffset
    guard entry.offsets.count == 2, entry.offsets[0] >= 0, entry.offsets[1] >= entry.offsets[0],
      entry.offsets[1] <= dataSize
    else { throw SafetensorsProblem.outsideFile(tensor: name) }
    let byteCount = entry.offsets[1] - entry.offsets[0]
    let shape = Shape(entry.shape)
    // Extents of 0 are counted as 1 too: the strides beside them must not overflow either.
    guard shape.rank <= TorchTensorReader.rankLimit, let count = shape.checkedCount,
      Shape(entry.shape.map { max($0, 1) }).checkedCount != nil,
      count.multipliedReportingOverflow(by: elementType.byteCount) == (byteCount, false)
    else { throw SafetensorsProblem.wrongSize(tensor: name, shape: entry.shape, bytes: byteCount) }
    let start = dataOffset + entry.offsets[0]
    let storage = Storage(file: file, range: start..<start + byteCount).aligned(to: elementType.byteCount)
    return try Tensor(storage: storage, elementType: elementType, shape: shape)
  }
}
