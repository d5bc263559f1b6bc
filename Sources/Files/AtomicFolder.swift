import Diagnostics
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writes a folder that appears whole or not at all, in the place of an older one.
///
/// The files go to a folder beside it, `.<name>.<process>.<number>.partial`, and are synced. Then one system call
/// exchanges the two folders. A file system that can't do that gets two renames: the old folder to `.<name>.old`, the
/// new one into place. Whatever the moment at which the process is killed, the old folder or the new one is at the
/// path, or, between the two renames, the old one is at `.<name>.old`: ``recover(_:)`` puts it back.
package enum AtomicFolder {
  /// The folders that this process is writing, by where they are to go.
  private static let unfinished = Mutex<[String: String]>([:])

  /// Runs `body` with the path of an empty folder and puts what it wrote there at `path`.
  /// Leftovers of killed processes are removed.
  /// - Throws: ``FileError``, `InterruptedError`, and whatever `body` throws; nothing is left then, and an older folder
  ///   is untouched.
  package static func write(to path: String, _ body: (_ folder: String) throws -> Void) throws {
    let path = trimmed(path)
    let parent = Paths.parent(of: path)
    try Folders.create(parent)
    recover(path)
    removeLeftovers(of: path)
    let partial = sibling(path, "\(getpid()).\(UInt32.random(in: 0 ... .max)).partial")
    guard mkdir(partial, 0o755) == 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
    unfinished.withLock { $0[partial] = path }
    do {
      try body(partial)
      try Cancellation.check()
      try syncAll(partial)
      try unfinished.withLock { unfinished in
        // Whoever waited for it has gone and taken it away.
        guard unfinished.removeValue(forKey: partial) != nil else { throw InterruptedError() }
        try put(partial, at: path)
      }
    } catch {
      unfinished.withLock { $0[partial] = nil }
      remove(partial)
      throw (error as? FileError)?.moved(from: partial, to: path) ?? error
    }
    Folders.sync(parent)
    // After an exchange the older folder is there.
    remove(partial)
    remove(sibling(path, "old"))
  }

  /// Removes what a thread of this process that nobody waits for any more has written of the folder `path`; that
  /// thread's ``write(to:_:)`` then throws.
  package static func abandon(_ path: String) {
    let path = trimmed(path)
    unfinished.withLock { unfinished in
      for partial in unfinished.filter({ $0.value == path }).keys {
        unfinished[partial] = nil
        remove(partial)
      }
    }
  }

  /// Puts an older folder back that was on its way out when the process was killed. Harmless at any time.
  package static func recover(_ path: String) {
    let path = trimmed(path)
    guard PathKind(path: path) == nil else { return }
    _ = rename(sibling(path, "old"), path)
  }

  private static func put(_ partial: String, at path: String) throws {
    if PathKind(path: path) == nil {
      guard rename(partial, path) == 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
      return
    }
    if exchange(partial, path) { return }
    let old = sibling(path, "old")
    remove(old)
    guard rename(path, old) == 0 else { throw FileError.cannotCreate(path: path, reason: systemReason()) }
    guard rename(partial, path) == 0 else {
      let reason = systemReason()
      _ = rename(old, path)
      throw FileError.cannotCreate(path: path, reason: reason)
    }
  }

  /// Exchanges what stands at two paths, in one step; false when the file system can't.
  private static func exchange(_ first: String, _ second: String) -> Bool {
    #if canImport(Glibc)
      // renameat2(2) isn't among the functions that Swift imports; a C library without it has no exchange.
      typealias Rename = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
      guard let symbol = dlsym(nil, "renameat2") else { return false }
      let renameExchange: UInt32 = 1 << 1
      return unsafeBitCast(symbol, to: Rename.self)(AT_FDCWD, first, AT_FDCWD, second, renameExchange) == 0
    #elseif canImport(Darwin)
      return renamex_np(first, second, UInt32(RENAME_SWAP)) == 0
    #else
      return false
    #endif
  }

  private static func trimmed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    return path
  }

  private static func sibling(_ path: String, _ suffix: String) -> String {
    Paths.join(Paths.parent(of: path), ".\(Paths.name(of: path)).\(suffix)")
  }

  /// Removes unfinished folders of processes that are no more.
  private static func removeLeftovers(of path: String) {
    let parent = Paths.parent(of: path)
    let prefix = ".\(Paths.name(of: path))."
    guard let names = try? Folders.names(in: parent) else { return }
    for name in names where name.hasPrefix(prefix) && name.hasSuffix(".partial") {
      guard let process = name.dropFirst(prefix.count).split(separator: ".").first.flatMap({ pid_t($0) }), process > 0,
        kill(process, 0) != 0, errno == ESRCH
      else { continue }
      remove(Paths.join(parent, name))
    }
  }

  private static func syncAll(_ folder: String) throws {
    for name in try Folders.names(in: folder) {
      let path = Paths.join(folder, name)
      if case .folder? = PathKind(path: path) {
        try syncAll(path)
        continue
      }
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw FileError.cannotRead(path: path, reason: systemReason()) }
      defer { close(descriptor) }
      guard fsync(descriptor) == 0 || errno == EINVAL else {
        throw FileError.cannotWrite(path: path, reason: systemReason())
      }
    }
    Folders.sync(folder)
  }

  private static func remove(_ folder: String) { try? FileManager.default.removeItem(atPath: folder) }
}
