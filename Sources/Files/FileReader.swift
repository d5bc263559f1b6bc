import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file whose bytes are copied when they are asked for.
///
/// Unlike a mapping it can't end the process when somebody else cuts the file meanwhile: what is missing is an error. Files
/// that come from outside and may change, such as scans, are read so.
package final class FileReader: Sendable {
  package let path: String
  /// The bytes that the file had when it was opened.
  package let count: Int
  private let descriptor: Int32

  /// Opens the regular file at `path`.
  /// - Throws: ``FileError/cannotOpen(path:reason:)``, ``FileError/notARegularFile(path:)``.
  package init(path: String) throws {
    self.path = path
    // A pipe is refused below; opening it must not wait for someone to write to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError.cannotOpen(path: path, reason: systemReason()) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = systemReason()
      close(descriptor)
      throw FileError.cannotOpen(path: path, reason: reason)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw FileError.notARegularFile(path: path)
    }
    self.descriptor = descriptor
    count = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills `target` with the bytes from `offset` on.
  /// - Throws: ``FileError/cannotRead(path:reason:)``, also when the file ends before.
  package func read(_ target: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while let base = target.baseAddress, done < target.count {
      let found = pread(descriptor, base + done, min(target.count - done, 64 << 20), off_t(offset + done))
      if found < 0 {
        if errno == EINTR { continue }
        throw FileError.cannotRead(path: path, reason: systemReason())
      }
      guard found > 0 else {
        throw FileError.cannotRead(path: path, reason: "the file became shorter while it was being read")
      }
      done += found
    }
  }

  /// The first `length` bytes, or as many as the file has.
  /// - Throws: ``FileError/cannotRead(path:reason:)``.
  package func prefix(_ length: Int) throws -> [UInt8] {
    let length = min(length, count)
    return try [UInt8](unsafeUninitializedCapacity: length) { buffer, initialized in
      try read(UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<length])), at: 0)
      initialized = length
    }
  }
}
