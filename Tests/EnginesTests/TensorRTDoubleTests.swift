import Diagnostics
import Engines
import Files
import TestSupport
import Tensors
import Testing

/// Builder, engine and session of each family against the double: order of calls, lifetimes, and what goes wrong.
@Suite struct TensorRTDoubleTests {
  static let versions: [Int32] = [10701, 110_100, 101_600, 100_000]

  // MARK: Building

  @Test(arguments: versions) func buildsWithTheOptionsAndCleansUp(version: Int32) throws {
    try withDouble(version) { double, library, driver in
      var options = TensorRTBuildOptions()
      options.profiles = [["input_0": .batches(1, 2, 4)]]
      options.workspaceLimit = 1 << 30
      options.optimizationLevel = 5
      options.allowsTF32 = false
      if version == 10701 {
        options.computeCapabilities = [ComputeCapability(12, 0), ComputeCapability(8, 6)]
      } else {
        options.hardwareCompatibility = .ampereAndNewer
      }
      let messages = Collected<TensorRTMessage>()
      let builder = TensorRTBuilder(library: library, driver: driver, log: { messages.append($0) })
      do {
        let plan = try build(builder, options)
        #expect(plan.byteCount == 24)
        #expect(
          plan.inputs == [TensorSpecification(name: "input_0", elementType: .float32, dimensions: [nil, 1, 8, 8])])
        #expect(plan.outputs.map(\.name) == ["output_0"])
        #expect(plan.layerCount == 2)
        #expect(plan.library == library.title)
      }
      #expect(double.violations == [])
      #expect(double.live == 0)
      #expect(messages.all == [TensorRTMessage(.warning, "a warning of the double")])
      let calls = double.transcript.filter { $0.hasPrefix("IBuilderConfig") || $0.hasPrefix("IOptimizationProfile") }
      let chosen =
        version == 10701
        ? [
          "IBuilderConfig.setNbComputeCapabilities(2)", "IBuilderConfig.setComputeCapability(86, 0)",
          "IBuilderConfig.setComputeCapability(120, 1)",
        ] : []
      #expect(
        calls == [
          "IBuilderConfig.setMemoryPoolLimit(0, 1073741824)", "IBuilderConfig.setBuilderOptimizationLevel(5)",
          "IBuilderConfig.clearFlag(6)",
        ] + (version == 10701 ? [] : ["IBuilderConfig.setHardwareCompatibilityLevel(1)"]) + chosen + [
          "IOptimizationProfile.setDimensions(input_0, 0, 1x1x8x8)",
          "IOptimizationProfile.setDimensions(input_0, 1, 2x1x8x8)",
          "IOptimizationProfile.setDimensions(input_0, 2, 4x1x8x8)", "IBuilderConfig.addOptimizationProfile",
          "IBuilderConfig.setProgressMonitor",
        ])
      #expect(
        double.transcript.filter { $0.hasPrefix("delete") } == [
          "delete IBuilderConfig", "delete IParser", "delete INetworkDefinition", "delete IBuilder",
          "delete IHostMemory",
        ])
    }
  }

  @Test(arguments: versions) func reportsAllParserErrorsAtOnce(version: Int32) throws {
    try withDouble(version, "parse-errors") { double, library, driver in
      let error = #expect(throws: TensorRTError.self) {
        try build(TensorRTBuilder(library: library, driver: driver))
      }
      guard case .refused(_, let errors)? = error else { throw try #require(error) }
      #expect(errors.map(\.node) == [3, 4] && errors.map(\.code) == [6, 8] && errors.map(\.line) == [100, 101])
      #expect(errors[0].file == "importer.cpp")
      let text = "\(errors.map(\.nodeName)) \(error?.description ?? "")"
      #expect(text.contains("node 'decoder/swirl' (Swirl): the library has no such operator"))
      #expect(text.contains("node number 4 (Det): the library doesn't support this operator"))
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test(arguments: ["no-builder", "no-network", "no-parser", "no-config", "parse-nothing", "build-fails"])
  func cleansUpWhateverFails(scenario: String) throws {
    for version in Self.versions {
      try withDouble(version, scenario) { double, library, driver in
        var options = TensorRTBuildOptions()
        options.profiles = [["input_0": .batches(1, 1, 1)]]
        #expect(throws: (any Error).self) {
          try build(TensorRTBuilder(library: library, driver: driver), options)
        }
        #expect(double.violations == [] && double.live == 0, "\(scenario) \(version)")
      }
    }
  }

  @Test func tellsWhyABuildFailedWithoutTheEchoOfTheMissingGPU() throws {
    try withDouble(10701, "build-fails") { _, library, driver in
      var options = TensorRTBuildOptions()
      options.profiles = [["input_0": .batches(1, 1, 1)]]
      let messages = Collected<TensorRTMessage>()
      let error = #expect(throws: TensorRTError.self) {
        try build(TensorRTBuilder(library: library, driver: driver, log: { messages.append($0) }), options)
      }
      guard case .buildFailed(_, let reasons)? = error else { throw try #require(error) }
      #expect(reasons.count == 1 && reasons[0].contains("OutOfMemory"))
      #expect(messages.all.count == 1)
      #expect(error?.diagnosis.hint == "raise the workspace limit")
    }
  }

  @Test(arguments: versions) func stopsAtTheNextStepWhenItsTaskIsCancelled(version: Int32) async throws {
    let outcome = await Task {
      Result {
        try withDouble(version) { double, library, driver in
          var options = TensorRTBuildOptions()
          options.profiles = [["input_0": .batches(1, 1, 1)]]
          let updates = Collected<ProgressUpdate>()
          #expect(throws: InterruptedError.self) {
            try build(TensorRTBuilder(library: library, driver: driver), options) { update in
              updates.append(update)
              if update.completed >= 300 { withUnsafeCurrentTask { $0?.cancel() } }
            }
          }
          #expect(double.violations == [] && double.live == 0)
          #expect((updates.all.last?.completed ?? 0) < 500)
        }
      }
    }.value
    try outcome.get()
  }

  @Test func progressGrowsToTheWhole() throws {
    try withDouble(10701) { _, library, driver in
      var options = TensorRTBuildOptions()
      options.profiles = [["input_0": .batches(1, 1, 1)]]
      let updates = Collected<ProgressUpdate>()
      _ = try build(TensorRTBuilder(library: library, driver: driver), options) { updates.append($0) }
      let units = updates.all.map(\.completed)
      #expect(units == Array(stride(from: 50, through: 1000, by: 50)))
      #expect(updates.all.allSatisfy { $0.total == 1000 && $0.stage == "building the engine" })
    }
  }

  @Test func standardTensorRTNeedsAGPU() throws {
    for version in Self.versions.dropFirst() {
      for scenario in ["no-devices", "no-driver"] {
        try withDouble(version, scenario) { double, library, driver in
          let error = #expect(throws: TensorRTError.self) {
            try build(TensorRTBuilder(library: library, driver: driver))
          }
          guard case .needsGPU? = error else { throw try #require(error) }
          #expect(error?.diagnosis.hint?.contains("--target tensorrt-rtx") == true)
          #expect(error?.diagnosis.kind == .unavailable)
          #expect(double.live == 0)
        }
      }
    }
  }

  @Test func refusesTuringForFloatVolumesOnly() throws {
    var options = TensorRTBuildOptions()
    options.computeCapabilities = [ComputeCapability(8, 6), ComputeCapability(7, 5)]
    try withDouble(10701, "volumes") { double, library, driver in
      options.profiles = [["input_0": .batches(1, 1, 1, axes: 3)]]
      #expect(throws: TensorRTError.turingVolumes(layers: ["first/conv"])) {
        try build(TensorRTBuilder(library: library, driver: driver), options)
      }
      #expect(double.violations == [] && double.live == 0)
    }
    try withDouble(10701) { _, library, driver in
      options.profiles = [["input_0": .batches(1, 1, 1)]]
      #expect(throws: Never.self) { try build(TensorRTBuilder(library: library, driver: driver), options) }
    }
  }

  // MARK: Running

  @Test(arguments: versions) func runsOnAStreamInOrder(version: Int32) throws {
    try withDouble(version) { double, library, driver in
      do {
        let engine = try engine(library, driver, ordinal: 1)
        #expect(
          engine.inputs == [TensorSpecification(name: "input_0", elementType: .float32, dimensions: [nil, 1, 8, 8])])
        #expect(engine.tensors[0].ranges == [.batches(1, 2, 4)])
        #expect(engine.tensors[1].ranges.isEmpty && engine.profileCount == 1)
        #expect(engine.deviceMemory == (version == 100_000 ? 1000 : 2000))
        #expect(engine.layerInformation() == "{\"Layers\": []}")
        let session = try engine.makeSession()
        let input = Tensor((0..<128).map { Float($0) }, [2, 1, 8, 8])
        let outputs = try session.run([input])
        #expect(outputs.count == 1 && outputs[0].shape == [2, 1, 8, 8])
        #expect(outputs[0].array(of: Float.self) == (0..<128).map { 2 * Float($0) + 1 })
      }
      #expect(double.violations == [])
      #expect(double.live == 0)
      let run = double.transcript.drop { !$0.hasPrefix("IExecutionContext.setInputShape") }
      #expect(
        run.prefix(13) == [
          "IExecutionContext.setInputShape(input_0, 2x1x8x8)", "IExecutionContext.inferShapes", "cuMemAlloc(512)",
          "cuMemHostAlloc(512, 0)", "IExecutionContext.setTensorAddress(input_0)", "cuMemcpyHtoDAsync(512)",
          "cuMemAlloc(512)", "cuMemHostAlloc(512, 0)", "IExecutionContext.setTensorAddress(output_0)",
          "IExecutionContext.enqueueV3", "cuMemcpyDtoHAsync(512)", "cuStreamSynchronize", "cuStreamSynchronize",
        ])
      let deletions = double.transcript.filter { $0.hasPrefix("delete") && !$0.contains("Inspector") }
      #expect(deletions == ["delete IExecutionContext", "delete ICudaEngine", "delete IRuntime"])
    }
  }

  @Test func reusesBuffersUntilAShapeOutgrowsThem() throws {
    try withDouble(10701) { double, library, driver in
      do {
        let session = try engine(library, driver).makeSession()
        var outputs: [Tensor] = []
        for batch in [2, 1, 2, 4, 3] {
          let input = Tensor((0..<64 * batch).map { Float($0 + batch) }, [batch, 1, 8, 8])
          try session.run([input], into: &outputs)
          #expect(outputs[0].array(of: Float.self) == input.array(of: Float.self).map { 2 * $0 + 1 })
        }
      }
      #expect(
        double.transcript.filter { $0.hasPrefix("cuMemAlloc") } == [
          "cuMemAlloc(512)", "cuMemAlloc(512)", "cuMemAlloc(1024)", "cuMemAlloc(1024)",
        ])
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test func takesTheProfileThatFits() throws {
    try withDouble(110_100, "two-profiles") { double, library, driver in
      do {
        let session = try engine(library, driver).makeSession()
        for batch in [1, 6, 8, 3] { _ = try session.run([Tensor(.float32, [batch, 1, 8, 8])]) }
        let error = #expect(throws: TensorRTError.self) { try session.run([Tensor(.float32, [9, 1, 8, 8])]) }
        #expect(
          error
            == .outsideProfiles(
              input: "input_0", shape: [9, 1, 8, 8], limits: ["1×1×8×8 to 4×1×8×8", "5×1×8×8 to 8×1×8×8"]))
      }
      let changes = double.transcript.filter { $0.contains("setOptimizationProfileAsync") }
      #expect(
        changes == [
          "IExecutionContext.setOptimizationProfileAsync(1)", "IExecutionContext.setOptimizationProfileAsync(0)",
        ])
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test func refusesInputsThatDontFitBeforeTouchingTheGPU() throws {
    try withDouble(10701) { double, library, driver in
      let session = try engine(library, driver).makeSession()
      let before = double.transcript.count
      for wrong in [Tensor(.float32, [1, 2, 8, 8]), Tensor(.float16, [1, 1, 8, 8]), Tensor(.float32, [0, 1, 8, 8])] {
        #expect(throws: EngineError.self) { try session.run([wrong]) }
      }
      #expect(throws: EngineError.self) { try session.run([]) }
      #expect(double.transcript.count == before)
    }
  }

  @Test func recoversFromARunThatFails() throws {
    try withDouble(10701, "enqueue-fails") { double, library, driver in
      do {
        let session = try engine(library, driver).makeSession()
        let error = #expect(throws: EngineError.self) { try session.run([Tensor(.float32, [1, 1, 8, 8])]) }
        #expect(error?.description.contains("failed execution") == true)
      }
      #expect(double.violations == [] && double.live == 0)
    }
    try withDouble(10701, "little-memory") { double, library, driver in
      do {
        let session = try engine(library, driver).makeSession()
        #expect(throws: CUDAError.outOfMemory(bytes: 1024, free: 600)) {
          try session.run([Tensor(.float32, [4, 1, 8, 8])])
        }
        let outputs = try session.run([Tensor([Float](repeating: 1, count: 128), [2, 1, 8, 8])])
        #expect(outputs[0].array(of: Float.self) == [Float](repeating: 3, count: 128))
      }
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test(arguments: ["no-runtime", "no-context"]) func cleansUpWhenTheLibraryMakesNothing(scenario: String) throws {
    try withDouble(101_600, scenario) { double, library, driver in
      #expect(throws: EngineError.self) { try engine(library, driver).makeSession() }
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test func refusesAnEngineThatIsNone() throws {
    try withDouble(110_000) { double, library, driver in
      let error = #expect(throws: TensorRTError.self) {
        try engine(library, driver, bytes: [1, 2, 3])
      }
      #expect(error?.description.contains("plan.header.size") == true)
      #expect(double.violations == [] && double.live == 0)
    }
  }

  @Test func theBackendBuildsAndRunsForTheChosenGPU() throws {
    try withDouble(101_600) { double, library, driver in
      let onnx = try MappedFile(path: Corpus.path("tensorrt/conv2d_batch.onnx"))
      let specification = TensorSpecification(name: "input_0", elementType: .float32, dimensions: [nil, 1, 8, 8])
      var result = specification
      result.name = "output_0"
      var source = EngineSource(
        onnx: Storage(file: onnx, range: 0..<onnx.bytes.count), inputs: [specification], outputs: [result])
      let backend = TensorRTBackend(.standard, library: library.path, driver: driver)
      var options = EngineOptions()
      #expect(throws: DeviceError.self) { try backend.compile(source, options) }
      options.device = .cuda(2)
      #expect(throws: CUDAError.noDevice(ordinal: 2, count: 2)) { try backend.compile(source, options) }
      do {
        options.device = .cuda(1)
        options.batch = 3
        let engine = try backend.compile(source, options)
        let outputs = try engine.makeSession().run([Tensor([Float](repeating: 3, count: 64), [1, 1, 8, 8])])
        #expect(outputs[0].array(of: Float.self) == [Float](repeating: 7, count: 64))
      }
      #expect(double.transcript.contains("IOptimizationProfile.setDimensions(input_0, 2, 3x1x8x8)"))
      #expect(double.transcript.contains("cuDevicePrimaryCtxRetain(1)"))
      source.outputs[0].elementType = .float64
      let error = #expect(throws: EngineError.self) { try backend.compile(source, options) }
      guard case .portMismatch(_, "output 'output_0'", _, _)? = error else { throw try #require(error) }
      #expect(double.violations == [] && double.live == 0)
      guard case .available(let version, _, let devices) = backend.availability() else {
        return #expect(Bool(false), "\(backend.availability())")
      }
      #expect(version == "10.16.0" && devices.count == 2)
      #expect(devices[1] == "cuda:1: Double 1, compute capability 12.0")
    }
  }

  // MARK: CUDA driver

  @Test func readsTheMachinesGPUs() throws {
    try withDouble(10701) { _, _, driver in
      let driver = try #require(driver)
      #expect(try driver.cudaVersion() == "12.9")
      #expect(
        try driver.devices() == [
          CUDADevice(ordinal: 0, name: "Double 0", computeCapability: ComputeCapability(8, 6), memory: 8 << 30),
          CUDADevice(ordinal: 1, name: "Double 1", computeCapability: ComputeCapability(12, 0), memory: 16 << 30),
        ])
      #expect(CUDADriver.installedVersion(nvml: TensorRTDouble.path) == "999.1")
    }
    #expect(CUDADriver.installedVersion(nvml: "/nonexistent/libnvidia-ml.so.1") == nil)
  }

  @Test func saysWhyThereIsNoDriver() throws {
    try TensorRTDouble.use(version: 10701, scenario: "no-driver") { _ in
      #expect(throws: CUDAError.failed(call: "cuInit", result: "CUDA_ERROR_NO_DEVICE")) {
        try CUDADriver(path: TensorRTDouble.path)
      }
    }
    let error = #expect(throws: CUDAError.self) { try CUDADriver(path: "/nonexistent/libcuda.so.1") }
    #expect(error?.diagnosis.kind == .unavailable)
    #expect(throws: CUDAError.missing(path: "libc.so.6", reason: "cuInit")) { try CUDADriver(path: "libc.so.6") }
  }

  // MARK: Support

  private func build(
    _ builder: TensorRTBuilder, _ options: TensorRTBuildOptions = .init(), progress: ProgressObserver? = nil
  ) throws -> TensorRTPlan {
    let onnx = try MappedFile(path: Corpus.path("tensorrt/conv2d_batch.onnx"))
    return try withExtendedLifetime(onnx) {
      try builder.build(onnx: onnx.bytes, options: options, progress: progress)
    }
  }

  private func engine(
    _ library: TensorRTLibrary, _ driver: CUDADriver?, ordinal: Int = 0,
    bytes: [UInt8] = Array("an engine of the double".utf8) + [0]
  ) throws -> TensorRTEngine {
    try bytes.withUnsafeBytes {
      try TensorRTEngine($0, library: library, driver: #require(driver), ordinal: ordinal)
    }
  }
}

/// The double as a library of `version`, under the name that its product looks for.
private func withDouble<Result>(
  _ version: Int32, _ scenario: String = "",
  _ body: (TensorRTDouble, TensorRTLibrary, CUDADriver?) throws -> sending Result
) throws -> sending Result {
  try TensorRTDouble.use(version: version, scenario: scenario) { double in
    let product: TensorRTProduct = version < 20_000 ? .rtx : .standard
    let folder = try TensorRTFolders.folder(version, product)
    let library = try TensorRTLibrary.load(product, location: folder)
    let driver = try? CUDADriver(path: TensorRTDouble.path)
    double.reset(version: version, scenario: scenario)
    return try body(double, library, driver)
  }
}

/// A value that callbacks of any thread add to.
private final class Collected<Element: Sendable>: @unchecked Sendable {
  // Unchecked: the double calls back on the thread that builds.
  private(set) var all: [Element] = []
  func append(_ element: Element) { all.append(element) }
}
