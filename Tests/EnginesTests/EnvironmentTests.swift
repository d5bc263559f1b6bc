import Diagnostics
import Engines
import Foundation
import TestSupport
import Testing

@Suite struct EnvironmentTests {
  private func facts(
    features: String = "fpu fma avx2", limit: String = "max", inUse: String = "", usable: Int = 2
  ) -> SystemFacts {
    SystemFacts(
      cpuInfo: "processor\t: 0\nmodel name\t: Some CPU @ 3: GHz\nflags\t\t: \(features)\n\nprocessor\t: 1\n",
      memoryInfo: "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n",
      memoryLimit: limit, memoryInUse: inUse, usableCores: usable)
  }

  private func check(_ name: String, _ facts: SystemFacts) throws -> Environment.Check {
    try #require(Environment.examine([], facts: facts).checks.first { $0.name == name })
  }

  @Test func readsTheProcessorAndItsFeatures() {
    let intel = facts(features: "sse2 avx2 fma avx512f avx512vl")
    #expect(intel.processor == "Some CPU @ 3: GHz")
    #expect(intel.vectorFeatures == ["AVX2", "FMA", "AVX-512"])
    #expect(intel.onlineCores == 2)
    #expect(intel.totalMemory == 16 << 30)
    #expect(intel.availableMemory == 8 << 30)
    let arm = SystemFacts(
      cpuInfo: "processor : 0\nFeatures : fp asimd aes\n", memoryInfo: "", memoryLimit: "", memoryInUse: "",
      usableCores: 1)
    #expect(arm.vectorFeatures == ["NEON"])
    #expect(arm.totalMemory == nil)
  }

  @Test func theControlGroupsLimitCounts() {
    let limited = facts(limit: "4294967296\n", inUse: "1073741824\n")
    #expect(limited.totalMemory == 4 << 30)
    #expect(limited.availableMemory == 3 << 30)
    #expect(facts(limit: "max\n").totalMemory == 16 << 30)
  }

  @Test func whatCostsSpeedIsAWarningWithARemedy() throws {
    #expect(try check("processor", facts()).status == .ok)
    let slow = try check("processor", facts(features: "sse2 avx"))
    #expect(slow.status == .warning && slow.remedy != nil)
    #expect(try check("cores", facts(usable: 2)).status == .ok)
    let narrow = try check("cores", facts(usable: 1))
    #expect(narrow.status == .warning && narrow.value == "1 of 2 may be used")
    #expect(try check("memory", facts()).value == "8.0 GiB available of 16.0 GiB")
    #expect(try check("memory", facts(limit: "1073741824", inUse: "0")).status == .warning)
  }

  @Test func aTemporaryFolderThatCantBeWrittenIsMissing() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write("in the way", to: "file")
    let checks = Environment.examine([], facts: facts(), temporaryFolder: file).checks
    #expect(checks.first { $0.name == "temporary folder" }?.status == .missing)
    let good = Environment.examine([], facts: facts(), temporaryFolder: folder.path).checks
    #expect(good.first { $0.name == "temporary folder" }?.status == .ok)
  }

  @Test func librariesAreReportedWithTheirPlaceOrTheirRemedy() throws {
    let there = try Environment.examine([EngineCorpus.openVINO()]).checks
    let found = try #require(there.first { $0.name == "OpenVINO" })
    #expect(found.status == .ok)
    #expect(found.value.hasPrefix("2026.4.1") && found.value.contains(EngineCorpus.runtimeFolder))
    let absent = Environment.examine([OpenVINOBackend(library: "/no/such/folder")]).checks
    let missing = try #require(absent.first { $0.name == "OpenVINO" })
    #expect(missing.status == .missing)
    #expect(missing.remedy?.contains("make runtimes") == true)
  }

  @Test func thisMachineIsReadAndEncodesAsJSON() throws {
    let environment = Environment.examine([])
    #expect(environment.checks.map(\.name) == ["processor", "cores", "memory", "temporary folder"])
    #expect(environment.checks.allSatisfy { !$0.value.isEmpty && ($0.status == .ok) == ($0.remedy == nil) })
    let decoded = try JSONDecoder().decode(Environment.self, from: JSONEncoder().encode(environment))
    #expect(decoded == environment)
  }
}
