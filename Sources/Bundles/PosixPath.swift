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

  /// A file's name apart: `os.path.splitext`, where leading dots are no suffix.
  static func split(_ path: String) -> (root: String, suffix: String) {
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let visible = path[start...].firstIndex { $0 != "." } ?? path.endIndex
    guard let dot = path[visible...].lastIndex(of: ".") else { return (path, "") }
    return (String(path[..<dot]), String(path[dot...]))
  }

  /// `os.path.isfile` and `os.path.isdir`: symbolic links are followed.
  static func isFile(_ path: String) -> Bool {
    if case .file? = kind(path) { true } else { false }
  }

  static func isFolder(_ path: String) -> Bool {
    if case .folder? = kind(path) { true } else { false }
  }

  private static func kind(_ path: String) -> PathKind? { path.utf8.contains(0) ? nil : PathKind(path: path) }

  /// The text of `pathlib.PurePosixPath(path)`: no empty and no `.` parts.
  static func pure(_ path: String) -> String {
    let parts = path.split(separator: "/").filter { $0 != "." }
    // POSIX gives exactly two leading slashes a meaning of their own, and pathlib keeps them.
    let root = path.hasPrefix("//") && !path.hasPrefix("///") ? "//" : path.hasPrefix("/") ? "/" : ""
    let joined = root + parts.joined(separator: "/")
    return joined.isEmpty ? "." : joined
  }

  /// `os.path.exists`: symbolic links are followed.
  static func exists(_ path: String) -> Bool { kind(path) != nil }
}
