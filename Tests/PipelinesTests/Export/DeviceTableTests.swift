import Diagnostics
import Engines
import Pipelines
import Testing

/// Every engine and every export target with every form of device.
@Suite struct DeviceTableTests {
  private static let forms: [(text: String, kind: Device.Kind)] = [
    ("cpu", .cpu), ("cpu:0", .cpu), ("cuda", .cuda), ("cuda:0", .cuda), ("cuda:1", .cuda), ("gpu", .cuda),
    ("gpu:1", .cuda), ("0", .cuda), ("1", .cuda), ("dla", .dla), ("dla:0", .dla), ("dla:1", .dla),
  ]

  private static let targets: [String: [Device.Kind]] = [
    "tensorrt-rtx": [.cuda], "tensorrt": [.cuda], "openvino": [.cpu], "onnx": [.cpu, .cuda, .dla],
  ]

  private static let backends: [String: [Device.Kind]] = [
    "tensorrt-rtx": [.cuda], "tensorrt": [.cuda], "openvino": [.cpu], "native": [.cpu], "reference": [.cpu],
  ]

  @Test func theTableHoldsEveryTargetAndBackend() {
    #expect(Set(ExportTargets.names) == Set(Self.targets.keys))
    #expect(Set(EngineChoice().backends.map(\.name)) == Set(Self.backends.keys))
  }

  @Test(arguments: forms.map(\.text), ExportTargets.names)
  func targetsTakeTheirKindsAndNameTheOthers(text: String, name: String) throws {
    let device = try Device.parse(text)
    let target = try #require(ExportTargets.named(name))
    var options = ExportOptions()
    options.device = device
    if try #require(Self.targets[name]).contains(device.kind) {
      // A machine with GPUs may not have this one, which is another error.
      do { try target.check(options) } catch CUDAError.noDevice(let ordinal, _) { #expect(ordinal == device.index) }
      return
    }
    let error = #expect(throws: DeviceError.self) { try target.check(options) }
    let diagnosis = try #require(error?.diagnosis)
    #expect(diagnosis.kind == .usage && diagnosis.what.contains("\(device)"))
    #expect(diagnosis.hint?.contains("--device") == true)
  }

  @Test(arguments: forms.map(\.text))
  func backendsTakeTheirKindsAndNameTheOthers(text: String) throws {
    let device = try Device.parse(text)
    for backend in EngineChoice().backends {
      if try #require(Self.backends[backend.name]).contains(device.kind) {
        try backend.requireDevice(device)
      } else {
        #expect(throws: DeviceError.wrongKind(asked: device, backend: backend.title, takes: backend.deviceKinds)) {
          try backend.requireDevice(device)
        }
      }
    }
  }

  @Test(arguments: forms.map(\.text), forms.map(\.kind))
  func anOrdinalComesOnlyFromItsOwnKind(text: String, kind: Device.Kind) throws {
    let device = try Device.parse(text)
    let ordinals: [Device.Kind: () throws -> Int?] = [
      .cpu: {
        try device.requireCPU()
        return nil
      }, .cuda: { try device.cudaOrdinal() }, .dla: { try device.dlaCore() },
    ]
    let ask = try #require(ordinals[kind])
    if device.kind == kind {
      #expect(try ask() == device.index)
    } else {
      #expect(throws: DeviceError.self) { try ask() }
    }
  }
}
