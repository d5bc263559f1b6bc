/// Walks over the fields of one protobuf message where it lies
/// (https://protobuf.dev/programming-guides/encoding/). Nothing is copied: the caller gets ranges of the file.
struct ProtobufReader {
  /// The value of one field as the wire has it.
  enum Field {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    /// A string, bytes, a message or packed numbers: their place in the file.
    case bytes(Range<Int>)
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  let end: Int
  /// What the message is, for errors.
  private let message: String

  /// Reads the message at `range`, which must lie inside `bytes`.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ message: String) {
    self.bytes = bytes
    position = range.lowerBound
    end = range.upperBound
    self.message = message
  }

  /// The next field's number and value; nil at the message's end.
  /// - Throws: ``ONNXError/damaged(offset:reason:)``.
  mutating func next() throws -> (number: Int, value: Field)? {
    guard position < end else { return nil }
    let start = position
    let key = try varint()
    let number = Int(key >> 3)
    guard number > 0, key >> 3 < 1 << 29 else { throw error("a field has the impossible number \(key >> 3)", start) }
    switch key & 7 {
    case 0: return (number, .varint(try varint()))
    case 1: return (number, .fixed64(UInt64(littleEndian: try load(UInt64.self))))
    case 5: return (number, .fixed32(UInt32(littleEndian: try load(UInt32.self))))
    case 2:
      let count = try varint()
      guard count <= UInt64(end - position) else {
        throw error("field \(number) claims \(count) bytes where \(end - position) are left", start)
      }
      let range = position..<position + Int(count)
      position = range.upperBound
      return (number, .bytes(range))
    default: throw error("field \(number) has the wire type \(key & 7)", start)
    }
  }

  /// The next variable-length number.
  mutating func varint() throws -> UInt64 {
    let start = position
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < end else { throw error("a number is cut off", start) }
      let byte = bytes[position]
      position += 1
      guard shift < 63 || byte <= 1 else { break }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
    }
    throw error("a number has more than 64 bits", start)
  }

  private mutating func load<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) throws -> Number {
    let size = MemoryLayout<Number>.size
    guard end - position >= size else { throw error("a number is cut off", position) }
    defer { position += size }
    return bytes.loadUnaligned(fromByteOffset: position, as: Number.self)
  }

  private func error(_ reason: String, _ offset: Int) -> ONNXError {
    .damaged(offset: offset, reason: "\(message): \(reason)")
  }
}

extension ProtobufReader.Field {
  /// A number of a `varint` field; 0 for another kind, which a well-formed file doesn't have.
  var number: Int64 { if case .varint(let value) = self { Int64(bitPattern: value) } else { 0 } }

  var float: Float { if case .fixed32(let bits) = self { Float(bitPattern: bits) } else { 0 } }

  /// The place of a length-delimited field; nil for another kind.
  var range: Range<Int>? { if case .bytes(let range) = self { range } else { nil } }
}
