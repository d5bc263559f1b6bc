import Engines
import Files
import Foundation
import TestSupport
import Testing

@Suite struct ContentHashTests {
  /// The examples of FIPS 180-4 (NIST's "SHA256.pdf") and of the empty message.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func isSHA256(text: String, digest: String) {
    #expect("\(ContentHash(text))" == digest)
  }

  @Test func aMillionLettersGiveNISTsDigest() {
    let hash = ContentHash(String(repeating: "a", count: 1_000_000))
    #expect("\(hash)" == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  @Test func everyLengthAroundABlockHasItsOwnDigestAndFilesHashAsTheirBytes() throws {
    let folder = try TemporaryFolder()
    var digests = Set<String>()
    for count in 0...130 {
      let bytes = [UInt8](repeating: 7, count: count)
      let hash = bytes.withUnsafeBytes { ContentHash($0) }
      digests.insert("\(hash)")
      if count % 13 == 0 { #expect(try ContentHash(file: folder.write(bytes, to: "file")) == hash) }
    }
    #expect(digests.count == 131)
  }
}
