/// Reads little-endian numbers and slices, front to back, out of bytes that nobody vouches for. Every reading gives
/// nil where the bytes end too early. The bytes must outlive the reader.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var offset: Int

  /// - Parameter offset: where to begin; outside the bytes every reading is nil.
  init(_ bytes: UnsafeRawBufferPointer, at offset: Int = 0) {
    self.bytes = bytes
    self.offset = offset
  }

  var remaining: Int { offset < 0 ? 0 : max(0, bytes.count - offset) }

  mutating func integer<Integer: FixedWidthInteger>(_: Integer.Type) -> Integer? {
    let size = Integer.bitWidth / 8
    guard remaining >= size else { return nil }
    let value = bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self)
    offset += size
    return Integer(littleEndian: value)
  }

  /// An unsigned number that must fit an `Int`.
  mutating func size<Integer: FixedWidthInteger & UnsignedInteger>(_: Integer.Type) -> Int? {
    integer(Integer.self).flatMap { Int(exactly: $0) }
  }

  mutating func slice(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, remaining >= count else { return nil }
    defer { offset += count }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  /// The bytes up to the next line feed, which is skipped.
  mutating func line() -> UnsafeRawBufferPointer? {
    guard remaining > 0, let end = bytes[offset...].firstIndex(of: 0x0a) else { return nil }
    let line = slice(end - offset)
    offset += 1
    return line
  }
}

extension UnsafeRawBufferPointer {
  /// The bytes as UTF-8 text; nil when they are none.
  var text: String? { String(validating: self, as: UTF8.self) }

  func hasPrefix(_ prefix: [UInt8]) -> Bool { count >= prefix.count && self.prefix(prefix.count).elementsEqual(prefix) }
}

extension StringProtocol {
  /// Text out of a file, made fit for a message: quoted, at most 120 characters, control characters escaped.
  var quotedForMessage: String { "'\(plainForMessage)'" }

  /// Text out of a file without quotes: at most 120 characters, control characters escaped.
  var plainForMessage: String {
    var text = ""
    for scalar in unicodeScalars.prefix(120) {
      let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
      text += isControl ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return unicodeScalars.dropFirst(120).isEmpty ? text : text + "…"
  }
}
