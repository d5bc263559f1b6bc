import Tensors

/// The header of a .npy file: the text of a Python dictionary, read as data.
/// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
struct NpyHeader {
  let elementType: ElementType
  let isBigEndian: Bool
  let isFortranOrder: Bool
  let shape: Shape
  /// Where the elements begin.
  let dataOffset: Int

  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  init(_ bytes: UnsafeRawBufferPointer) throws(NpyProblem) {
    guard bytes.hasPrefix(Self.magic) else { throw .notNpy }
    var reader = ByteReader(bytes, at: Self.magic.count)
    guard let major = reader.size(UInt8.self), let minor = reader.size(UInt8.self) else { throw .truncatedHeader }
    guard (1...3).contains(major), minor == 0 else { throw .unsupportedVersion(major, minor) }
    guard let length = major == 1 ? reader.size(UInt16.self) : reader.size(UInt32.self),
      let text = reader.slice(length)
    else { throw .truncatedHeader }
    dataOffset = reader.offset
    var fields = NpyHeaderFields(text)
    try fields.parse()
    guard let type = fields.type, let isFortranOrder = fields.isFortranOrder, let dimensions = fields.shape else {
      throw .malformedHeader("descr, fortran_order or shape is missing")
    }
    (elementType, isBigEndian) = try Self.elementType(type)
    self.isFortranOrder = isFortranOrder
    shape = try Self.checkedShape(dimensions)
  }

  /// `<f4`: byte order, kind, bytes.
  static func elementType(_ descr: String) throws(NpyProblem) -> (ElementType, isBigEndian: Bool) {
    guard let order = descr.first, "<>|=".contains(order), let type = elementTypes[String(descr.dropFirst())] else {
      throw .unsupportedType(descr)
    }
    return (type, order == ">")
  }

  static let elementTypes: [String: ElementType] = [
    "f2": .float16, "f4": .float32, "f8": .float64, "i1": .int8, "i2": .int16, "i4": .int32, "i8": .int64,
    "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64, "b1": .bool,
  ]

  static func checkedShape(_ dimensions: [Int]) throws(NpyProblem) -> Shape {
    // Extents of 0 are counted as 1 too: the strides beside them must not overflow either.
    guard dimensions.count <= TorchTensorReader.rankLimit, dimensions.allSatisfy({ $0 >= 0 }),
      let count = Shape(dimensions.map { max($0, 1) }).checkedCount, !count.multipliedReportingOverflow(by: 8).overflow
    else { throw .impossibleShape(dimensions) }
    return Shape(dimensions)
  }
}

/// Reads the dictionary's three entries, character by character.
private struct NpyHeaderFields {
  private let text: UnsafeRawBufferPointer
  private var offset = 0
  var type: String?
  var isFortranOrder: Bool?
  var shape: [Int]?

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  mutating func parse() throws(NpyProblem) {
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr" where type == nil: type = try descr()
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try bool()
      case "shape" where shape == nil: shape = try integers()
      default: throw .malformedHeader("the entry \(key.quotedForMessage) is unknown or stands twice")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard offset == text.count else { throw .malformedHeader("something follows the dictionary") }
  }

  private mutating func skipSpace() {
    while offset < text.count, [0x20, 0x09, 0x0a, 0x0d].contains(text[offset]) { offset += 1 }
  }

  private mutating func take(_ word: StaticString) -> Bool {
    skipSpace()
    let length = word.utf8CodeUnitCount
    guard text.count - offset >= length else { return false }
    let matches = word.withUTF8Buffer { text[offset..<offset + length].elementsEqual($0) }
    if matches { offset += length }
    return matches
  }

  private mutating func expect(_ word: StaticString) throws(NpyProblem) {
    guard take(word) else { throw .malformedHeader("'\(word)' is missing at character \(offset)") }
  }

  private mutating func string() throws(NpyProblem) -> String {
    skipSpace()
    guard offset < text.count, [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(text[offset]) else {
      throw .malformedHeader("a text is missing at character \(offset)")
    }
    let quote = text[offset]
    guard let end = text[(offset + 1)...].firstIndex(of: quote) else { throw .malformedHeader("a text doesn't end") }
    defer { offset = end + 1 }
    return String(decoding: text[(offset + 1)..<end], as: UTF8.self)
  }

  /// A record type is a list there; it is refused by name.
  private mutating func descr() throws(NpyProblem) -> String {
    if take("[") { throw .unsupportedType("a record of several fields") }
    return try string()
  }

  private mutating func bool() throws(NpyProblem) -> Bool {
    if take("True") { return true }
    if take("False") { return false }
    throw .malformedHeader("fortran_order is neither True nor False")
  }

  private mutating func integers() throws(NpyProblem) -> [Int] {
    try expect("(")
    var values: [Int] = []
    while !take(")") {
      try values.append(integer())
      if !take(",") {
        try expect(")")
        break
      }
    }
    return values
  }

  private mutating func integer() throws(NpyProblem) -> Int {
    skipSpace()
    let digits = text[offset...].prefix { (0x30...0x39).contains($0) }
    guard let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw .malformedHeader("a number is missing or too large at character \(offset)")
    }
    offset += digits.count
    // Python 2 wrote long integers as 3L.
    _ = take("L")
    return value
  }
}
