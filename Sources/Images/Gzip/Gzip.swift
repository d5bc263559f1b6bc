import CDeflate
package import Tensors

/// Reading gzip files (RFC 1952), of one member or several.
package enum Gzip {
  /// Deflate makes at most 1032 bytes of one.
  private static let highestRatio = 1032

  /// Whether `bytes` begin with gzip's magic and method.
  package static func isGzip(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 18 && bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8
  }

  /// The first `count` bytes, or as many as there are.
  /// - Throws: ``GzipError/damaged(reason:)`` when the stream is damaged before that.
  package static func prefix(of bytes: UnsafeRawBufferPointer, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, produced in
      produced = try inflatePrefix(of: bytes, into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// The first `count` bytes of the decompressed file; the checksums of the members that hold them are verified.
  ///
  /// Memory is only reserved, not used, until the stream really fills it; and never more than the compressed bytes
  /// could make.
  /// - Throws: ``GzipError``.
  package static func decompress(_ bytes: UnsafeRawBufferPointer, count: Int) throws -> Storage {
    let (bound, overflow) = bytes.count.multipliedReportingOverflow(by: highestRatio)
    guard overflow || count <= bound else { throw GzipError.tooShort(expected: count, found: bound) }
    guard let block = LargeBlocks.take(max(count, 1), isZeroed: false, isReserved: true) else {
      throw GzipError.outOfMemory(byteCount: count)
    }
    let target = UnsafeMutableRawBufferPointer(start: block.pages, count: count)
    let storage = Storage(foreign: UnsafeRawBufferPointer(target)) { LargeBlocks.give(block) }
    guard let decompressor = libdeflate_alloc_decompressor() else { throw GzipError.outOfMemory(byteCount: 1 << 16) }
    defer { libdeflate_free_decompressor(decompressor) }

    var source = bytes
    var rest = target
    while rest.count > 0 {
      guard isGzip(source) else { throw GzipError.tooShort(expected: count, found: count - rest.count) }
      var consumed = 0
      var produced = 0
      let result = libdeflate_gzip_decompress_ex(
        decompressor, source.baseAddress, source.count, rest.baseAddress, rest.count, &consumed, &produced)
      switch result {
      case LIBDEFLATE_SUCCESS:
        source = UnsafeRawBufferPointer(rebasing: source[consumed...])
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[produced...])
      case LIBDEFLATE_INSUFFICIENT_SPACE:
        // The member holds more than is asked for: only a stream can set the rest aside.
        guard try inflatePrefix(of: source, into: rest) == rest.count else {
          throw GzipError.damaged(reason: "a member's length changes between two readings")
        }
        try verifyMember(source)
        return storage
      default:
        throw GzipError.damaged(reason: "a block or a checksum is wrong")
      }
    }
    return storage
  }

  /// Inflates the first member of `bytes` and keeps nothing of it; its end tells whether the checksum is right.
  private static func verifyMember(_ bytes: UnsafeRawBufferPointer) throws {
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    defer { scratch.deallocate() }
    let inflater = try Inflater(bytes)
    while !inflater.isAtMemberEnd {
      let count = try inflater.next(into: scratch)
      guard count > 0 || inflater.isAtMemberEnd || !inflater.isExhausted else {
        throw GzipError.damaged(reason: "a member has no end")
      }
    }
  }

  /// Fills `target` from the start of the decompressed file; gives the number of bytes written.
  private static func inflatePrefix(
    of bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    let inflater = try Inflater(bytes)
    var produced = 0
    while produced < target.count {
      let count = try inflater.next(into: UnsafeMutableRawBufferPointer(rebasing: target[produced...]))
      produced += count
      if inflater.isAtMemberEnd {
        guard inflater.startNextMember() else { return produced }
      } else if count == 0, inflater.isExhausted {
        return produced
      }
    }
    return produced
  }
}

/// zlib's stream over the members of a gzip file.
private final class Inflater {
  // At one address for life: zlib refuses a stream that has moved.
  private let stream: UnsafeMutablePointer<z_stream>
  private let bytes: UnsafeRawBufferPointer
  private var consumed = 0
  private(set) var isAtMemberEnd = false

  var isExhausted: Bool { consumed == bytes.count }

  init(_ bytes: UnsafeRawBufferPointer) throws {
    self.bytes = bytes
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // 31: a window of 2^15 and gzip's wrapper.
    let status = inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw GzipError.outOfMemory(byteCount: 1 << 16) }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Fills as much of `target` as one step gives; 0 when the bytes end or the member does.
  func next(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    let offered = min(bytes.count - consumed, 1 << 30)
    let room = min(target.count, 1 << 30)
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: bytes.baseAddress?.advanced(by: consumed).assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(offered)
    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(room)
    let status = inflate(stream, Z_NO_FLUSH)
    consumed += offered - Int(stream.pointee.avail_in)
    guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
      throw GzipError.damaged(reason: "a block or a checksum is wrong")
    }
    isAtMemberEnd = status == Z_STREAM_END
    return room - Int(stream.pointee.avail_out)
  }

  /// Goes on behind the member that has ended; false when no other one follows.
  func startNextMember() -> Bool {
    guard Gzip.isGzip(UnsafeRawBufferPointer(rebasing: bytes[consumed...])) else { return false }
    isAtMemberEnd = false
    return inflateReset(stream) == Z_OK
  }
}
