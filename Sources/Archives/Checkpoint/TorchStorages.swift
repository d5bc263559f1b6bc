import Synchronization
package import Tensors

/// The storages of a PyTorch zip archive by key: one ``Storage`` for each, however many tensors view it.
package final class TorchStorages: Sendable {
  package let archive: ZipArchive
  /// What comes before the keys, for example `archive/data/`.
  private let prefix: String
  private let cache = Mutex<[String: Storage]>([:])

  package init(archive: ZipArchive, prefix: String) {
    self.archive = archive
    self.prefix = prefix
  }

  /// The bytes of storage `key`: a view of the mapped file, or a copy when they are compressed there or don't lie
  /// aligned.
  /// - Parameter alignment: bytes that the storage's start must be a multiple of.
  /// - Throws: ``TensorProblem/missingStorage(key:)``; ``ArchiveError/zip(_:file:entry:)``.
  package func storage(_ key: String, alignment: Int) throws -> Storage {
    guard let entry = archive[prefix + key] else { throw TensorProblem.missingStorage(key: key) }
    return try cache.withLock { cache in
      let storage = try cache[key] ?? archive.storage(of: entry)
      let aligned = storage.aligned(to: alignment)
      cache[key] = aligned
      return aligned
    }
  }
}

extension Storage {
  /// The storage itself when it begins at a multiple of `alignment`, else a copy that does.
  func aligned(to alignment: Int) -> Storage {
    if Int(bitPattern: bytes.baseAddress) % alignment == 0 { return self }
    let copy = Storage(byteCount: bytes.count, isZeroed: false)
    UnsafeMutableRawBufferPointer(mutating: copy.bytes).copyMemory(from: bytes)
    return copy
  }
}
