package import Diagnostics

/// A gzip stream (RFC 1952) can't be read or made.
package enum GzipError: DiagnosedError, Equatable {
  case damaged(reason: String)
  case tooShort(expected: Int, found: Int)
  case outOfMemory(byteCount: Int)
  case compressionFailed(code: Int)

  package var diagnosis: Diagnosis {
    switch self {
    case .damaged(let reason):
      Diagnosis(.data, "the gzip stream is damaged: \(reason)", hint: "copy or download the file again")
    case .tooShort(let expected, let found):
      Diagnosis(
        .data, "the gzip stream ends too early: it holds at most \(found) bytes",
        expected: "\(expected) bytes after the header of the image", hint: "copy or download the file again")
    case .outOfMemory(let byteCount):
      Diagnosis(.unavailable, "no memory for \(byteCount) decompressed bytes", hint: "use a machine with more memory")
    case .compressionFailed(let code):
      Diagnosis(.defect, "zlib failed to compress (code \(code))")
    }
  }
}
