import CDeflate
package import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

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

  /// The first `count` bytes of the decompressed file, the checksum of each member verified unless bytes follow that
  /// weren't asked for.
  ///
  /// Memory is only reserved, not used, until the stream really fills it; and never more than the compressed bytes
  /// could make.
  /// - Throws: ``GzipError``.
  package static func decompress(_ bytes: UnsafeRawBufferPointer, count: Int) throws -> Storage {
    let (bound, overflow) = bytes.count.multipliedReportingOverflow(by: highestRatio)
    guard overflow || count <= bound else { throw GzipError.tooShort(expected: count, found: bound) }
    let target = try reserve(count)
    let storage = Storage(foreign: UnsafeRawBufferPointer(target)) { munmap(target.baseAddress, target.count) }
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
        // The member holds more than is asked for: only a stream can stop in its middle.
        guard try inflatePrefix(of: source, into: rest) == rest.count else {
          throw GzipError.damaged(reason: "a member's length changes between two readings")
        }
        return storage
      default:
        throw GzipError.damaged(reason: "a block or a checksum is wrong")
      }
    }
    return storage
  }

  /// Pages that cost nothing until they are written.
  private static func reserve(_ count: Int) throws -> UnsafeMutableRawBufferPointer {
    let length = max(count, 1)
    #if canImport(Glibc)
      let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
    #else
      let flags = MAP_PRIVATE | MAP_ANON
    #endif
    guard let pages = mmap(nil, length, PROT_READ | PROT_WRITE, flags, -1, 0), pages != MAP_FAILED else {
      throw GzipError.outOfMemory(byteCount: count)
    }
    #if canImport(Glibc)
      madvise(pages, length, MADV_HUGEPAGE)
    #endif
    return UnsafeMutableRawBufferPointer(start: pages, count: length)
  }

  /// Fills `target` from the start of the decompressed file; gives the number of bytes written.
  private static func inflatePrefix(
    of bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) throws -> Int {
    var stream = z_stream()
    // 31: a window of 2^15 and gzip's wrapper.
    let status = inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw GzipError.outOfMemory(byteCount: 1 << 16) }
    defer { inflateEnd(&stream) }
    var consumed = 0
    var produced = 0
    while produced < target.count, consumed < bytes.count {
      let offered = min(bytes.count - consumed, 1 << 30)
      let room = min(target.count - produced, 1 << 30)
      stream.next_in = UnsafeMutablePointer(
        mutating: bytes.baseAddress?.advanced(by: consumed).assumingMemoryBound(to: UInt8.self))
      stream.avail_in = UInt32(offered)
      stream.next_out = target.baseAddress?.advanced(by: produced).assumingMemoryBound(to: UInt8.self)
      stream.avail_out = UInt32(room)
      let status = inflate(&stream, Z_NO_FLUSH)
      consumed += offered - Int(stream.avail_in)
      produced += room - Int(stream.avail_out)
      switch status {
      case Z_OK: continue
      case Z_STREAM_END:
        guard isGzip(UnsafeRawBufferPointer(rebasing: bytes[consumed...])) else { return produced }
        inflateReset(&stream)
      case Z_BUF_ERROR: return produced
      default: throw GzipError.damaged(reason: "a block or a checksum is wrong")
      }
    }
    return produced
  }
}
