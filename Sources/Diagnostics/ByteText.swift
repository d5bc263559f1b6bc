import Foundation

extension Int {
  /// A number of bytes, for people: `412 MB`.
  package var byteText: String {
    guard self >= 1000, let unit = ByteUnit.all.first(where: { Double(self) < $0.limit }) else { return "\(self) B" }
    return String(format: "%.3g \(unit.name)", Double(self) / unit.size)
  }
}

private enum ByteUnit {
  static let all: [(name: String, size: Double, limit: Double)] = [
    ("kB", 1e3, 999.5e3), ("MB", 1e6, 999.5e6), ("GB", 1e9, 999.5e9), ("TB", 1e12, .infinity),
  ]
}
