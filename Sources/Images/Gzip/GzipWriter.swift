import CDeflate
package import Files
import Tensors

/// Writes one gzip member (RFC 1952) whose pieces are compressed on all cores at once.
///
/// Each piece is raw deflate that ends with a sync flush, so the pieces join to one stream; their checksums are
/// combined. Nothing but one batch of compressed pieces is kept in memory.
package struct GzipWriter {
  private static let pieceLength = 512 << 10
  /// Room for one compressed piece: deflate's growth of incompressible data, and the sync flush.
  private static let pieceRoom = pieceLength + pieceLength / 1000 + 4096
  private static let piecesPerBatch = 4 * Parallel.coreCount

  private let level: Int32
  private var hasHeader = false
  private var checksum: UInt = 0
  private var count = 0
  private var compressed: [UInt8] = []

  /// - Parameter level: zlib's, 1 (fastest; nibabel's default) to 9.
  package init(level: Int = 1) { self.level = Int32(min(max(level, 1), 9)) }

  /// Compresses `bytes` as the next part of the file. Large calls keep all cores busy, small ones don't.
  /// - Throws: `FileError`, `InterruptedError`, ``GzipError/compressionFailed(code:)``.
  package mutating func write(_ bytes: UnsafeRawBufferPointer, to file: inout AtomicFile.Writer) throws {
    try writeHeader(to: &file)
    let batch = Self.pieceLength * Self.piecesPerBatch
    for start in stride(from: 0, to: bytes.count, by: batch) {
      let part = UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + batch, bytes.count)])
      try writeBatch(part, to: &file)
    }
  }

  /// Ends the stream. Nothing may be written after it.
  package mutating func finish(to file: inout AtomicFile.Writer) throws {
    try writeHeader(to: &file)
    // An empty final block, the checksum and the length modulo 2^32, both little-endian.
    var trailer: [UInt8] = [0x03, 0x00]
    for value in [UInt32(truncatingIfNeeded: checksum), UInt32(truncatingIfNeeded: count)] {
      trailer += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    try file.write(trailer)
  }

  private mutating func writeHeader(to file: inout AtomicFile.Writer) throws {
    guard !hasHeader else { return }
    hasHeader = true
    // Magic, deflate, no flags, no time, the speed hint (4 fastest, 2 smallest), unknown system.
    try file.write([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level == 1 ? 4 : level == 9 ? 2 : 0, 255])
  }

  private mutating func writeBatch(_ bytes: UnsafeRawBufferPointer, to file: inout AtomicFile.Writer) throws {
    let pieces = (bytes.count + Self.pieceLength - 1) / Self.pieceLength
    if compressed.count < pieces * Self.pieceRoom { compressed = [UInt8](repeating: 0, count: pieces * Self.pieceRoom) }
    var results = [PieceResult](repeating: PieceResult(), count: pieces)
    let level = level
    try compressed.withUnsafeMutableBytes { room in
      results.withUnsafeMutableBufferPointer { results in
        let source = Shared(bytes)
        let target = Shared(room)
        let outcome = Shared(results)
        Parallel.forEach(pieces) { range in
          for piece in range {
            let start = piece * Self.pieceLength
            let part = source.value[start..<min(start + Self.pieceLength, source.value.count)]
            outcome.value[piece] = Self.compress(
              UnsafeRawBufferPointer(rebasing: part), level: level,
              into: UnsafeMutableRawBufferPointer(
                rebasing: target.value[piece * Self.pieceRoom..<(piece + 1) * Self.pieceRoom]))
          }
        }
      }
      for (piece, result) in results.enumerated() {
        guard result.status == Z_OK else { throw GzipError.compressionFailed(code: Int(result.status)) }
        let start = piece * Self.pieceRoom
        try file.write(UnsafeRawBufferPointer(rebasing: room[start..<start + result.compressedCount]))
        checksum = crc32_combine(checksum, result.checksum, result.count)
        count += result.count
      }
    }
  }

  private struct PieceResult {
    var status: Int32 = Z_OK
    var count = 0
    var compressedCount = 0
    var checksum: UInt = 0
  }

  private static func compress(
    _ bytes: UnsafeRawBufferPointer, level: Int32, into target: UnsafeMutableRawBufferPointer
  ) -> PieceResult {
    var result = PieceResult()
    var stream = z_stream()
    // -15: raw deflate with a window of 2^15; 9: the largest hash memory.
    result.status = deflateInit2_(
      &stream, level, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard result.status == Z_OK else { return result }
    defer { deflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(bytes.count)
    stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(target.count)
    result.status = deflate(&stream, Z_SYNC_FLUSH)
    // Room left over proves that the flush is complete.
    if result.status == Z_OK, stream.avail_in > 0 || stream.avail_out == 0 { result.status = Z_BUF_ERROR }
    result.count = bytes.count
    result.compressedCount = target.count - Int(stream.avail_out)
    result.checksum = UInt(libdeflate_crc32(0, bytes.baseAddress, bytes.count))
    return result
  }
}
