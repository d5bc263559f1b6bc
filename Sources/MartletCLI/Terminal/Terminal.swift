import Diagnostics
import Foundation

/// What goes to standard output and standard error, and the forms of numbers in text.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// The width of the terminal that standard error goes to.
  static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Prints an error as one paragraph.
  static func report(_ diagnosis: Diagnosis) { printError("error: \(diagnosis)") }

  static func printError(_ text: String) { write(text + "\n") }

  /// Writes to standard error. When that fails there is nobody left to tell.
  static func write(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Prints a result to standard output.
  /// - Throws: ``TerminalError/cannotPrint(reason:)``: who asked for a result must not take half of it for all.
  static func print(_ text: String) throws {
    let code = write(text + "\n", to: STDOUT_FILENO)
    guard code == 0 else { throw TerminalError.cannotPrint(reason: String(cString: strerror(code))) }
  }

  /// Occupies standard descriptors that the caller closed, so that no output file gets their numbers and what is meant
  /// for the terminal with them. What is written to them fails.
  static func occupyClosedDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", O_RDONLY)
    }
  }

  /// Writes all of the text; gives the system's error code, or 0.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let written = bytes.withUnsafeBytes { rest in
        Foundation.write(descriptor, rest.baseAddress.map { $0 + start }, rest.count - start)
      }
      if written >= 0 { start += written } else if errno != EINTR { return errno }
    }
    return 0
  }

  /// The most memory that the process had at any time, in bytes.
  static var peakMemory: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #endif
  }

  /// Encodes facts for `--json`.
  static func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }
}

/// The result can't be shown.
enum TerminalError: DiagnosedError, Equatable {
  case cannotPrint(reason: String)

  var diagnosis: Diagnosis {
    switch self {
    case .cannotPrint(let reason):
      Diagnosis(.inputOutput, "printing the result failed: \(reason)", at: "standard output")
    }
  }
}

extension Double {
  /// With `digits` places after the point.
  func fixed(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
  /// Three significant digits.
  var short: String { String(format: "%.3g", self) }
  /// A part as a percentage that never rounds up to 100.
  var percent: String {
    self == 1 ? "100 %" : String(format: "%.4f %%", (self * 1_000_000).rounded(.down) / 10_000)
  }
}

extension String {
  /// Filled up with spaces to `width` columns.
  func padded(_ width: Int, toTheRight isRight: Bool = false) -> String {
    let gap = String(repeating: " ", count: Swift.max(0, width - count))
    return isRight ? gap + self : self + gap
  }
}
