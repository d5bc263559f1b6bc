import Files

/// The scans that the user means by files, folders, patterns and datalists.
package enum ScanList {
  /// How datalists are read.
  package struct Options: Sendable {
    /// The list in a JSON datalist; nil to find it.
    package var datalistKey: String?
    /// Where relative paths of a datalist begin; nil for its own folder.
    package var baseFolder: String?

    package init(datalistKey: String? = nil, baseFolder: String? = nil) {
      self.datalistKey = datalistKey
      self.baseFolder = baseFolder
    }
  }

  /// The scans in the order given; those of a folder or pattern sorted, each scan once.
  ///
  /// A `.json` or `.csv` file is a datalist; files with commas between them are the channels of one scan.
  /// - Throws: ``ScanError/noScans(patterns:)`` when nothing is found; `FileError` for a path that can't be opened;
  ///   ``DatalistError``.
  package static func expand(_ patterns: [String], _ options: Options = Options()) throws -> [Scan] {
    var scans: [Scan] = []
    var seen: Set<Scan> = []
    for pattern in patterns {
      let found = try expand(pattern, options)
      guard !found.isEmpty else { throw ScanError.noScans(patterns: [pattern]) }
      scans += found.filter { seen.insert($0).inserted }
    }
    guard !scans.isEmpty else { throw ScanError.noScans(patterns: patterns) }
    return scans
  }

  /// Results are named after their scans, without the extension.
  /// - Throws: ``ScanError/sameOutput(scans:)`` when two scans share that name: `a/x.nii` and `b/x.nii.gz`.
  package static func requireDifferentNames(_ scans: [Scan]) throws {
    let byName = Dictionary(grouping: scans.map(\.path), by: nameWithoutExtension)
    let clash = scans.lazy.compactMap { byName[nameWithoutExtension($0.path)] }.first { $0.count > 1 }
    if let clash { throw ScanError.sameOutput(scans: clash) }
  }

  /// `x` of `a/x.nii.gz` and of `a/x.nii`.
  private static func nameWithoutExtension(_ path: String) -> String {
    var name = Substring(Paths.name(of: path))
    if name.hasSuffix(".gz") { name = name.dropLast(".gz".count) }
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return String(name) }
    return String(name[..<dot])
  }

  private static func expand(_ pattern: String, _ options: Options) throws -> [Scan] {
    switch PathKind(path: pattern) {
    case .folder:
      return try Folders.names(in: pattern).filter(isScan).map { Scan(Paths.join(pattern, $0)) }
    case .file where Datalist.isDatalist(pattern):
      return try Datalist(path: pattern, options).scans
    case .file, .other:
      return [Scan(pattern)]
    case nil:
      if let channels = channels(pattern) { return [Scan(files: channels)] }
      guard pattern.contains(where: { "*?[".contains($0) }) else {
        throw FileError.cannotOpen(path: pattern, reason: "no such file or folder")
      }
      return Folders.paths(matching: pattern).map { Scan($0) }
    }
  }

  /// The files of `t1.nii.gz,t2.nii.gz`; nil unless all of them are there.
  private static func channels(_ text: String) -> [String]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let areFiles = parts.allSatisfy { if case .file? = PathKind(path: $0) { true } else { false } }
    return parts.count > 1 && areFiles ? parts : nil
  }

  /// Hidden files, such as those that macOS puts beside others on foreign disks, are none.
  private static func isScan(_ name: String) -> Bool {
    !name.hasPrefix(".") && (name.hasSuffix(".nii") || name.hasSuffix(".nii.gz"))
  }
}
