import OrderedCollections

/// Reads JSON as Python's `json.load` does: strict, but for `NaN`, `Infinity` and `-Infinity`; of a repeated key
/// the last value stands. Integers are 64-bit. The nesting is bounded by ``ConfigValue/maximumDepth``.
package struct JSONReader {
  private let bytes: [UInt8]
  private let file: String
  private var index = 0

  /// - Throws: ``ConfigError/notJSON(file:line:column:reason:)``.
  package static func read(_ bytes: [UInt8], file: String) throws -> ConfigValue {
    var reader = JSONReader(bytes: bytes, file: file)
    guard !bytes.isEmpty else { throw reader.error("the file is empty") }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.index = 3 }
    let value = try reader.readValue(depth: 0)
    reader.skipSpace()
    guard reader.current == nil else { throw reader.error("text follows the value") }
    return value
  }

  private init(bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
  }

  private var current: UInt8? { index < bytes.count ? bytes[index] : nil }

  private func error(_ reason: String, at place: Int? = nil) -> ConfigError {
    let end = min(place ?? index, bytes.count)
    var line = 1
    var column = 1
    for byte in bytes[..<end] {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return .notJSON(file: file, line: line, column: column, reason: reason)
  }

  /// What stands here that YAML, Python or other readers of JSON would take.
  private var foreign: String? {
    switch current {
    case UInt8(ascii: "/"), UInt8(ascii: "#"): "JSON has no comments"
    case UInt8(ascii: "'"): "a text stands in double quotes, not in single ones"
    case UInt8(ascii: "}"), UInt8(ascii: "]"): "a comma stands behind the last entry"
    default: nil
    }
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    index += 1
    return true
  }

  // MARK: Values

  private mutating func readValue(depth: Int) throws -> ConfigValue {
    guard depth < ConfigValue.maximumDepth else {
      throw error("nested more than \(ConfigValue.maximumDepth) levels deep")
    }
    skipSpace()
    guard let byte = current else { throw error("the text ends where a value should stand") }
    switch byte {
    case UInt8(ascii: "{"): return .dictionary(try readObject(depth: depth))
    case UInt8(ascii: "["): return .list(try readArray(depth: depth))
    case UInt8(ascii: "\""): return .string(try readString())
    default: break
    }
    for (word, value) in Self.words where bytes[index...].starts(with: word) {
      index += word.count
      return value
    }
    return try readNumber()
  }

  private static let words: [([UInt8], ConfigValue)] = [
    (Array("true".utf8), .bool(true)), (Array("false".utf8), .bool(false)), (Array("null".utf8), .null),
    (Array("NaN".utf8), .double(.nan)), (Array("Infinity".utf8), .double(.infinity)),
    (Array("-Infinity".utf8), .double(-.infinity)),
  ]

  private mutating func readObject(depth: Int) throws -> OrderedDictionary<String, ConfigValue> {
    index += 1
    var entries: OrderedDictionary<String, ConfigValue> = [:]
    skipSpace()
    if take("}") { return entries }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw error(foreign ?? "expected a key in double quotes") }
      let key = try readString()
      skipSpace()
      guard take(":") else { throw error("expected ':' after the key") }
      entries[key] = try readValue(depth: depth + 1)
      skipSpace()
      if take("}") { return entries }
      guard take(",") else { throw error("expected ',' or '}' after the value") }
    }
  }

  private mutating func readArray(depth: Int) throws -> [ConfigValue] {
    index += 1
    var items: [ConfigValue] = []
    skipSpace()
    if take("]") { return items }
    while true {
      items.append(try readValue(depth: depth + 1))
      skipSpace()
      if take("]") { return items }
      guard take(",") else { throw error("expected ',' or ']' after the item") }
    }
  }

  private mutating func readNumber() throws -> ConfigValue {
    let start = index
    var isInteger = true
    _ = take("-")
    let digits = takeDigits()
    guard digits > 0 else { throw error(foreign ?? "expected a value", at: start) }
    guard digits == 1 || bytes[index - digits] != UInt8(ascii: "0") else {
      throw error("a number can't start with 0", at: start)
    }
    if take(".") {
      isInteger = false
      guard takeDigits() > 0 else { throw error("expected digits after the decimal point") }
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      guard takeDigits() > 0 else { throw error("expected digits in the exponent") }
    }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    if isInteger {
      guard let value = Int(text) else { throw error("the integer does not fit in 64 bits", at: start) }
      return .int(value)
    }
    guard let value = Double(text) else { throw error("'\(text)' is not a number", at: start) }
    return .double(value)
  }

  private mutating func takeDigits() -> Int {
    let start = index
    while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { index += 1 }
    return index - start
  }

  // MARK: Strings

  private mutating func readString() throws -> String {
    let start = index
    index += 1
    var text: [UInt8] = []
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        guard let string = String(validating: text, as: UTF8.self) else {
          throw error("the string is not valid UTF-8", at: start)
        }
        return string
      case UInt8(ascii: "\\"):
        try readEscape(into: &text)
      case 0..<0x20:
        throw error("a control character stands in a string; write it as an escape")
      default:
        text.append(byte)
        index += 1
      }
    }
    throw error("the string has no end", at: start)
  }

  private mutating func readEscape(into text: inout [UInt8]) throws {
    let start = index
    index += 1
    guard let byte = current else { throw error("the string has no end") }
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"): text.append(contentsOf: String(Character(try readCodePoint(at: start))).utf8)
    default: throw error("unknown escape", at: start)
    }
  }

  private mutating func readCodePoint(at start: Int) throws -> Unicode.Scalar {
    let first = try readCodeUnit(at: start)
    if let scalar = Unicode.Scalar(UInt32(first)) { return scalar }
    guard UTF16.isLeadSurrogate(first), take("\\"), take("u") else { throw error("half a surrogate pair", at: start) }
    let second = try readCodeUnit(at: start)
    guard UTF16.isTrailSurrogate(second) else { throw error("half a surrogate pair", at: start) }
    return UTF16.decode(UTF16.EncodedScalar([first, second]))
  }

  private mutating func readCodeUnit(at start: Int) throws -> UInt16 {
    guard index + 4 <= bytes.count else { throw error("the string has no end", at: start) }
    let digits = bytes[index..<index + 4]
    guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw error("expected four hexadecimal digits after \\u", at: start) }
    index += 4
    return unit
  }
}
