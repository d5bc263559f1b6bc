/// The generation of an NVIDIA GPU: `8.6`.
package struct ComputeCapability: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let major: Int
  package let minor: Int

  package init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// The generations that TensorRT for RTX builds for.
  package static let rtx = [
    ComputeCapability(7, 5), ComputeCapability(8, 0), ComputeCapability(8, 6), ComputeCapability(8, 9),
    ComputeCapability(12, 0), ComputeCapability(12, 1),
  ]

  /// Turing: the oldest of them; it lacks float32 convolutions in three dimensions.
  static let turing = ComputeCapability(7, 5)

  /// Reads `8.6`.
  /// - Throws: ``TensorRTError/unreadableComputeCapability(_:)``.
  package static func parse(_ text: String) throws -> ComputeCapability {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 1, let major = number(parts[0]),
      let minor = number(parts[1])
    else { throw TensorRTError.unreadableComputeCapability(text) }
    return ComputeCapability(major, minor)
  }

  /// Reads `8.6,12.0`.
  /// - Throws: ``TensorRTError/unreadableComputeCapability(_:)``, also for an empty place between two commas.
  package static func parseList(_ text: String) throws -> [ComputeCapability] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map {
      try parse(String($0))
    }
  }

  private static func number(_ digits: Substring) -> Int? {
    digits.utf8.allSatisfy { (48...57).contains($0) } ? Int(digits) : nil
  }

  /// As the library counts: 8.6 is 86.
  var number: Int32 { Int32(major * 10 + minor) }

  package var description: String { "\(major).\(minor)" }

  package static func < (left: ComputeCapability, right: ComputeCapability) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  /// What kind of GPU a refused capability belongs to.
  var familyNote: String {
    switch (major, minor) {
    case (9, 0): " (Hopper data-centre GPUs)"
    case (10, _): " (Blackwell data-centre GPUs)"
    case (8, 7): " (Jetson Orin)"
    case (..<7, _), (7, 0), (7, 2): " (older than Turing)"
    default: ""
    }
  }
}
