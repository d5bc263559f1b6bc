import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes a file that appears whole or not at all: the bytes go to a file beside it, which is synced and then
/// renamed into place. A failure removes the unfinished file and leaves an older one untouched. A symbolic link is
/// replaced by the file.
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
    try put([try Unfinished(path, body)])
  }

  /// Writes several files, each by `body` with its index, and puts none in its place before all are whole.
  /// - Throws: ``FileError``, `InterruptedError`, and whatever `body` throws.
  package static func write(to paths: [String], _ body: (Int, inout Writer) throws -> Void) throws {
    var unfinished: [Unfinished] = []
    do {
      for (index, path) in paths.enumerated() { unfinished.append(try Unfinished(path) { try body(index, &$0) }) }
    } catch {
      for file in unfinished { unlink(file.partial) }
      throw error
    }
    try put(unfinished)
  }

  /// A file that is whole and synced, beside its place.
  private struct Unfinished {
    let path: String
    let partial: String

    init(_ path: String, _ body: (inout Writer) throws -> Void) throws {
      // To rename a file onto a device or a pipe would take it away from everyone.
      if case .other? = PathKind(path: path) {
        throw FileError.cannotCreate(path: path, reason: "a device or a pipe of that name is in the way")
      }
      try Folders.create(Paths.parent(of: path))
      AtomicFile.removeLeftovers(of: path)
      self.path = path
      partial = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).partial"
      let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
      // As long as this process lives, the lock says that the file is being written.
      _ = flock(descriptor, LOCK_EX | LOCK_NB)
      var isOpen = true
      do {
        var writer = Writer(descriptor: descriptor, path: path)
        try body(&writer)
        guard fsync(descriptor) == 0 || errno == EINVAL else {
          throw FileError.cannotWrite(path: path, reason: systemReason())
        }
        isOpen = false
        guard close(descriptor) == 0 else { throw FileError.cannotWrite(path: path, reason: systemReason()) }
      } catch {
        if isOpen { close(descriptor) }
        unlink(partial)
        throw error
      }
    }
  }

  private static func put(_ files: [Unfinished]) throws {
    for (index, file) in files.enumerated() {
      guard rename(file.partial, file.path) == 0 else {
        let reason = systemReason()
        for rest in files[index...] { unlink(rest.partial) }
        throw FileError.cannotCreate(path: file.path, reason: reason)
      }
    }
    for folder in Set(files.map { Paths.parent(of: $0.path) }) { Folders.sync(folder) }
  }

  /// Removes unfinished files of processes that were killed. A file is left where its process is still there, or where
  /// somebody holds its lock: a process on another machine, when the file system is shared.
  private static func removeLeftovers(of path: String) {
    let parent = Paths.parent(of: path)
    let prefix = "\(Paths.name(of: path))."
    for name in (try? Folders.names(in: parent)) ?? [] where name.hasPrefix(prefix) && name.hasSuffix(".partial") {
      let parts = name.dropFirst(prefix.count).split(separator: ".")
      guard parts.count == 3, let process = pid_t(parts[0]), process > 0, UInt32(parts[1]) != nil,
        kill(process, 0) != 0, errno == ESRCH
      else { continue }
      let leftover = Paths.join(parent, name)
      let descriptor = open(leftover, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
      guard descriptor >= 0 else { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(leftover) }
      close(descriptor)
    }
  }

  /// Removes what a thread of this process that nobody waits for any more has written of the file `path`; that thread's
  /// ``write(to:_:)`` then throws.
  package static func abandon(_ path: String) {
    let parent = Paths.parent(of: path)
    let prefix = "\(Paths.name(of: path)).\(getpid())."
    for name in (try? Folders.names(in: parent)) ?? [] where name.hasPrefix(prefix) && name.hasSuffix(".partial") {
      unlink(Paths.join(parent, name))
    }
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
