import CDeflate
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Raw deflate (RFC 1951), decompressed in one piece.
enum Inflate {
  /// - Parameters:
  ///   - size: the exact number of bytes that must come out.
  ///   - checksum: their CRC-32.
  /// - Throws: ``ZipProblem``.
  static func storage(_ compressed: UnsafeRawBufferPointer, size: Int, checksum: UInt32) throws -> Storage {
    let (storage, target) = try memory(size)
    guard let decompressor = libdeflate_alloc_decompressor() else { throw ZipProblem.notEnoughMemory(size: size) }
    defer { libdeflate_free_decompressor(decompressor) }
    return try withExtendedLifetime(storage) {
      // No place for an actual size: anything but exactly `size` bytes is an error.
      let result = libdeflate_deflate_decompress(
        decompressor, compressed.baseAddress, compressed.count, target.baseAddress, size, nil)
      guard result == LIBDEFLATE_SUCCESS else { throw ZipProblem.inflateFailed }
      guard libdeflate_crc32(0, target.baseAddress, size) == checksum else { throw ZipProblem.wrongChecksum }
      return storage
    }
  }

  /// Fresh memory. The declared size isn't trusted: large blocks are only reserved, their pages come as bytes do, and
  /// a refusal of the system is an error.
  private static func memory(_ size: Int) throws -> (Storage, UnsafeMutableRawBufferPointer) {
    if size < 1 << 20 {
      let storage = Storage(byteCount: size, isZeroed: false)
      return (storage, UnsafeMutableRawBufferPointer(mutating: storage.bytes))
    }
    guard let pages = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0), pages != MAP_FAILED else {
      throw ZipProblem.notEnoughMemory(size: size)
    }
    let target = UnsafeMutableRawBufferPointer(start: pages, count: size)
    return (Storage(foreign: UnsafeRawBufferPointer(target)) { munmap(pages, size) }, target)
  }
}
