import CDeflate

/// Writes pictures as PNG (ISO/IEC 15948): 8-bit RGB, no interlace, one zlib stream.
package enum PNG {
  /// - Parameter pixels: `width · height` pixels of three bytes, row by row from the top.
  /// - Throws: ``GzipError/compressionFailed(code:)``.
  package static func encode(width: Int, height: Int, pixels: [UInt8]) throws -> [UInt8] {
    precondition(width > 0 && height > 0 && pixels.count == width * height * 3, "a picture needs 3 bytes per pixel")
    var png: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
    // Bit depth 8, colour type 2 (RGB), deflate, adaptive filters, no interlace.
    append("IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, 2, 0, 0, 0], to: &png)
    append("IDAT", try compress(filtered(pixels, width: width, height: height)), to: &png)
    append("IEND", [], to: &png)
    return png
  }

  /// Each row begins with its filter's number; "up" suits pictures with large even areas.
  private static func filtered(_ pixels: [UInt8], width: Int, height: Int) -> [UInt8] {
    let row = width * 3
    var result: [UInt8] = []
    result.reserveCapacity((row + 1) * height)
    for y in 0..<height {
      result.append(2)
      for x in y * row..<(y + 1) * row { result.append(pixels[x] &- (y > 0 ? pixels[x - row] : 0)) }
    }
    return result
  }

  private static func compress(_ bytes: [UInt8]) throws -> [UInt8] {
    var count = compressBound(UInt(bytes.count))
    var result = [UInt8](repeating: 0, count: Int(count))
    let status = compress2(&result, &count, bytes, UInt(bytes.count), 9)
    guard status == Z_OK else { throw GzipError.compressionFailed(code: Int(status)) }
    return Array(result.prefix(Int(count)))
  }

  private static func append(_ type: String, _ data: [UInt8], to png: inout [UInt8]) {
    let body = Array(type.utf8) + data
    png += bigEndian(UInt32(data.count)) + body + bigEndian(libdeflate_crc32(0, body, body.count))
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }
}
