import Diagnostics
import Files
import Foundation
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  private struct Failure: Error {}

  @Test func theFileAppearsWithAllItsBytes() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("a/b/c.txt")
    try AtomicFile.write("hello", to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "hello")
    #expect(try Folders.names(in: folder.file("a/b")) == ["c.txt"])
  }

  @Test func aFailureLeavesTheOldFileAndNothingElse() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("old", to: "result.txt")
    #expect(throws: Failure.self) {
      try AtomicFile.write(to: path) { writer in
        try writer.write("new")
        throw Failure()
      }
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
    #expect(try Folders.names(in: folder.path) == ["result.txt"])
  }

  @Test func severalFilesAppearTogetherOrNotAtAll() throws {
    let folder = try TemporaryFolder()
    let old = try folder.write("old", to: "first")
    let paths = [old, folder.file("deep/second"), folder.file("third")]
    #expect(throws: Failure.self) {
      try AtomicFile.write(to: paths) { index, writer in
        try writer.write("new \(index)")
        if index == 2 { throw Failure() }
      }
    }
    #expect(try String(contentsOfFile: old, encoding: .utf8) == "old")
    #expect(try Folders.names(in: folder.path) == ["deep", "first"])
    #expect(try Folders.names(in: folder.file("deep")).isEmpty)

    try AtomicFile.write(to: paths) { index, writer in try writer.write("new \(index)") }
    for (index, path) in paths.enumerated() {
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "new \(index)")
    }
    #expect(try Folders.names(in: folder.path) == ["deep", "first", "third"])
  }

  @Test func aPipeIsNotReplaced() throws {
    let folder = try TemporaryFolder()
    let pipe = folder.file("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let error = try #require(throws: FileError.self) { try AtomicFile.write("y", to: pipe) }
    #expect(error.diagnosis.kind == .cantCreate)
    #expect(PathKind(path: pipe) == .other)
    #expect(try Folders.names(in: folder.path) == ["pipe"])
  }

  @Test func aFolderThatIsAFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("x", to: "file")
    let error = try #require(throws: FileError.self) { try AtomicFile.write("y", to: file + "/below") }
    #expect(error.diagnosis.kind == .cantCreate)
  }
}

@Suite struct MappedFileTests {
  @Test func theBytesAreTheFiles() throws {
    let folder = try TemporaryFolder()
    let file = try MappedFile(path: folder.write([1, 2, 3], to: "bytes"))
    #expect(Array(file.bytes) == [1, 2, 3])
  }

  @Test func anEmptyFileHasNoBytes() throws {
    let folder = try TemporaryFolder()
    #expect(try MappedFile(path: folder.write([], to: "empty")).bytes.isEmpty)
  }

  @Test func aMissingFileAndAFolderAreRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FileError.cannotOpen(path: folder.file("none"), reason: "No such file or directory")) {
      try MappedFile(path: folder.file("none"))
    }
    #expect(throws: FileError.notARegularFile(path: folder.path)) { try MappedFile(path: folder.path) }
  }
}

@Suite struct PathsTests {
  @Test(arguments: [
    ("a/b/c.nii.gz", "a/b", "c.nii.gz"), ("c", ".", "c"), ("/c", "/", "c"), ("/a/b/", "/a", "b"),
  ])
  func aPathHasAParentAndAName(path: String, parent: String, name: String) {
    #expect(Paths.parent(of: path) == parent)
    #expect(Paths.name(of: path) == name)
  }

  @Test(arguments: ["../x", "a/../../x", "/etc/passwd", "..", "a/./../.."])
  func aPathThatLeavesItsFolderIsRefused(path: String) {
    #expect(throws: FileError.escapesFolder(path: path, folder: "home")) { try Paths.resolve(path, inside: "home") }
  }

  @Test func aPathInsideItsFolderIsJoined() throws {
    #expect(try Paths.resolve("a/./b/../c", inside: "home") == "home/a/c")
  }
}
