package import Files

/// What kind of weights or program a file holds, by its content.
package enum CheckpointKind: Sendable, Hashable {
  /// A zip archive written by `torch.save`.
  case checkpoint
  case safetensors
  case torchScript
  /// A `.pt2` archive written by `torch.export.save`.
  case exportedProgram
  case legacyPickle
  case legacyTar

  /// The first bytes of a legacy checkpoint: protocol 2 and the magic number 0x1950a86a20f9469cfc6c.
  private static let legacyMagic: [UInt8] = [
    0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
  ]

  /// - Throws: ``ArchiveError`` for a damaged zip archive, and ``CheckpointProblem/notACheckpoint(found:)`` for a file
  ///   that is none of these.
  package init(file: MappedFile) throws {
    let bytes = file.bytes
    if ZipArchive.isZip(bytes) {
      self = try Self(archive: ZipArchive(file: file))
    } else if bytes.count > 2, bytes[0] == 0x80,
      UnsafeRawBufferPointer(rebasing: bytes[2...]).hasPrefix(Self.legacyMagic)
    {
      self = .legacyPickle
    } else if bytes.count >= 512, bytes[257..<262].elementsEqual("ustar".utf8) {
      self = .legacyTar
    } else if Safetensors.isSafetensors(bytes) {
      self = .safetensors
    } else {
      throw ArchiveError.checkpoint(.notACheckpoint(found: Self.guess(bytes)), file: file.path)
    }
  }

  init(archive: ZipArchive) throws {
    let components = archive.entries.map { $0.name.split(separator: "/") }
    func has(_ path: [Substring]) -> Bool { components.contains { $0.dropFirst() == path[...] || $0 == path } }
    if has(["constants.pkl"]) || components.contains(where: { $0.dropFirst().first == "code" }) {
      self = .torchScript
    } else if has(["archive_format"]) || has(["serialized_exported_program.json"])
      || components.contains(where: {
        $0.count >= 2 && $0[$0.count - 2] == "models" && $0[$0.count - 1].hasSuffix(".json")
      })
    {
      self = .exportedProgram
    } else if has(["data.pkl"]) {
      self = .checkpoint
    } else {
      throw ArchiveError.checkpoint(.notACheckpoint(found: "a zip archive without data.pkl"), file: archive.file.path)
    }
  }

  /// What a file that is no checkpoint looks like, for the message.
  private static func guess(_ bytes: UnsafeRawBufferPointer) -> String {
    guard let first = bytes.first else { return "empty" }
    if bytes.count < 8 { return "too short (\(bytes.count) bytes)" }
    if first == 0x80, (2...5).contains(bytes[1]) { return "a bare pickle, not an archive of torch.save" }
    if bytes.hasPrefix(Array("version https://git-lfs".utf8)) {
      return "a Git LFS pointer, whose content wasn't fetched"
    }
    if bytes.hasPrefix([0x1f, 0x8b]) { return "gzip-compressed" }
    let sample = bytes.prefix(512)
    let isText = sample.allSatisfy { $0 == 9 || $0 == 10 || $0 == 13 || (0x20..<0x7f).contains($0) }
    return isText ? "text" : "of an unknown format"
  }
}
