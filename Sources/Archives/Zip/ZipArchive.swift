package import Files
package import Tensors

/// A zip archive in a mapped file: its directory, and the entries' bytes as views of the mapping.
///
/// Opening reads the directory only. Stored entries are never copied, and their checksum isn't computed (it would read
/// the whole file, and PyTorch can leave it out). Deflated entries are decompressed on demand and checked.
package final class ZipArchive: Sendable {
  package let file: MappedFile
  /// In the order of the directory.
  package let entries: [ZipEntry]
  private let indices: [String: Int]

  static let localHeaderSize = 30
  private static let localSignature: UInt32 = 0x0403_4b50

  /// - Throws: ``ArchiveError/zip(_:file:entry:)`` when the directory is damaged, an entry is encrypted, compressed by
  ///   another method than deflate, reaches outside the file, overlaps another one, or has an unsafe or a repeated name.
  package init(file: MappedFile) throws {
    do {
      entries = try ZipDirectory(file.bytes).entries(of: file.bytes)
    } catch {
      throw ArchiveError.zip(error.problem, file: file.path, entry: error.entry)
    }
    self.file = file
    indices = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
  }

  /// Whether the file begins as a zip archive with at least one entry does.
  package static func isZip(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.hasPrefix([0x50, 0x4b, 0x03, 0x04]) }

  package subscript(name: String) -> ZipEntry? { indices[name].map { entries[$0] } }

  /// Where the entry's bytes, compressed or not, lie in the file.
  /// - Throws: ``ArchiveError/zip(_:file:entry:)`` when the local header doesn't fit the directory.
  package func range(of entry: ZipEntry) throws -> Range<Int> {
    var reader = ByteReader(file.bytes, at: entry.headerOffset)
    guard reader.integer(UInt32.self) == Self.localSignature, reader.slice(22) != nil,
      let nameLength = reader.size(UInt16.self), let extraLength = reader.size(UInt16.self),
      let name = reader.slice(nameLength), reader.slice(extraLength) != nil
    else { throw failure(.damaged("an entry's header is wrong"), entry) }
    guard name.elementsEqual(entry.name.utf8) else {
      throw failure(.damaged("an entry's header has another name than the directory"), entry)
    }
    guard entry.compressedSize <= reader.remaining else { throw failure(.outsideFile, entry) }
    return reader.offset..<reader.offset + entry.compressedSize
  }

  /// The entry's content: a view of the mapped file, or decompressed memory.
  /// - Throws: ``ArchiveError/zip(_:file:entry:)``.
  package func storage(of entry: ZipEntry) throws -> Storage {
    let range = try range(of: entry)
    switch entry.method {
    case .stored: return Storage(file: file, range: range)
    case .deflated:
      do {
        return try withExtendedLifetime(file) {
          try Inflate.storage(
            UnsafeRawBufferPointer(rebasing: file.bytes[range]), size: entry.size, checksum: entry.checksum)
        }
      } catch let problem as ZipProblem {
        throw failure(problem, entry)
      }
    }
  }

  /// The content of the entry of that name.
  /// - Throws: ``ArchiveError/zip(_:file:entry:)``, with ``ZipProblem/missing`` when there is none.
  package func storage(named name: String) throws -> Storage {
    guard let entry = self[name] else { throw ArchiveError.zip(.missing, file: file.path, entry: name) }
    return try storage(of: entry)
  }

  private func failure(_ problem: ZipProblem, _ entry: ZipEntry) -> ArchiveError {
    .zip(problem, file: file.path, entry: entry.name)
  }
}
