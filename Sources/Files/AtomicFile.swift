import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes a file that appears whole or not at all: the bytes go to a file beside it, which is synced and then
/// renamed into place. A failure removes the unfinished file and leaves an older one untouched.
package enum AtomicFile {
  /// Receives the bytes in order.
  package struct Writer: ~Copyable {
    let descriptor: Int32
    let path: String
    /// Bytes written so far.
    package private(set) var count = 0

    fileprivate init(descriptor: Int32, path: String) {
      self.descriptor = descriptor
      self.path = path
    }

    /// - Throws: ``FileError/cannotWrite(path:reason:)``; `InterruptedError` when a stop was requested.
    package mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
      var rest = bytes
      while let base = rest.baseAddress, rest.count > 0 {
        try Cancellation.check()
        let written = systemWrite(descriptor, base, min(rest.count, 64 << 20))
        if written < 0 {
          if errno == EINTR { continue }
          throw FileError.cannotWrite(path: path, reason: systemReason())
        }
        count += written
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }

    package mutating func write(_ bytes: [UInt8]) throws {
      try bytes.withUnsafeBytes { try write($0) }
    }

    package mutating func write(_ text: String) throws {
      try write(Array(text.utf8))
    }
  }

  /// Creates the folders above `path`, runs `body` and puts what it wrote at `path`.
  /// - Throws: ``FileError``, `InterruptedError`, and whatever `body` throws.
  package static func write(to path: String, _ body: (inout Writer) throws -> Void) throws {
    try Folders.create(Paths.parent(of: path))
    let partial = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).partial"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
    var isOpen = true
    do {
      var writer = Writer(descriptor: descriptor, path: path)
      try body(&writer)
      guard fsync(descriptor) == 0 || errno == EINVAL else {
        throw FileError.cannotWrite(path: path, reason: systemReason())
      }
      isOpen = false
      guard close(descriptor) == 0 else { throw FileError.cannotWrite(path: path, reason: systemReason()) }
      guard rename(partial, path) == 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
    } catch {
      if isOpen { close(descriptor) }
      unlink(partial)
      throw error
    }
    Folders.sync(Paths.parent(of: path))
  }

  /// Writes `bytes` as the whole file.
  package static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { try $0.write(bytes) }
  }

  /// Writes `text` in UTF-8 as the whole file.
  package static func write(_ text: String, to path: String) throws {
    try write(Array(text.utf8), to: path)
  }
}

private func systemWrite(_ descriptor: Int32, _ base: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, base, count)
}
