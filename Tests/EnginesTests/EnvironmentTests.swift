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
    #expect(environment.checks.map(\.name).starts(with: ["processor", "cores", "memory", "temporary folder"]))
    #expect(environment.checks.count > 4)
    #expect(environment.checks.allSatisfy { !$0.value.isEmpty && ($0.status == .ok) == ($0.remedy == nil) })
    let decoded = try JSONDecoder().decode(Environment.self, from: JSONEncoder().encode(environment))
    #expect(decoded == environment)
  }

  // MARK: NVIDIA

  /// A backend whose library is there in some version.
  private struct Present: EngineBackend {
    let name: String
    var title: String { name }
    let deviceKinds: [Device.Kind] = [.cuda]
    func availability() -> EngineAvailability { .available(version: "1.7.1", location: nil, devices: []) }
    func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine {
      throw EngineError.runFailed(backend: name, reason: "it is a stand-in")
    }
  }

  private func nvidia(cuda: String = "12.9", _ capabilities: [ComputeCapability]) -> NVIDIAFacts {
    NVIDIAFacts(
      driverVersion: "580.95.05", cudaVersion: cuda,
      devices: capabilities.enumerated().map {
        CUDADevice(ordinal: $0, name: "Some GPU", computeCapability: $1, memory: 24 << 30)
      })
  }

  private func checks(_ nvidia: NVIDIAFacts, _ product: TensorRTProduct = .rtx) -> [Environment.Check] {
    Environment.examine([Present(name: product.rawValue)], facts: facts(), nvidia: nvidia).checks
  }

  @Test func eachGPUIsNamedWithItsCapabilityAndMemory() throws {
    let found = checks(nvidia([ComputeCapability(8, 6), ComputeCapability(12, 0)]))
    #expect(found.first { $0.name == "NVIDIA driver" }?.value == "580.95.05, CUDA 12.9")
    #expect(found.first { $0.name == "GPU cuda:1" }?.value == "Some GPU, compute capability 12.0, 24.0 GiB")
    #expect(found.first { $0.name == "TensorRT for RTX and GPU" }?.status == .ok)
  }

  @Test func aPairThatDoesntFitIsAWarningWithARemedy() throws {
    let hopper = try #require(checks(nvidia([ComputeCapability(9, 0)])).last)
    #expect(hopper.status == .warning && hopper.value.contains("9.0") && hopper.remedy?.contains("tensorrt") == true)
    // Standard TensorRT serves it.
    #expect(checks(nvidia([ComputeCapability(9, 0)]), .standard).last?.status == .ok)
    let old = try #require(checks(nvidia(cuda: "11.4", [ComputeCapability(8, 6)])).last)
    #expect(old.status == .warning && old.value.contains("11.4") && old.remedy?.contains("driver") == true)
  }

  @Test func withoutAGPUItIsSaidWhatStillWorks() throws {
    let none = checks(NVIDIAFacts(driverVersion: nil, cudaVersion: nil, devices: [], problem: "no driver"))
    let row = try #require(none.first { $0.name == "NVIDIA GPU" })
    #expect(row.status == .missing && row.value == "no driver" && row.remedy?.contains("tensorrt-rtx") == true)
    #expect(!none.contains { $0.name.hasSuffix("and GPU") })
  }

  @Test(arguments: [Int32(101_600), 10_701]) func theDriversGPUsAreRead(version: Int32) throws {
    try TensorRTDouble.use(version: version) { _ in
      let facts = NVIDIAFacts.current(try CUDADriver(path: TensorRTDouble.path))
      #expect(!facts.devices.isEmpty && facts.cudaVersion != nil && facts.problem == nil)
    }
  }
}
