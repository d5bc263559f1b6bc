import Diagnostics
import Dispatch
import Engines
import Foundation
import Synchronization
import TestSupport
import Tensors
import Testing

/// The real TensorRT for RTX, on a machine that need not have a GPU. `make runtimes` fetches it.
@Suite(.serialized) struct TensorRTRTXTests {
  // MARK: Building

  @Test func buildsFixedAndDynamicModelsWithoutAGPU() throws {
    let fixed = try build("conv3d_fixed")
    #expect(fixed.inputs == [TensorSpecification(name: "input_0", elementType: .float32, dimensions: [1, 1, 8, 8, 8])])
    #expect(
      fixed.outputs == [TensorSpecification(name: "output_0", elementType: .float32, dimensions: [1, 4, 8, 8, 8])])
    let dynamic = try build("conv3d_batch", batches: .batches(1, 2, 8, axes: 3))
    #expect(dynamic.outputs[0].dimensions == [nil, 4, 8, 8, 8])
    #expect(dynamic.library.hasPrefix("TensorRT for RTX 1."))
    let half = try build("conv3d_half", batches: .batches(1, 1, 4, axes: 3))
    #expect(half.inputs[0].elementType == .float16)

    // An engine is well-formed as far as the library can tell without a GPU.
    let runtime = try TensorRTRuntime(library: library())
    for plan in [fixed, dynamic, half] {
      #expect(plan.layerCount >= 2 && plan.byteCount > 100_000)
      let verdict = plan.withUnsafeBytes { runtime.verdict(on: $0) }
      if CUDADriver.system == nil { #expect(verdict == .noGPU) } else { #expect(verdict != .malformed) }
    }
  }

  @Test func writesTheEngineWhole() throws {
    let plan = try build("conv2d_batch", batches: .batches(1, 1, 1))
    let folder = try TemporaryFolder()
    try plan.write(to: folder.file("brain.engine"))
    let file = try Data(contentsOf: URL(filePath: folder.file("brain.engine")))
    #expect(plan.withUnsafeBytes { $0.elementsEqual(file) })
  }

  @Test func takesEveryOption() throws {
    var options = TensorRTBuildOptions()
    options.profiles = [["input_0": .batches(1, 1, 2, axes: 3)], ["input_0": .batches(3, 4, 8, axes: 3)]]
    options.workspaceLimit = 1 << 30
    options.optimizationLevel = 0
    options.allowsTF32 = false
    options.computeCapabilities = [ComputeCapability(8, 6), ComputeCapability(12, 0)]
    #expect(try build("conv3d_batch", options).byteCount > 100_000)
  }

  @Test func progressReachesTheEnd() throws {
    let updates = Updates()
    _ = try build("conv3d_batch", batches: .batches(1, 1, 4, axes: 3)) { updates.append($0) }
    let units = updates.all.map(\.completed)
    #expect(units == units.sorted() && Set(units).count == units.count)
    #expect(units.last == 1000 && units.count >= 5)
  }

