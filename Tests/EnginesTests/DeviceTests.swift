import Diagnostics
import Engines
import Testing

@Suite struct DeviceTests {
  @Test(arguments: [
    ("cpu", Device.cpu, "cpu"), ("cpu:0", .cpu, "cpu"), ("cuda", .cuda(0), "cuda:0"), ("cuda:1", .cuda(1), "cuda:1"),
    ("gpu", .cuda(0), "cuda:0"), ("gpu:1", .cuda(1), "cuda:1"), ("0", .cuda(0), "cuda:0"), ("1", .cuda(1), "cuda:1"),
    ("dla", .dla(0), "dla:0"), ("dla:1", .dla(1), "dla:1"), ("cuda:127", .cuda(127), "cuda:127"),
  ])
  func parsesWhatUsersWriteAndPrintsPyTorchsForm(text: String, device: Device, printed: String) throws {
    #expect(try Device.parse(text) == device)
    #expect("\(device)" == printed)
    #expect(try Device.parse(printed) == device)
  }

  @Test func theIndexIsPyTorchs() {
    #expect(Device.cpu.index == nil)
    #expect(Device.cuda(3).index == 3)
    #expect(Device.dla(1).index == 1)
  }

  @Test(arguments: [
    "", ":", "cuda:", ":1", "-1", "cuda:-1", "+1", "cuda:+1", "01", "cuda:01", "128", "cuda:128",
    "99999999999999999999",
    "cuda:99999999999999999999", "cpu:1", "tpu", "cuda:0:1", "cuda 1", " cuda", "cuda:1 ", "mps", "cuda:one", "1.0",
    "cuda:１",
  ])
  func refusesWhatNamesNoDevice(text: String) {
    #expect(throws: DeviceError.unreadable(text)) { try Device.parse(text) }
    #expect(DeviceError.unreadable(text).diagnosis.kind == .usage)
  }

  @Test(arguments: ["cpu", "cuda:1", "1", "gpu:2", "dla:0"])
  func everyKindThatABackendDoesntTakeIsAnErrorThatNamesBoth(text: String) throws {
    let device = try Device.parse(text)
    let requests: [(Device.Kind, () throws -> Void)] = [
      (.cpu, { try device.requireCPU(for: "ThisEngine") }),
      (.cuda, { try #require(try device.cudaOrdinal(for: "ThisEngine") == device.index) }),
      (.dla, { try #require(try device.dlaCore(for: "ThisEngine") == device.index) }),
    ]
    for (kind, request) in requests {
      guard kind != device.kind else {
        try request()
        continue
      }
      let error = #expect(throws: DeviceError.self) { try request() }
      let diagnosis = try #require(error?.diagnosis)
      #expect(diagnosis.what.contains("ThisEngine") && diagnosis.what.contains("\(device)"))
      #expect(diagnosis.expected == kind.title)
      #expect(diagnosis.hint?.contains("--device \(kind.rawValue)") == true)
      #expect(diagnosis.kind == .usage)
    }
  }

  @Test(arguments: [
    ("cpu", true), ("cuda", false), ("cuda:1", false), ("1", false), ("gpu:1", false), ("dla:0", false),
  ])
  func openVINOTakesTheCPUOnly(text: String, isTaken: Bool) throws {
    let device = try Device.parse(text)
    let backend = OpenVINOBackend()
    if isTaken {
      try backend.requireDevice(device)
    } else {
      #expect(throws: DeviceError.wrongKind(asked: device, backend: "OpenVINO", takes: [.cpu])) {
        try backend.requireDevice(device)
      }
    }
  }
}
