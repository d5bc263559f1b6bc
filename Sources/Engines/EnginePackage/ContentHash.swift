import CKernels
import Files

/// The SHA-256 of some content, as 64 hexadecimal digits. Computed after FIPS 180-4 in `CKernels/sha256.c`.
package struct ContentHash: Sendable, Hashable, Codable, CustomStringConvertible {
  package let description: String

  package init(_ bytes: UnsafeRawBufferPointer) {
    var hash = martlet_sha256()
    martlet_sha256_begin(&hash)
    martlet_sha256_add(&hash, bytes.baseAddress, bytes.count)
    self.init(finishing: &hash)
  }

  private init(finishing hash: inout martlet_sha256) {
    var digest = [UInt8](repeating: 0, count: 32)
    martlet_sha256_finish(&hash, &digest)
    let digits = Array("0123456789abcdef".utf8)
    description = String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  package init(_ text: String) { self = Array(text.utf8).withUnsafeBytes { ContentHash($0) } }

  /// The hash of a whole file.
  /// - Throws: `FileError`.
  package init(file path: String) throws {
    let file = try FileReader(path: path)
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(file.count, 1), 1 << 20), alignment: 64)
    defer { piece.deallocate() }
    var hash = martlet_sha256()
    martlet_sha256_begin(&hash)
    for start in stride(from: 0, to: file.count, by: piece.count) {
      let part = UnsafeMutableRawBufferPointer(rebasing: piece[..<min(piece.count, file.count - start)])
      try file.read(part, at: start)
      martlet_sha256_add(&hash, part.baseAddress, part.count)
    }
    self.init(finishing: &hash)
  }

  package init(from decoder: any Decoder) throws {
    description = try decoder.singleValueContainer().decode(String.self)
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