  @Test func stopsWhenItsTaskIsCancelled() async throws {
    await Task {
      _ = #expect(throws: InterruptedError.self) {
        try build("conv3d_batch", batches: .batches(1, 1, 4, axes: 3)) { _ in withUnsafeCurrentTask { $0?.cancel() } }
      }
    }.value
    // The library is fit for the next build.
    #expect(try build("conv3d_fixed").byteCount > 0)
  }

  // MARK: Compute capabilities

  @Test func refusesGPUsThatItDoesntBuildFor() throws {
    for text in ["9.0", "10.0", "8.7", "7.0", "13.0"] {
      let capability = try ComputeCapability.parse(text)
      var options = TensorRTBuildOptions()
      options.computeCapabilities = [ComputeCapability(8, 6), capability]
      let title = try library().title
      #expect(throws: TensorRTError.unsupportedComputeCapability(capability, library: title)) {
        try build("conv3d_fixed", options)
      }
    }
    #expect(try ComputeCapability.parseList("8.6,12.0") == [ComputeCapability(8, 6), ComputeCapability(12, 0)])
    for text in ["", "8.6,", ",8.6", "8.6,,12.0", "8.6;12.0"] {
      #expect(throws: TensorRTError.self) { try ComputeCapability.parseList(text) }
    }
    for name in ["none", "ampere+", "same"] { #expect(try TensorRTHardwareCompatibility.parse(name).name == name) }
    #expect(throws: EngineError.self) { try TensorRTHardwareCompatibility.parse("ampere") }
    for text in ["", "8", "8.", ".6", "8.6.1", "-8.6", "８.6", "8.66", "current"] {
      #expect(throws: TensorRTError.unreadableComputeCapability(text)) { try ComputeCapability.parse(text) }
    }
  }

  @Test func buildsForEachGPUThatItNames() throws {
    for capability in ComputeCapability.rtx where capability != ComputeCapability(7, 5) {
      var options = TensorRTBuildOptions()
      options.computeCapabilities = [capability]
      #expect(try build("conv3d_fixed", options).byteCount > 100_000)
    }
  }

  /// The library keeps what GPUs a build is for in a place that all its builders share.
  @Test func buildsAtOnceForDifferentGPUs() throws {
    let wanted: [[ComputeCapability]] = [[ComputeCapability(7, 5)], [], [ComputeCapability(12, 0)]]
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 4 * wanted.count) { index in
      var options = TensorRTBuildOptions()
      options.profiles = [["input_0": .batches(1, 1, 1, axes: 3)]]
      options.computeCapabilities = wanted[index % wanted.count]
      do { _ = try build("conv3d_half", options) } catch { failures.withLock { $0.append("\(error)") } }
    }
    #expect(failures.withLock { $0 } == [])
  }

  @Test func messagesGoToTheWorkThatTheyAreAbout() throws {
    var options = TensorRTBuildOptions()
    options.workspaceLimit = 1
    let (opening, building) = (Messages(), Messages())
    do {
      // The library knows this one's logger first.
      let runtime = try TensorRTRuntime(library: library(), log: { opening.append($0) })
      let count = opening.all.count
      #expect(throws: TensorRTError.self) { try build("conv3d_fixed", options, messages: building) }
      #expect(opening.all.count == count)
      withExtendedLifetime(runtime) {}
    }
    #expect(building.all.contains { $0.severity <= .error })
    // And takes the next one's when it is gone.
    let later = Messages()
    #expect(throws: TensorRTError.self) { try build("conv3d_fixed", options, messages: later) }
    #expect(later.all.contains { $0.severity <= .error })
  }

  @Test func refusesTuringForFloatVolumesAndTakesTheOthers() throws {
    var options = TensorRTBuildOptions()
    options.computeCapabilities = [ComputeCapability(7, 5)]
    #expect(throws: TensorRTError.turingVolumes(layers: ["first/conv"])) { try build("conv3d_fixed", options) }
    options.profiles = [["input_0": .batches(1, 1, 1, axes: 3)]]
    #expect(try build("conv3d_half", options).byteCount > 100_000)
    options.profiles = [["input_0": .batches(1, 1, 1)]]
    #expect(try build("conv2d_batch", options).byteCount > 100_000)
  }

  // MARK: Models and options that can't be built

  @Test func namesEveryUnknownOperator() throws {
    let error = #expect(throws: TensorRTError.self) { try build("unknown_operators") }
    guard case .refused(_, let errors)? = error else { throw try #require(error) }
    #expect(errors.map(\.nodeName) == ["decoder/sharpen", "decoder/swirl"])
    #expect(errors.map(\.nodeOperator) == ["Sharpen", "Swirl"])
    #expect(errors.map(\.node) == [0, 2])
    #expect(errors.allSatisfy { $0.code == 6 && $0.line > 0 && !$0.file.isEmpty })
    #expect(error?.description.contains("node 'decoder/swirl' (Swirl): the library has no such operator") == true)
  }

  @Test func refusesBytesThatAreNoModel() throws {
    let whole = try bytes("conv3d_batch")
    for wrong in [[], Array("this is no model\n".utf8), [UInt8](repeating: 0xff, count: 999), whole.map { ~$0 }] {
      #expect(throws: TensorRTError.self) { try build(wrong) }
    }
    for count in 1..<whole.count {
      #expect(throws: (any Error).self, "\(count) bytes") { try build(Array(whole[..<count])) }
    }
  }

  @Test func flippedBytesNeverCrash() throws {
    let whole = try bytes("conv2d_batch")
    var options = TensorRTBuildOptions()
    options.profiles = [["input_0": .batches(1, 1, 1)]]
    // Every ninth byte: the header, names, shapes and weights all get their share.
    for index in stride(from: 0, to: whole.count, by: 9) {
      var damaged = whole
      damaged[index] ^= 0xff
      _ = try? build(damaged, options)
    }
    #expect(try build(whole, options).byteCount > 0)
  }

  @Test func refusesVersionsThatTheParserWouldSilentlyTake() throws {
    let title = try library().title
    let model = try bytes("conv3d_fixed")
    // Field 1, ir_version, is the first: 08 09. Field 8, opset_import, is the last: 42 04 0a 00 10 14.
    try #require(model.starts(with: [0x08, 0x09]) && model.suffix(6) == [0x42, 0x04, 0x0a, 0x00, 0x10, 0x14])
    var newer = model
    newer[1] = 99
    #expect(throws: TensorRTError.unsupportedIRVersion(found: 99, newest: 12, library: title)) { try build(newer) }
    newer = model
    newer[newer.count - 1] = 99
    #expect(throws: TensorRTError.unsupportedOpset(found: 99, supported: 9...24, library: title)) { try build(newer) }
    newer[newer.count - 1] = 8
    #expect(throws: TensorRTError.unsupportedOpset(found: 8, supported: 9...24, library: title)) { try build(newer) }
    #expect(throws: TensorRTError.missingOpset) { try build(Array(model.dropLast(6))) }
    // A model of a version and an empty graph.
    #expect(throws: TensorRTError.emptyGraph) { try build([0x08, 0x09, 0x3a, 0x00, 0x42, 0x02, 0x10, 0x14]) }
  }

  @Test func asksForTheShapesOfFreeExtents() throws {
    #expect(throws: TensorRTError.missingShapeRange(input: "input_0", dimensions: [nil, 1, 8, 8, 8])) {
      try build("conv3d_batch")
    }
    let wrong: [TensorRTShapeRange] = [
      .batches(2, 1, 4, axes: 3), .batches(0, 1, 4, axes: 3), .batches(1, 5, 4, axes: 3), .batches(1, 1, 1, axes: 2),
      TensorRTShapeRange(minimum: [1, 1, 8, 8, 8], optimum: [1, 1, 8, 8, 8], maximum: [1, 1, 9, 8, 8]),
      TensorRTShapeRange(minimum: [1, 1, 8, 8, 8], optimum: [1, 1, 8, 8, 8], maximum: [.max, 1, 8, 8, 8]),
    ]
    for range in wrong {
      let error = #expect(throws: TensorRTError.self) { try build("conv3d_batch", batches: range) }
      guard case .invalidShapeRange("input_0", _)? = error else { throw try #require(error) }
    }
    var options = TensorRTBuildOptions()
    options.profiles = [["image": .batches(1, 1, 1, axes: 3)]]
    #expect(throws: TensorRTError.unknownInput(name: "image", known: ["input_0"])) {
      try build("conv3d_batch", options)
    }
  }

  @Test func refusesOptionsThatAreNone() throws {
    var options = TensorRTBuildOptions()
    options.optimizationLevel = 6
    #expect(throws: EngineError.self) { try build("conv3d_fixed", options) }
    options = TensorRTBuildOptions()
    options.workspaceLimit = 0
    #expect(throws: EngineError.self) { try build("conv3d_fixed", options) }
    options = TensorRTBuildOptions()
    options.hardwareCompatibility = .ampereAndNewer
    #expect(throws: TensorRTError.self) { try build("conv3d_fixed", options) }
  }

  @Test func saysThatTheWorkspaceIsTooSmall() throws {
    var options = TensorRTBuildOptions()
    options.workspaceLimit = 1
    let messages = Messages()
    let error = #expect(throws: TensorRTError.self) { try build("conv3d_fixed", options, messages: messages) }
    guard case .buildFailed(_, let reasons)? = error else { throw try #require(error) }
    #expect(error?.diagnosis.hint == "raise the workspace limit", "\(reasons)")
    // The line about the missing GPU that follows each error of the library is not told.
    #expect(!messages.all.isEmpty && !messages.all.contains { $0.text.contains("catchCudaError") })
  }

  // MARK: Opening

  @Test func judgesEnginesByTheirHeader() throws {
    let runtime = try TensorRTRuntime(library: library())
    let plan = try build("conv2d_batch", batches: .batches(1, 1, 1))
    let engine = plan.withUnsafeBytes { Array($0) }
    func verdict(_ bytes: [UInt8]) -> TensorRTRuntime.Verdict { bytes.withUnsafeBytes { runtime.verdict(on: $0) } }
    #expect(verdict(engine) != .malformed)
    #expect(verdict([]) == .malformed)
    #expect(verdict(Array(engine.prefix(63))) == .malformed)
    #expect(verdict([UInt8](repeating: 0, count: 64) + engine.dropFirst(64)) == .malformed)
    #expect(verdict(Array("no engine at all, though it is longer than the header of an engine".utf8)) == .malformed)
  }

  /// The real library's own refusals, behind the double's driver, since the machine's has no GPU.
  @Test(.enabled(if: CUDADriver.system == nil, "this machine has an NVIDIA GPU"))
  func saysWhyAnEngineCantBeOpened() throws {
    let library = try library()
    let engine = try build("conv2d_batch", batches: .batches(1, 1, 1)).withUnsafeBytes { Array($0) }
    let cases: [(bytes: [UInt8], reason: String)] = [
      (engine, "cudaError 35"), (Array(engine.prefix(engine.count / 2)), "plan.header.size"),
      ([UInt8](repeating: 0, count: 64) + engine.dropFirst(64), "magicTag"), ([], ""), ([1, 2, 3], ""),
    ]
    try TensorRTDouble.use(version: 10701) { double in
      let driver = try CUDADriver(path: TensorRTDouble.path)
      for (bytes, reason) in cases {
        let error = #expect(throws: TensorRTError.self) {
          try bytes.withUnsafeBytes { try TensorRTEngine($0, library: library, driver: driver, ordinal: 0) }
        }
        guard case .engineRefused(_, let told)? = error else { throw try #require(error) }
        #expect(told.contains(reason) || reason.isEmpty, "\(told)")
        #expect(!told.isEmpty)
      }
      #expect(double.live == 0 && double.violations == [])
    }
  }

  @Test(.enabled(if: CUDADriver.system == nil, "this machine has an NVIDIA GPU"))
  func theBackendIsUnavailableWithoutAGPU() throws {
    let specification = TensorSpecification(name: "input_0", elementType: .float32, dimensions: [1, 1, 8, 8, 8])
    let source = EngineSource(onnx: try bytes("conv3d_fixed"), inputs: [specification], outputs: [specification])
    var options = EngineOptions()
    options.device = .cuda(0)
    let error = #expect(throws: CUDAError.self) { try TensorRTBackend(.rtx).compile(source, options) }
    #expect(error?.diagnosis.kind == .unavailable)
    guard case .available(_, _, let devices) = TensorRTBackend(.rtx).availability() else {
      return #expect(Bool(false), "\(TensorRTBackend(.rtx).availability())")
    }
    #expect(devices.isEmpty)
  }

  // MARK: Memory

  /// In a process of its own, since other tests of this one allocate meanwhile.
  @Test func thirtyBuildsKeepNoMemory() throws {
    let alone = "MARTLET_TEST_BUILDS_ALONE"
    if ProcessInfo.processInfo.environment[alone] == nil {
      let program = Process()
      program.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      program.arguments = ["--testing-library", "swift-testing", "--filter", "thirtyBuildsKeepNoMemory"]
      program.environment = ProcessInfo.processInfo.environment.merging([alone: "1"]) { $1 }
      let output = Pipe()
      program.standardOutput = output
      program.standardError = output
      try program.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      program.waitUntilExit()
      #expect(program.terminationStatus == 0 && text.contains("thirtyBuildsKeepNoMemory"), "\(text)")
      return
    }
    // The first builds fill the library's caches.
    for _ in 0..<5 { _ = try build("conv3d_batch", batches: .batches(1, 1, 4, axes: 3)) }
    let before = try residentBytes()
    for _ in 0..<30 { _ = try build("conv3d_batch", batches: .batches(1, 1, 4, axes: 3)) }
    let growth = try residentBytes() - before
    #expect(growth < 5_000_000, "grew by \(growth) bytes")
  }

  private func residentBytes() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    return try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
      * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  // MARK: Support

  private func library() throws -> TensorRTLibrary {
    do {
      return try TensorRTLibrary.load(.rtx)
    } catch {
      Issue.record("TensorRT for RTX is missing: run 'make runtimes' first. \(error)")
      throw error
    }
  }

  private func bytes(_ model: String) throws -> [UInt8] {
    try Array(Data(contentsOf: URL(filePath: Corpus.path("tensorrt/\(model).onnx"))))
  }

  private func build(
    _ model: String, batches: TensorRTShapeRange, progress: ProgressObserver? = nil
  ) throws -> TensorRTPlan {
    var options = TensorRTBuildOptions()
    options.profiles = [["input_0": batches]]
    return try build(bytes(model), options, progress: progress)
  }

  private func build(
    _ model: String, _ options: TensorRTBuildOptions = .init(), messages: Messages? = nil
  ) throws -> TensorRTPlan {
    try build(bytes(model), options, messages: messages)
  }

  private func build(
    _ model: [UInt8], _ options: TensorRTBuildOptions = .init(), messages: Messages? = nil,
    progress: ProgressObserver? = nil
  ) throws -> TensorRTPlan {
    let builder = try TensorRTBuilder(library: library(), log: { messages?.append($0) })
    return try model.withUnsafeBytes { try builder.build(onnx: $0, options: options, progress: progress) }
  }
}

private final class Messages: @unchecked Sendable {
  // Unchecked: the library of these tests calls back on the thread that builds.
  private(set) var all: [TensorRTMessage] = []
  func append(_ message: TensorRTMessage) { all.append(message) }
}

private final class Updates: @unchecked Sendable {
  // Unchecked: as above.
  private(set) var all: [ProgressUpdate] = []
  func append(_ update: ProgressUpdate) { all.append(update) }
}
