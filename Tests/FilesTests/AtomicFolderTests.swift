import Diagnostics
import Files
import Foundation
import TestSupport
import Testing

@Suite struct AtomicFolderTests {
  private struct Broken: Error {}

  private func write(_ text: String, to path: String) throws {
    try AtomicFolder.write(to: path) { folder in
      try AtomicFile.write(text, to: folder + "/deep/text")
      try AtomicFile.write(text, to: folder + "/other")
    }
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path + "/deep/text")), as: UTF8.self)
  }

  @Test func appearsWholeAndReplacesTheOlderOne() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("package")
    try write("first", to: path)
    #expect(try text(path) == "first")
    try write("second", to: path + "/")
    #expect(try text(path) == "second")
    #expect(try Folders.names(in: folder.path) == ["package"])
  }

  @Test func whatIsAbandonedGoesAndTheOlderOneStays() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("package")
    try write("first", to: path)
    #expect(throws: InterruptedError.self) {
      try AtomicFolder.write(to: path) { partial in
        try AtomicFile.write("half", to: partial + "/other")
        AtomicFolder.abandon(path + "/")
        #expect(PathKind(path: partial) == nil)
        // What the thread still writes comes to nothing.
        try AtomicFile.write("half", to: partial + "/another")
      }
    }
    let file = folder.file("file")
    #expect(throws: FileError.self) {
      try AtomicFile.write(to: file) { writer in
        try writer.write("half")
        AtomicFile.abandon(file)
      }
    }
    #expect(try text(path) == "first")
    #expect(try Folders.names(in: folder.path) == ["package"])
  }

  @Test func afterAFailureTheOlderOneIsUntouchedAndNothingIsLeft() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("package")
    try write("first", to: path)
    #expect(throws: Broken.self) {
      try AtomicFolder.write(to: path) { folder in
        try AtomicFile.write("half", to: folder + "/deep/text")
        throw Broken()
      }
    }
    #expect(try text(path) == "first")
    #expect(try Folders.names(in: folder.path) == ["package"])
  }

  @Test func anOlderFolderOnItsWayOutIsPutBack() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("package")
    try write("first", to: folder.file(".package.old"))
    AtomicFolder.recover(path)
    #expect(try text(path) == "first")
    // Where the new one is in place, it stays.
    try write("older", to: folder.file(".package.old"))
    AtomicFolder.recover(path)
    #expect(try text(path) == "first")
  }

  @Test func leftoversOfProcessesThatAreNoMoreAreRemoved() throws {
    let folder = try TemporaryFolder()
    let dead = Process()
    dead.executableURL = URL(filePath: "/bin/true")
    try dead.run()
    dead.waitUntilExit()
    let leftover = folder.file(".package.\(dead.processIdentifier).1.partial")
    let living = folder.file(".package.\(getpid()).1.partial")
    for path in [leftover, living] { try Folders.create(path) }
    try write("new", to: folder.file("package"))
    #expect(PathKind(path: leftover) == nil)
    #expect(PathKind(path: living) == .folder)
  }

  /// Kills a copy loop of the shell's at many moments would test the shell; instead every state that the process can
  /// leave behind is looked at: at no moment is the path without a whole folder.
  @Test func thePathHoldsAWholeFolderAtEveryMoment() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("package")
    try write("0", to: path)
    let isDone = Flag()
    let watcher = Thread {
      while !isDone.isSet {
        // Two reads in a row may see two versions; each must be whole.
        if FileManager.default.contents(atPath: path + "/other") == nil { isDone.countGap() }
      }
      isDone.finish()
    }
    watcher.start()
    for number in 1...60 { try write("\(number)", to: path) }
    isDone.set()
    isDone.wait()
    #expect(isDone.gaps == 0)
    #expect(try text(path) == "60")
  }
}

/// What the writing and the watching thread share.
private final class Flag: @unchecked Sendable {
  private let lock = NSCondition()
  private var value = false
  private var isFinished = false
  private var gapCount = 0

  var isSet: Bool { lock.withLock { value } }
  var gaps: Int { lock.withLock { gapCount } }
  func set() { lock.withLock { value = true } }
  func countGap() { lock.withLock { gapCount += 1 } }
  func finish() {
    lock.withLock {
      isFinished = true
      lock.signal()
    }
  }
  func wait() {
    lock.withLock { while !isFinished { lock.wait() } }
  }
}
