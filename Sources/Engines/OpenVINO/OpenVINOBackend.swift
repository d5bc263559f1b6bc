import Diagnostics

/// Intel's OpenVINO as an engine for CPUs. The library is found as ``LibrarySearch`` says: the option, the variable
/// `MARTLET_OPENVINO`, `.runtime/openvino`, the system's loader.
package struct OpenVINOBackend: EngineBackend {
  package let search: LibrarySearch

  /// - Parameter library: The library's file or folder, when the user names one.
  package init(library: String? = nil) {
    self.init(
      search: LibrarySearch(
        libraryName: "libopenvino_c.so", runtimeName: "openvino", variable: "MARTLET_OPENVINO", chosenPath: library))
  }

  package init(search: LibrarySearch) { self.search = search }

  package var name: String { "openvino" }
  package var title: String { "OpenVINO" }
  package var deviceKinds: [Device.Kind] { [.cpu] }

  package func availability() -> EngineAvailability {
    do {
      let runtime = try OpenVINORuntime.load(search)
      let devices = try runtime.devices().map { "\($0): \(try runtime.deviceName($0))" }
      return .available(version: runtime.version, location: runtime.path, devices: devices)
    } catch let error as any DiagnosedError {
      let diagnosis = error.diagnosis
      let place = diagnosis.location.isEmpty ? "" : " (" + diagnosis.location.joined(separator: ", ") + ")"
      return .missing(reason: diagnosis.what + place, remedy: diagnosis.hint ?? OpenVINORuntime.remedy)
    } catch {
      return .missing(reason: "\(error)", remedy: OpenVINORuntime.remedy)
    }
  }

  /// Reads the ONNX model and compiles it for the CPU in 32-bit floats.
  ///
  /// OpenVINO is given static shapes: for 3-D networks its kernels are about a tenth faster then than with a dynamic
  /// batch. The shape of `options.batch` is compiled here, when the batch alone is free; other shapes by the first run
  /// that has them.
  /// - Throws: ``DeviceError``, ``EngineError``.
  package func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine {
    try requireDevice(options.device)
    let runtime = try OpenVINORuntime.load(search)
    let model = try OpenVINOModel(runtime, source, properties: try OpenVINOProperties(options))
    let isBatchAlone = source.inputs.allSatisfy { !$0.dimensions.dropFirst().contains(nil) }
    var settings = [
      EngineSetting("engine", "\(title) \(runtime.version)"), EngineSetting("library", runtime.path),
      EngineSetting("device", try runtime.deviceName("CPU")),
    ]
    let plan = isBatchAlone ? try model.plan(for: source.inputs.map { $0.shape(batch: options.batch) }) : nil
    settings += try model.properties.pairs.map { name, value in
      EngineSetting(name, OpenVINOProperties.unreadable.contains(name) ? value : try plan?.property(name) ?? value)
    }
    return OpenVINOEngine(model: model, settings: settings)
  }
}

/// The options in OpenVINO's words (docs.openvino.ai, "CPU Device", "High-level Performance Hints").
struct OpenVINOProperties: Sendable {
  var names: [String] { pairs.map(\.name) }
  var values: [String] { pairs.map(\.value) }
  private(set) var pairs: [(name: String, value: String)]

  private static let cacheFolder = "CACHE_DIR"
  private static let snippets = "SNIPPETS_MODE"

  /// What a compiled network can't be asked for: the cache belongs to the core, the mode to the plugin's inside.
  static let unreadable: Set = [cacheFolder, snippets]

  /// What holds for every network, also for those that were compiled before and are only read.
  static let always = [
    // f32 also where the processor would compute faster in bfloat16 (AMX, AVX-512).
    ("INFERENCE_PRECISION_HINT", "f32"),
    // Threads bound to cores wait for each other when the steps between runs use the same cores.
    ("ENABLE_CPU_PINNING", "NO"),
    // The kernels that it generates for subgraphs compute attention wrongly with AVX-512: SwinUNETR's results differ
    // by 0.3 to 15 % of their maximum, from PyTorch's own ONNX export too. Without them they agree to 1e-6.
    (snippets, "DISABLE"),
  ]

  /// - Throws: ``EngineError/invalidOption(name:value:expected:)``.
  init(_ options: EngineOptions) throws {
    let threads = options.threads ?? EngineOptions.usableCores
    try Self.require("threads", threads, in: 1...1024)
    try Self.require("parallelSessions", options.parallelSessions, in: 1...1024)
    try Self.require("batch", options.batch, in: 1...(1 << 20))
    pairs =
      Self.always + [
        ("INFERENCE_NUM_THREADS", "\(threads)"), ("NUM_STREAMS", "\(min(options.parallelSessions, threads))"),
      ]
    if options.timesLayers { pairs.append(("PERF_COUNT", "YES")) }
    if let folder = options.cacheFolder { pairs.append((Self.cacheFolder, folder)) }
  }

  private static func require(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(value) else {
      throw EngineError.invalidOption(
        name: name, value: "\(value)", expected: "\(range.lowerBound) to \(range.upperBound)")
    }
  }
}
