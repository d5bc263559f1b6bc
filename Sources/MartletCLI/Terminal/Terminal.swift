import Diagnostics
import Foundation

/// What goes to standard error, and the forms of numbers in text.
enum Terminal {
  static let isInteractive = isatty(STDERR_FILENO) == 1

  /// Prints an error as one paragraph.
  static func report(_ diagnosis: Diagnosis) { printError("error: \(diagnosis)") }

  static func printError(_ text: String) { write(text + "\n") }

  static func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

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
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
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

extension Int {
  /// A number of bytes, for people: `412 MB`.
  var byteText: String {
    self < 1000
      ? "\(self) B"
      : ByteSize.units.first { Double(self) < $0.limit }.map { "\((Double(self) / $0.size).short) \($0.name)" }
        ?? "\(self) B"
  }
}

private enum ByteSize {
  static let units: [(name: String, size: Double, limit: Double)] = [
    ("kB", 1e3, 999.5e3), ("MB", 1e6, 999.5e6), ("GB", 1e9, 999.5e9), ("TB", 1e12, .infinity),
  ]
}

extension String {
  /// Filled up with spaces to `width` columns.
  func padded(_ width: Int, toTheRight isRight: Bool = false) -> String {
    let gap = String(repeating: " ", count: Swift.max(0, width - count))
    return isRight ? gap + self : self + gap
  }
}
