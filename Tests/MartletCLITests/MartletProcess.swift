import Foundation
import TestSupport

/// The program `martlet` that was built together with the tests, in a process of its own, as a user runs it.
final class MartletProcess {
  /// How a process ended, and what it printed.
  struct Result {
    /// The exit code; the signal's number when a signal ended it.
    let code: Int32
    let wasKilled: Bool
    let output: String
    let errors: String
  }

  enum Problem: Error {
    case didNotEnd(arguments: [String], errors: String)
  }

  /// It lies beside the tests' program.
  static let path: String = {
    let tests = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    return tests.appending(path: "martlet").path(percentEncoded: false)
  }()

  private let process = Process()
  private let arguments: [String]
  private let folder: TemporaryFolder

  /// Starts it in an empty folder of its own.
  /// - Parameters:
  ///   - fileLimit: The most that a file may grow to, in blocks of 512 bytes: what comes after that fails like on a full
  ///     disk.
  ///   - redirection: What a shell does with its output: `>/dev/full`.
  init(_ arguments: [String], fileLimit: Int? = nil, redirection: String = "") throws {
    folder = try TemporaryFolder()
    self.arguments = arguments
    let limit = fileLimit.map { "ulimit -f \($0) && " } ?? ""
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", limit + "exec \"$0\" \"$@\" " + redirection, Self.path] + arguments
    process.currentDirectoryURL = URL(filePath: folder.path)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try Self.newFile(folder.file(".output"))
    process.standardError = try Self.newFile(folder.file(".errors"))
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// Runs it to its end.
  static func run(_ arguments: [String], fileLimit: Int? = nil, redirection: String = "") throws -> Result {
    try MartletProcess(arguments, fileLimit: fileLimit, redirection: redirection).wait()
  }

  private static func newFile(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(filePath: path))
    return try FileHandle(forWritingTo: URL(filePath: path))
  }

  /// What it has written to standard error so far.
  var errors: String { text(".errors") }

  /// What it has printed so far.
  var output: String { text(".output") }

  /// What its folder holds.
  var files: [String] { BundleCopy.files(in: folder.path).filter { ![".output", ".errors"].contains($0) } }

  private func text(_ name: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(filePath: folder.file(name)))) ?? Data(), as: UTF8.self)
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Looks again and again until `condition` holds or the process has ended; tells whether it held.
  /// - Parameter pause: Microseconds between two looks.
  func isReached(pause: UInt32 = 500, _ condition: () -> Bool) throws -> Bool {
    let deadline = Date.now.addingTimeInterval(120)
    while process.isRunning {
      if condition() { return true }
      guard Date.now < deadline else { throw Problem.didNotEnd(arguments: arguments, errors: errors) }
      if pause > 0 { usleep(pause) }
    }
    return condition()
  }

  /// Waits for its end.
  func wait() throws -> Result {
    _ = try isReached(pause: 1000) { false }
    process.waitUntilExit()
    return Result(
      code: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal, output: text(".output"),
      errors: errors)
  }
}
