package import Diagnostics
package import Engines
import Files
import Graphs
import Synchronization
import Tensors

/// An engine of TensorRT for RTX, built on any machine, or of standard TensorRT, built on the machine with the GPU.
package struct TensorRTTarget: ExportTarget {
  package let product: TensorRTProduct
  package var name: String { product.rawValue }
  package var summary: String {
    product == .rtx
      ? "an engine package for GeForce and RTX GPUs, built without one"
      : "an engine package for the NVIDIA GPU of this machine"
  }
  package var deviceKinds: [Device.Kind] { [.cuda] }
  package let fixesBatch = true

  package init(product: TensorRTProduct) { self.product = product }

  package func check(_ options: ExportOptions) throws {
    try requireDevice(options, title: product.title)
    if options.storesDataExternally {
      throw ExportError.notForTarget(
        option: "--external-data", target: name, hint: "leave it out, or export to onnx")
    }
    if product == .rtx, let refused = options.computeCapabilities.first(where: { !ComputeCapability.rtx.contains($0) })
    {
      throw TensorRTError.unsupportedComputeCapability(refused, library: product.title)
    }
    if product == .standard, !options.computeCapabilities.isEmpty {
      throw TensorRTError.computeCapabilitiesAreFixed(library: product.title)
    }
    if product == .rtx, options.hardwareCompatibility != .none {
      throw TensorRTError.hardwareCompatibilityIsBuiltIn(library: product.title)
    }
    // A machine with GPUs must have the one that is asked for.
    guard let ordinal = try options.device?.cudaOrdinal(), let driver = CUDADriver.system else { return }
    try driver.requireDevice(ordinal)
  }

  package func library(_ options: ExportOptions) throws -> PackageManifest.Library? {
    .found(by: TensorRTLibrary.search(product, location: options.library), title: product.title)
  }

  package func open(_ package: EnginePackage, _ choice: EngineChoice) throws -> any CompiledEngine {
    let ordinal = try choice.namedDevice?.cudaOrdinal(for: product.title) ?? 0
    let title = package.manifest.library.title
    guard let driver = CUDADriver.system, try driver.deviceCount() > 0 else {
      throw EnginePackageError.needsGPU(
        package: package.path, library: title, reason: "this machine has no NVIDIA GPU or no driver for it")
    }
    let library = try TensorRTLibrary.load(product, location: choice.library)
    return try package.engineFile().withBytes { bytes in
      try TensorRTEngine(bytes, library: library, driver: driver, ordinal: ordinal)
    }
  }

  package func build(
    _ network: ExportedNetwork, _ options: ExportOptions, progress: ProgressObserver?
  ) throws -> ExportProduct {
    let library = try TensorRTLibrary.load(product, location: options.library)
    let source = try EngineSource(network.graph)
    let warnings = LibraryWarnings()
    let plan = try withSelectedGPU(options) {
      try TensorRTBuilder(library: library, log: { warnings.receive($0) }).build(
        onnx: source.onnx.bytes, options: buildOptions(network, options, source), progress: progress)
    }
    var notes = warnings.texts.map { "\(product.title) warns: \($0)" }
    if product == .rtx, options.device != nil, CUDADriver.system == nil {
      notes.append("the engine was built without a GPU; --device only matters where it runs")
    }
    return ExportProduct(
      fileExtension: "trt", libraryTitle: plan.library, write: { try plan.write(to: $0) },
      open: try opener(options, library), graph: { network.graph },
      verification: [try verdict(plan, library)], notes: notes)
  }

  /// How the engine is opened on the GPU here; nil without one.
  private func opener(
    _ options: ExportOptions, _ library: TensorRTLibrary
  ) throws -> ((String) throws -> any CompiledEngine)? {
    guard let driver = CUDADriver.system, try driver.deviceCount() > 0 else { return nil }
    let ordinal = try options.device?.cudaOrdinal(for: product.title) ?? 0
    return { path in
      try MappedFile(path: path).withBytes { bytes in
        try TensorRTEngine(bytes, library: library, driver: driver, ordinal: ordinal)
      }
    }
  }

  private func buildOptions(
    _ network: ExportedNetwork, _ options: ExportOptions, _ source: EngineSource
  ) -> TensorRTBuildOptions {
    var build = TensorRTBuildOptions()
    build.computeCapabilities = options.computeCapabilities
    build.workspaceLimit = options.workspaceLimit
    build.optimizationLevel = options.optimizationLevel
    build.hardwareCompatibility = options.hardwareCompatibility
    let batch = network.batch
    let ranges = source.inputs.filter { !$0.isStatic }.map { input in
      let shapes = [batch.minimum, batch.optimum, batch.maximum].map { size in
        Shape(input.dimensions.map { $0 ?? size })
      }
      return (input.name, TensorRTShapeRange(minimum: shapes[0], optimum: shapes[1], maximum: shapes[2]))
    }
    if !ranges.isEmpty { build.profiles = [Dictionary(ranges) { first, _ in first }] }
    return build
  }

  /// Standard TensorRT builds for the GPU that is current.
  private func withSelectedGPU<Result>(_ options: ExportOptions, _ body: () throws -> Result) throws -> Result {
    guard product == .standard, let driver = CUDADriver.system else { return try body() }
    return try driver.withDevice(options.device?.cudaOrdinal(for: product.title) ?? 0, body)
  }

  /// What the library says of the engine's header.
  private func verdict(_ plan: TensorRTPlan, _ library: TensorRTLibrary) throws -> PackageManifest.Verification {
    let runtime = try TensorRTRuntime(library: library)
    let name = "engine"
    return switch plan.withUnsafeBytes({ runtime.verdict(on: $0) }) {
    case .valid, .suboptimal: .init(name, .passed, "the library takes it on the GPU here")
    case .noGPU: .init(name, .notChecked, "well-formed; it wasn't run, because there is no NVIDIA GPU here")
    case .unknown: .init(name, .notChecked, "it wasn't run; this library tells nothing without opening it")
    case .invalid(let reasons):
      .init(name, .notChecked, "it isn't for the GPU here: \(reasons.joined(separator: "; "))")
    case .malformed:
      throw TensorRTError.engineRefused(library: library.title, reason: "it doesn't recognise what it built")
    }
  }
}

/// What the library warns of in one build, each thing once.
package final class LibraryWarnings: Sendable {
  private let state = Mutex<[String]>([])

  package init() {}

  package var texts: [String] { state.withLock { $0 } }

  package func receive(_ message: TensorRTMessage) {
    guard message.severity <= .warning else { return }
    state.withLock { texts in
      // A library that warns without end must not fill the memory.
      if texts.count < 32, !texts.contains(message.text) { texts.append(message.text) }
    }
  }
}
