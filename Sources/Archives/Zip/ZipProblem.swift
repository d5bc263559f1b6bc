/// Why a zip archive can't be read.
package enum ZipProblem: ArchiveProblem {
  /// The end-of-directory record is missing: no zip archive, or one that is cut off.
  case noEndRecord
  /// A record is cut off, has a wrong signature, or contradicts another one.
  case damaged(String)
  case multipleDisks
  case tooManyEntries(declared: Int, directorySize: Int)
  case duplicateName
  /// The name is absolute or climbs out of its folder.
  case unsafeName
  case encrypted
  case unsupportedMethod(Int)
  case outsideFile
  case overlapping
  /// The sizes can't be true: deflate never exceeds 1032:1.
  case impossibleSize(compressed: Int, size: Int)
  case inflateFailed
  case wrongChecksum
  case notEnoughMemory(size: Int)
  case missing

  package var what: String {
    switch self {
    case .noEndRecord: "the zip archive has no end record"
    case .damaged(let reason): "the zip archive is damaged: \(reason)"
    case .multipleDisks: "the zip archive is one part of several"
    case .tooManyEntries(let declared, let size):
      "the zip archive claims \(declared) entries in a directory of \(size) bytes"
    case .duplicateName: "two entries of the zip archive have the same name"
    case .unsafeName: "the entry's name is absolute or leaves its folder"
    case .encrypted: "the entry is encrypted"
    case .unsupportedMethod(let method): "the entry is compressed by zip method \(method)"
    case .outsideFile: "the entry reaches outside the file"
    case .overlapping: "the entry overlaps another one"
    case .impossibleSize(let compressed, let size):
      "\(compressed) compressed bytes can't hold the declared \(size) bytes"
    case .inflateFailed: "the entry can't be decompressed to its declared size"
    case .wrongChecksum: "the entry's checksum is wrong"
    case .notEnoughMemory(let size): "there is no memory for the entry's \(size) bytes"
    case .missing: "the zip archive lacks the entry"
    }
  }

  package var expected: String? {
    switch self {
    case .unsupportedMethod: "stored (0) or deflated (8)"
    case .unsafeName: "a relative name without '..'"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .encrypted, .unsupportedMethod, .multipleDisks: "save the file again with torch.save"
    case .unsafeName: "the archive may have been made to attack programs that unpack it; nothing was read from it"
    case .notEnoughMemory: "use a machine with more memory, or store the archive without compression"
    default: "the file is damaged or incomplete; get it again from its source"
    }
  }
}
