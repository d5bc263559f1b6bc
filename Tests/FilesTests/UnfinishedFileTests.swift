import Files
import Foundation
import TestSupport
import Testing

/// What a killed process leaves, and files that change while they are read.
@Suite struct UnfinishedFileTests {
  private func deadProcess() throws -> Int32 {
    let dead = Process()
    dead.executableURL = URL(filePath: "/bin/true")
    try dead.run()
    dead.waitUntilExit()
    return dead.processIdentifier
  }

  @Test func theNextWriteRemovesWhatAKilledProcessLeft() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.nii.gz")
    let dead = try deadProcess()
    let leftover = try folder.write("half", to: "x.nii.gz.\(dead).17.partial")
    let kept = try [
      "x.nii.gz.\(getpid()).17.partial", "y.nii.gz.\(dead).17.partial", "x.nii.gz.\(dead).partial",
      "x.nii.gz.abc.17.partial", "x.nii.gz.partial",
    ].map { try folder.write("of somebody else", to: $0) }
    try AtomicFile.write("whole", to: path)
    #expect(PathKind(path: leftover) == nil)
    for path in kept { #expect(PathKind(path: path) == .file, "\(path)") }
  }

  /// On a shared file system the writer may be a process of another machine, whose number means nothing here.
  @Test func aFileThatSomebodyHoldsIsLeft() throws {
    let folder = try TemporaryFolder()
    let held = try folder.write("half", to: "x.\(try deadProcess()).17.partial")
    let descriptor = open(held, O_RDONLY)
    #expect(descriptor >= 0 && flock(descriptor, LOCK_EX) == 0)
    try AtomicFile.write("whole", to: folder.file("x"))
    #expect(PathKind(path: held) == .file)
    close(descriptor)
    try AtomicFile.write("whole", to: folder.file("x"))
    #expect(PathKind(path: held) == nil)
  }

  @Test func aFileThatIsCutWhileItIsReadIsAnError() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: "x", count: 100_000), to: "scan")
    let file = try FileReader(path: path)
    #expect(try file.prefix(4) == Array("xxxx".utf8))
    #expect(truncate(path, 50_000) == 0)
    var bytes = [UInt8](repeating: 0, count: 100_000)
    #expect(throws: FileError.cannotRead(path: path, reason: "the file became shorter while it was being read")) {
      try bytes.withUnsafeMutableBytes { try file.read($0, at: 0) }
    }
  }

  @Test func onlyRegularFilesAreRead() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FileError.notARegularFile(path: folder.path)) { try FileReader(path: folder.path) }
    #expect(throws: FileError.self) { try FileReader(path: folder.file("missing")) }
    #expect(try FileReader(path: try folder.write("", to: "empty")).prefix(10) == [])
  }
}
