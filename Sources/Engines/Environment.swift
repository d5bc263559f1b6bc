import Files
import Foundation
import Tensors

/// What this machine can do: one line for each thing that Martlet depends on.
package struct Environment: Sendable, Codable, Hashable {
  package enum Status: String, Sendable, Codable, Hashable {
    /// There, and as it should be.
    case ok
    /// There, but it will cost speed or may fail.
    case warning
    /// Not there.
    case missing
  }

  /// One thing that was looked at.
  package struct Check: Sendable, Codable, Hashable {
    package var name: String
    package var status: Status
    /// What was found.
    package var value: String
    /// What to do; nil when nothing is amiss.
    package var remedy: String?

    package init(_ name: String, _ status: Status, _ value: String, remedy: String? = nil) {
      self.name = name
      self.status = status
      self.value = value
      self.remedy = remedy
    }
  }

  package var checks: [Check]

  package init(checks: [Check]) { self.checks = checks }

  /// Looks at the processor, the memory, the temporary folder, NVIDIA's driver and GPUs, the library of each backend,
  /// and whether these fit each other.
  package static func examine(
    _ backends: [any EngineBackend], facts: SystemFacts = .current(), nvidia: NVIDIAFacts = .current(),
    temporaryFolder: String = FileManager.default.temporaryDirectory.path(percentEncoded: false)
  ) -> Environment {
    Environment(
      checks: [processor(facts), cores(facts), memory(facts), writability(of: temporaryFolder)] + Self.nvidia(nvidia)
        + backends.map(library) + backends.compactMap { pair($0, nvidia) })
  }

  private static func processor(_ facts: SystemFacts) -> Check {
    let features = facts.vectorFeatures
    let value = facts.processor + (features.isEmpty ? "" : " (\(features.joined(separator: ", ")))")
    let isFast = features.contains("NEON") || (features.contains("AVX2") && features.contains("FMA"))
    return isFast
      ? Check("processor", .ok, value)
      : Check(
        "processor", .warning, value + ", without AVX2 and FMA or NEON",
        remedy: "everything works, slowly; choose a machine or a virtual machine type with AVX2")
  }

  private static func cores(_ facts: SystemFacts) -> Check {
    guard facts.usableCores < facts.onlineCores else { return Check("cores", .ok, "\(facts.usableCores)") }
    return Check(
      "cores", .warning, "\(facts.usableCores) of \(facts.onlineCores) may be used",
      remedy: "the CPU affinity or quota of this process is limited; widen it to use the whole machine")
  }

  /// A whole-body scan with its probabilities takes a few GB; less than one can't hold even a small study.
  private static let comfortableMemory = 2 << 30

  private static func memory(_ facts: SystemFacts) -> Check {
    guard let total = facts.totalMemory else {
      return Check("memory", .warning, "unknown", remedy: "/proc/meminfo can't be read; mount /proc")
    }
    let available = facts.availableMemory ?? total
    let value = "\(gigabytes(available)) available of \(gigabytes(total))"
    return available >= comfortableMemory
      ? Check("memory", .ok, value)
      : Check("memory", .warning, value, remedy: "close other programs; large scans need 2 GB or more")
  }

  private static func gigabytes(_ bytes: Int) -> String {
    let tenths = (Double(bytes) / Double(1 << 30) * 10).rounded() / 10
    return "\(tenths) GiB"
  }

  private static func writability(of folder: String) -> Check {
    let probe = Paths.join(folder, "martlet-\(UUID().uuidString)")
    do {
      try AtomicFile.write([0], to: probe)
      try FileManager.default.removeItem(atPath: probe)
      return Check("temporary folder", .ok, folder)
    } catch {
      return Check(
        "temporary folder", .missing, "\(folder) can't be written to",
        remedy: "set TMPDIR to a folder that you may write to, with free space")
    }
  }

  private static func library(_ backend: any EngineBackend) -> Check {
    switch backend.availability() {
    case .available(let version, let location, let devices):
      let parts = [version, location.map { "at \($0)" }, devices.isEmpty ? nil : devices.joined(separator: "; ")]
      return Check(backend.title, .ok, parts.compactMap(\.self).joined(separator: ", "))
    case .missing(let reason, let remedy):
      return Check(backend.title, .missing, reason, remedy: remedy)
    }
  }
}
