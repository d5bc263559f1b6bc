import Foundation
import Tensors

/// What the operating system tells of the machine.
package struct SystemFacts: Sendable, Hashable {
  /// The processor's model, or its architecture where it has no name.
  package var processor: String
  /// The vector instructions that kernels make use of, fastest last: `AVX2`, `FMA`, `AVX-512`, `NEON`.
  package var vectorFeatures: [String]
  /// Cores that this process may use.
  package var usableCores: Int
  package var onlineCores: Int
  /// Bytes, within the limit of the control group; nil when the system doesn't tell.
  package var totalMemory: Int?
  /// Bytes that can be had without swapping.
  package var availableMemory: Int?

  package init(
    processor: String, vectorFeatures: [String], usableCores: Int, onlineCores: Int, totalMemory: Int?,
    availableMemory: Int?
  ) {
    self.processor = processor
    self.vectorFeatures = vectorFeatures
    self.usableCores = usableCores
    self.onlineCores = onlineCores
    self.totalMemory = totalMemory
    self.availableMemory = availableMemory
  }

  /// Reads `/proc/cpuinfo`, `/proc/meminfo` and the control group's memory limit.
  package static func current() -> SystemFacts {
    SystemFacts(
      cpuInfo: text("/proc/cpuinfo"), memoryInfo: text("/proc/meminfo"), memoryLimit: text("/sys/fs/cgroup/memory.max"),
      memoryInUse: text("/sys/fs/cgroup/memory.current"), usableCores: Parallel.coreCount)
  }

  private static func text(_ path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  /// From the texts of the system's files; an absent file is an empty text.
  package init(cpuInfo: String, memoryInfo: String, memoryLimit: String, memoryInUse: String, usableCores: Int) {
    let entries = cpuInfo.split(separator: "\n").compactMap(Self.entry)
    let flags = entries.first { $0.key == "flags" || $0.key == "Features" }?.value ?? ""
    let name = entries.first { $0.key == "model name" || $0.key == "Model" }?.value
    self.processor = name.flatMap { $0.isEmpty ? nil : $0 } ?? Self.architecture
    self.vectorFeatures = Self.features(Set(flags.split(separator: " ").map(String.init)))
    self.usableCores = usableCores
    self.onlineCores = max(usableCores, entries.count { $0.key == "processor" })

    let memory = memoryInfo.split(separator: "\n").compactMap(Self.entry)
    let total = Self.kibibytes(memory.first { $0.key == "MemTotal" }?.value)
    let available = Self.kibibytes(memory.first { $0.key == "MemAvailable" }?.value)
    guard let total, let limit = Int(memoryLimit.trimmingCharacters(in: .whitespacesAndNewlines)), limit < total else {
      totalMemory = total
      availableMemory = available
      return
    }
    let inUse = Int(memoryInUse.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    totalMemory = limit
    availableMemory = min(available ?? limit, max(0, limit - max(0, inUse)))
  }

  private static func features(_ flags: Set<String>) -> [String] {
    let known = [("avx2", "AVX2"), ("fma", "FMA"), ("avx512f", "AVX-512"), ("asimd", "NEON")]
    return known.filter { flags.contains($0.0) }.map(\.1)
  }

  /// `key : value`
  private static func entry(_ line: Substring) -> (key: String, value: String)? {
    guard let colon = line.firstIndex(of: ":") else { return nil }
    return (
      line[..<colon].trimmingCharacters(in: .whitespaces),
      line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    )
  }

  /// The bytes of `16384 kB`.
  private static func kibibytes(_ text: String?) -> Int? {
    guard let number = text?.split(separator: " ").first.flatMap({ Int($0) }), number >= 0 else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }

  private static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "aarch64"
    #else
      "a processor of unknown architecture"
    #endif
  }
}
