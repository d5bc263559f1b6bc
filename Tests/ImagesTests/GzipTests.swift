import Files
import Foundation
import Images
import TestSupport
import Tensors
import Testing

struct GzipTests {
  @Test(arguments: [0, 1, 511, 512 << 10, (512 << 10) + 1, 9_000_003])
  func whatIsWrittenComesBack(count: Int) throws {
    let folder = try TemporaryFolder()
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<count).map { $0 % 3 == 0 ? UInt8.random(in: 0...255, using: &random) : 5 }
    for level in [1, 6] {
      try AtomicFile.write(to: folder.file("a.gz")) { file in
        var gzip = GzipWriter(level: level)
        let middle = count / 3
        try bytes.withUnsafeBytes { all in
          try gzip.write(UnsafeRawBufferPointer(rebasing: all[..<middle]), to: &file)
          try gzip.write(UnsafeRawBufferPointer(rebasing: all[middle...]), to: &file)
        }
        try gzip.finish(to: &file)
      }
      let file = try MappedFile(path: folder.file("a.gz"))
      #expect(Gzip.isGzip(file.bytes))
      let storage = try Gzip.decompress(file.bytes, count: count)
      #expect(withExtendedLifetime(storage) { Array(storage.bytes) } == bytes)
      #expect(try Gzip.prefix(of: file.bytes, count: 100) == Array(bytes.prefix(100)))
      let first = try Gzip.decompress(file.bytes, count: count / 2)
      #expect(withExtendedLifetime(first) { Array(first.bytes) } == Array(bytes[..<(count / 2)]))
      #expect(throws: GzipError.self) { try Gzip.decompress(file.bytes, count: count + 1) }
      withExtendedLifetime(file) {}
      #expect(try systemGunzip(folder.file("a.gz")) == bytes)
    }
  }

  /// The system's gzip checks that the file is one well-formed member.
  private func systemGunzip(_ path: String) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["gzip", "-dc", path]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let bytes = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return [UInt8](bytes)
  }
}
