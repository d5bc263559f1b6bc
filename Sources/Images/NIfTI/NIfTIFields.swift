/// The fields of a NIfTI header as stored, in either version and byte order; nothing is judged here.
struct NIfTIFields {
  var version: NIfTIHeader.Version
  var isBigEndian: Bool
  var isPair: Bool
  /// dim[0] is the number of axes.
  var dim: [Int]
  var datatype: Int
  var pixdim: [Double]
  var voxelOffset: Double
  var slope: Double
  var intercept: Double
  var units: Int
  var description: String
  var qformCode: Int
  var sformCode: Int
  /// The quaternion's parts b, c, d.
  var quaternion: [Double]
  var offset: [Double]
  var srow: [[Double]]

  /// Nil when `bytes` begin neither with a NIfTI-1 nor a NIfTI-2 header.
  init?(_ bytes: [UInt8]) {
    guard let (version, isBigEndian) = Self.kind(bytes) else { return nil }
    self.version = version
    self.isBigEndian = isBigEndian
    let read = HeaderBytes(bytes: bytes, isBigEndian: isBigEndian)
    let magic = Array(bytes[(version == .one ? 344 : 4)...].prefix(3))
    let digit = UInt8(ascii: version == .one ? "1" : "2")
    switch magic {
    case [UInt8(ascii: "n"), UInt8(ascii: "+"), digit]: isPair = false
    case [UInt8(ascii: "n"), UInt8(ascii: "i"), digit]: isPair = true
    default: return nil
    }
    switch version {
    case .one:
      dim = (0..<8).map { read.int16(40 + 2 * $0) }
      datatype = read.int16(70)
      pixdim = (0..<8).map { read.float32(76 + 4 * $0) }
      voxelOffset = read.float32(108)
      slope = read.float32(112)
      intercept = read.float32(116)
      units = Int(bytes[123])
      description = read.text(148, 80)
      qformCode = read.int16(252)
      sformCode = read.int16(254)
      quaternion = (0..<3).map { read.float32(256 + 4 * $0) }
      offset = (0..<3).map { read.float32(268 + 4 * $0) }
      srow = (0..<3).map { row in (0..<4).map { read.float32(280 + 16 * row + 4 * $0) } }
    case .two:
      dim = (0..<8).map { read.int64(16 + 8 * $0) }
      datatype = read.int16(12)
      pixdim = (0..<8).map { read.float64(104 + 8 * $0) }
      voxelOffset = Double(read.int64(168))
      slope = read.float64(176)
      intercept = read.float64(184)
      units = read.int32(500)
      description = read.text(240, 80)
      qformCode = read.int32(344)
      sformCode = read.int32(348)
      quaternion = (0..<3).map { read.float64(352 + 8 * $0) }
      offset = (0..<3).map { read.float64(376 + 8 * $0) }
      srow = (0..<3).map { row in (0..<4).map { read.float64(400 + 32 * row + 8 * $0) } }
    }
  }

  /// The first field is the header's length, in the byte order of the file.
  private static func kind(_ bytes: [UInt8]) -> (NIfTIHeader.Version, isBigEndian: Bool)? {
    guard bytes.count >= 348 else { return nil }
    for isBigEndian in [false, true] {
      switch HeaderBytes(bytes: bytes, isBigEndian: isBigEndian).int32(0) {
      case 348: return (.one, isBigEndian)
      case 540 where bytes.count >= 540: return (.two, isBigEndian)
      default: continue
      }
    }
    return nil
  }
}

/// Numbers at fixed places of a header; the caller has checked that the header is long enough.
private struct HeaderBytes {
  let bytes: [UInt8]
  let isBigEndian: Bool

  private func integer<Integer: FixedWidthInteger>(_ offset: Int, _: Integer.Type) -> Integer {
    let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Integer.self) }
    return isBigEndian ? Integer(bigEndian: value) : Integer(littleEndian: value)
  }

  func int16(_ offset: Int) -> Int { Int(integer(offset, Int16.self)) }
  func int32(_ offset: Int) -> Int { Int(integer(offset, Int32.self)) }
  func int64(_ offset: Int) -> Int { Int(integer(offset, Int64.self)) }
  func float32(_ offset: Int) -> Double { Double(Float(bitPattern: integer(offset, UInt32.self))) }
  func float64(_ offset: Int) -> Double { Double(bitPattern: integer(offset, UInt64.self)) }
  func text(_ offset: Int, _ count: Int) -> String {
    String(decoding: bytes[offset..<offset + count].prefix { $0 != 0 }, as: UTF8.self)
  }
}
