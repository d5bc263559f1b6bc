import Diagnostics

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Plain path arithmetic on POSIX paths; nothing here touches the disk.
package enum Paths {
  /// The last component: `c.nii.gz` of `a/b/c.nii.gz`.
  package static func name(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The folder that holds `path`; `.` for a bare name.
  package static func parent(of path: String) -> String {
    var trimmed = Substring(path)
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
  }

  /// `component` below `folder`; an absolute component stands for itself.
  package static func join(_ folder: String, _ component: String) -> String {
    if component.hasPrefix("/") || folder.isEmpty { return component }
    return folder.hasSuffix("/") ? folder + component : folder + "/" + component
  }

  /// The path without empty, `.` and inner `..` components.
  package static func normalized(_ path: String) -> String {
    var kept: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == "..", let last = kept.last, last != ".." {
        kept.removeLast()
      } else if part != ".." || !path.hasPrefix("/") {
        kept.append(part)
      }
    }
    let joined = kept.joined(separator: "/")
    return path.hasPrefix("/") ? "/" + joined : (joined.isEmpty ? "." : joined)
  }

  /// Whether the path leads to a place below `folder`, as it is written; links aren't followed.
  package static func isInside(_ path: String, _ folder: String) -> Bool {
    let folder = normalized(folder)
    let clean = normalized(path)
    if folder == "." { return !clean.hasPrefix("/") && clean != ".." && !clean.hasPrefix("../") }
    return clean.hasPrefix(folder == "/" ? "/" : folder + "/")
  }

  /// `relative` below `folder`, refused when it would leave it.
  /// - Throws: ``FileError/escapesFolder(path:folder:)`` for absolute paths and for `..` that climbs out.
  package static func resolve(_ relative: String, inside folder: String) throws -> String {
    let clean = normalized(relative)
    guard !relative.hasPrefix("/"), clean != "..", !clean.hasPrefix("../"), !relative.utf8.contains(0) else {
      throw FileError.escapesFolder(path: relative, folder: folder)
    }
    return join(folder, clean)
  }

  /// Makes sure that no symbolic link leads `path` out of `folder`; both must exist.
  /// - Throws: ``FileError/escapesFolder(path:folder:)``, ``FileError/cannotOpen(path:reason:)``.
  package static func requireRealPath(_ path: String, inside folder: String) throws {
    let real = try realPath(path)
    let root = try realPath(folder)
    guard real.hasPrefix(root == "/" ? root : root + "/") else {
      throw FileError.escapesFolder(path: path, folder: folder)
    }
  }

  private static func realPath(_ path: String) throws -> String {
    guard let real = realpath(path, nil) else { throw FileError.cannotOpen(path: path, reason: systemReason()) }
    defer { free(real) }
    return String(cString: real)
  }
}

/// What stands at a path.
package enum PathKind: Sendable {
  case file, folder, other

  /// What `path` leads to, symbolic links followed; nil when nothing is there.
  package init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .other
    }
  }
}

package enum FileSize {
  /// The bytes of the file at `path`; nil when nothing can be looked at there.
  package static func bytes(of path: String) -> Int? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return Int(status.st_size)
  }
}

package enum Folders {
  /// Creates `path` and the folders above it.
  /// - Throws: ``FileError/cannotCreate(path:reason:)``.
  package static func create(_ path: String) throws {
    if case .folder? = PathKind(path: path) { return }
    let parent = Paths.parent(of: path)
    if parent != path { try create(parent) }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw FileError.cannotCreate(path: path, reason: systemReason())
    }
    guard case .folder? = PathKind(path: path) else {
      throw FileError.cannotCreate(path: path, reason: "a file of that name is in the way")
    }
  }

  /// Gives a file another name on the same file system; an older file of that name is replaced.
  /// - Throws: ``FileError/cannotCreate(path:reason:)``.
  package static func move(_ path: String, to target: String) throws {
    guard rename(path, target) == 0 else { throw FileError.cannotCreate(path: target, reason: systemReason()) }
  }

  /// The names in the folder, sorted, without `.` and `..`.
  /// - Throws: ``FileError/cannotOpen(path:reason:)``.
  package static func names(in path: String) throws -> [String] {
    guard let stream = opendir(path) else { throw FileError.cannotOpen(path: path, reason: systemReason()) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The paths that the shell pattern (`*`, `?`, `[…]`) stands for, sorted.
  package static func paths(matching pattern: String) -> [String] {
    // A program starts in the C locale, where a letter of several bytes isn't one character.
    let locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nil)
    let before = uselocale(locale)
    defer {
      uselocale(before)
      if let locale { freelocale(locale) }
    }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(pattern, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }

  /// Makes a rename in the folder durable; a file system that can't is left alone.
  static func sync(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
