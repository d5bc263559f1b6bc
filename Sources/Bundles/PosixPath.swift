import Files

/// Path arithmetic as Python's `posixpath` and `pathlib` have it.
enum PosixPath {
  /// `os.path.join`: an absolute part discards what stands before it.
  static func join(_ parts: [String]) -> String {
    guard var path = parts.first else { return "" }
    for part in parts.dropFirst() {
      if part.hasPrefix("/") {
        path = part
      } else if path.isEmpty || path.hasSuffix("/") {
        path += part
      } else {
        path += "/" + part
      }
    }
    return path
  }

  /// `os.path.basename`: what follows the last slash.
  static func basename(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
  }

  /// `os.path.dirname`: what stands before the last slash, without trailing slashes unless it is nothing else.
  static func dirname(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    let head = path[...slash]
    guard let last = head.lastIndex(where: { $0 != "/" }) else { return String(head) }
    return String(head[...last])
  }

  /// The text of `pathlib.PurePosixPath(path)`: no empty and no `.` parts.
  static func pure(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    // POSIX gives exactly two leading slashes a meaning of their own, and pathlib keeps them.
    let root = path.hasPrefix("//") && !path.hasPrefix("///") ? "//" : path.hasPrefix("/") ? "/" : ""
    let joined = root + parts.joined(separator: "/")
    return joined.isEmpty ? "." : joined
  }

  /// `os.path.exists`: symbolic links are followed.
  static func exists(_ path: String) -> Bool { !path.utf8.contains(0) && PathKind(path: path) != nil }
}
