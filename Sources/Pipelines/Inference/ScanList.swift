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

  /// Results are named after their scans.
  /// - Throws: ``ScanError/sameOutput(scans:)`` when two scans in different folders share a name.
  package static func requireDifferentNames(_ scans: [String]) throws {
    let byName = Dictionary(grouping: scans) { Paths.name(of: $0) }
    guard let clash = byName.values.first(where: { $0.count > 1 }) else { return }
    throw ScanError.sameOutput(scans: clash)
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
