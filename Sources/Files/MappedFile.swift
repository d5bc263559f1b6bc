import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A whole file mapped into memory, read-only, for as long as the object lives.
package final class MappedFile: Sendable {
  package let path: String
  /// The file's bytes. Valid only while the object lives: whoever keeps a pointer to them keeps the object too, and a
  /// passing look goes through ``withBytes(_:)``.
  package nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

  /// What keeps bytes that weren't mapped here.
  private let owner: (any Sendable)?

  /// Maps the regular file at `path`.
  /// - Throws: ``FileError/cannotOpen(path:reason:)``, ``FileError/notARegularFile(path:)``.
  package init(path: String) throws {
    self.path = path
    owner = nil
    // A pipe is refused below; opening it must not wait for someone to write to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError.cannotOpen(path: path, reason: systemReason()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError.cannotOpen(path: path, reason: systemReason()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError.notARegularFile(path: path) }
    let count = Int(status.st_size)
    guard count > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let base = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw FileError.cannotOpen(path: path, reason: systemReason())
    }
    bytes = UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Bytes inside another file, under a path that says so; `owner` keeps them.
  package init(path: String, bytes: UnsafeRawBufferPointer, owner: any Sendable) {
    self.path = path
    self.bytes = bytes
    self.owner = owner
  }

  /// Whether the bytes are the mapping itself, so that the file still has what memory forgets.
  package var isMapping: Bool { owner == nil }

  /// Gives the bytes to `body`; the mapping stays until it returns.
  package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(bytes) }
  }

  deinit {
    if owner == nil, let base = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: base), bytes.count) }
  }
}
