import Files

/// The scans that the user means by files, folders and patterns.
package enum ScanList {
  /// The paths in the order given; those of a folder or pattern sorted, each path once.
  /// - Throws: ``ScanError/noScans(patterns:)`` when nothing is found; `FileError` for a path that can't be opened.
  package static func expand(_ patterns: [String]) throws -> [String] {
    var scans: [String] = []
    for pattern in patterns {
      let found = try expand(pattern)
      guard !found.isEmpty else { throw ScanError.noScans(patterns: [pattern]) }
      scans += found.filter { !scans.contains($0) }
    }
    guard !scans.isEmpty else { throw ScanError.noScans(patterns: patterns) }
    return scans
  }

  /// Results are named after their scans, without the extension.
  /// - Throws: ``ScanError/sameOutput(scans:)`` when two scans share that name: `a/x.nii` and `b/x.nii.gz`.
  package static func requireDifferentNames(_ scans: [String]) throws {
    let byName = Dictionary(grouping: scans, by: nameWithoutExtension)
    guard let clash = scans.lazy.compactMap({ byName[nameWithoutExtension($0)] }).first(where: { $0.count > 1 }) else {
      return
    }
    throw ScanError.sameOutput(scans: clash)
  }

  /// `x` of `a/x.nii.gz` and of `a/x.nii`.
  private static func nameWithoutExtension(_ path: String) -> String {
    var name = Substring(Paths.name(of: path))
    if name.hasSuffix(".gz") { name = name.dropLast(".gz".count) }
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return String(name) }
    return String(name[..<dot])
  }

  private static func expand(_ pattern: String) throws -> [String] {
    switch PathKind(path: pattern) {
    case .folder:
      return try Folders.names(in: pattern).filter(isScan).map { Paths.join(pattern, $0) }
    case .file, .other:
      return [pattern]
    case nil:
      guard pattern.contains(where: { "*?[".contains($0) }) else {
        throw FileError.cannotOpen(path: pattern, reason: "no such file or folder")
      }
      return Folders.paths(matching: pattern)
    }
  }

  private static func isScan(_ name: String) -> Bool { name.hasSuffix(".nii") || name.hasSuffix(".nii.gz") }
}
