import Bundles
package import Diagnostics
package import Engines
import Files
import Graphs
import Passes
import Synchronization
import Tensors

#if canImport(Glibc)
  import Glibc
#endif

/// What an export did.
package struct ExportResult: Sendable {
  package enum Outcome: String, Sendable { case written, upToDate = "up to date" }

  package var outcome: Outcome
  package var path: String
  package var target: String
  package var precision: Precision
  /// The network's class.
  package var network: String
  package var nodeCount: Int?
  /// Where the input shape came from; nil when nothing was built.
  package var shapeOrigin: String?
  /// Whether the batch is open; it is 1 in ``inputs`` and ``outputs`` then.
  package var isBatchOpen: Bool
  package var inputs: [PackageManifest.TensorDescription]
  package var outputs: [PackageManifest.TensorDescription]
  /// The library that made the engine; nil for a plain file.
  package var library: String?
  /// Bytes of the engine or the file.
  package var byteCount: Int
  package var verification: [PackageManifest.Verification]
  package var notes: [String]
  /// Seconds by stage.
  package var times: [(stage: String, seconds: Double)]
}

/// Takes a model to a file or an engine package.
package struct Export: Sendable {
  private let model: Model
  private let options: ExportOptions
  private let target: any ExportTarget
  private let path: String
  private let progress: ProgressObserver?
  private let clock = StageClock()

  /// - Parameter path: The file, or the package's folder.
  package init(
    _ model: Model, _ options: ExportOptions, to target: any ExportTarget, at path: String,
    progress: ProgressObserver? = nil
  ) {
    self.model = model
    self.options = options
    self.target = target
    self.path = path
    self.progress = progress
  }

  /// Does it; the file or folder appears whole or not at all. A package of the same source, options and library is left
  /// as it is.
  /// - Throws: what is wrong with the model or the options; errors of the target's library; `FileError`;
  ///   `InterruptedError` within a second of the wish to stop.
  package func run() throws -> ExportResult {
    defer { Self.giveBackMemory() }
    return try InterruptibleWork.run({ try export() }, abandoned: { discard() })
  }

  /// Each thread allocates from an arena of its own, which keeps what was freed in it; glibc gives it back on demand.
  private static func giveBackMemory() {
    #if canImport(Glibc)
      // malloc_trim(3) isn't among the functions that Swift imports.
      typealias Trim = @convention(c) (Int) -> Int32
      guard let symbol = dlsym(nil, "malloc_trim") else { return }
      _ = unsafeBitCast(symbol, to: Trim.self)(0)
    #endif
  }

  private func discard() {
    AtomicFolder.abandon(path)
    AtomicFile.abandon(path)
    AtomicFile.abandon(ONNXWriter.dataPath(of: path))
  }

  private func export() throws -> ExportResult {
    try target.check(options)
    guard let library = try target.library(options) else { return try writeFile() }
    try EnginePackage.requireReplaceable(path)
    let sources = try clock.measure("hashing") { try SourceFiles(model, options.network) }
    let recipe = Recipe(options, target: target, sources: sources, library: library)
    if !options.isForced, let package = try? EnginePackage(path: path), recipe.made(package, options) {
      return upToDate(package)
    }
    return try writePackage(sources, recipe, library)
  }

  private func upToDate(_ package: EnginePackage) -> ExportResult {
    let manifest = package.manifest
    return ExportResult(
      outcome: .upToDate, path: path, target: target.name, precision: options.precision,
      network: manifest.source.network,
      isBatchOpen: false, inputs: manifest.inputs, outputs: manifest.outputs, library: manifest.library.title,
      byteCount: manifest.engine.bytes, verification: manifest.verification, notes: manifest.notes, times: clock.stages)
  }

  // MARK: The network

  /// A network in the wanted form, and what was found on the way.
  private struct Prepared {
    var network: ExportedNetwork
    var source: NetworkSource
    /// Compares the network with float32; nil where it is float32.
    var check: PrecisionCheck?
    var notes: [String]
  }

  private func prepare() throws -> Prepared {
    progress?(ProgressUpdate(stage: "reading the model", completed: 0, total: 1))
    let (source, original) = try clock.measure("reading") {
      let source = try NetworkSource(model, options.network)
      return (source, try source.graph())
    }
    let size = source.inputShape?.shape.first ?? 1
    if let asked = options.dynamicBatch, !original.hasOpenBatch { throw ExportError.fixedBatch(size, asked: asked) }
    let batch = try options.dynamicBatch ?? BatchRange([size, size, size])
    let isFixed = target.fixesBatch && options.dynamicBatch == nil
    var passes: [any Pass] = isFixed ? [FixedBatch(batch.optimum)] : []
    if options.precision == .fp16 { passes.append(HalfPrecision()) }
    var dump = try options.dumpFolder.map { try GraphDump(folder: $0, original) }
    let rewritten = try clock.measure("passes") {
      try PassDriver(passes).run(original) { pass, graph in try dump?.write(graph, after: pass) }
    }
    var prepared = Prepared(
      network: ExportedNetwork(graph: rewritten.graph, batch: batch), source: source, check: nil,
      notes: rewritten.notes + randomNotes(original))
    if options.precision == .fp16, options.verifies {
      // One sample tells as much as a batch of them.
      let single = try PassDriver([FixedBatch(1)]).run(original).graph
      let library = target.name == "openvino" ? options.library : nil
      prepared.check = PrecisionCheck(
        original: single, half: rewritten.graph, backend: OpenVINOBackend(library: library))
    }
    return prepared
  }

  private func randomNotes(_ graph: Graph) -> [String] {
    let outputs = graph.randomOutputs
    if outputs.isEmpty { return [] }
    return ["\(outputs.joined(separator: ", ")): depends on random numbers, which the engine draws from fixed seeds"]
  }

  private func build(_ prepared: Prepared) throws -> (ExportProduct, [PackageManifest.Verification]) {
    try Cancellation.check()
    let product = try clock.measure("building") {
      try target.build(prepared.network, options, progress: progress)
    }
    return (product, try precisionFinding(prepared) + product.verification)
  }

  /// The build has all cores for itself first: together they take longer than one after the other.
  private func precisionFinding(_ prepared: Prepared) throws -> [PackageManifest.Verification] {
    guard options.precision == .fp16 else { return [] }
    guard let check = prepared.check else { return [.init(PrecisionCheck.name, .notChecked, "--no-verify")] }
    progress?(ProgressUpdate(stage: "checking fp16 on the CPU", completed: 0, total: 1))
    return try clock.measure("check") { [try check.run()] }
  }

  private func result(
    _ prepared: Prepared, _ product: ExportProduct, _ verification: [PackageManifest.Verification], byteCount: Int
  ) -> ExportResult {
    let graph = prepared.network.graph
    return ExportResult(
      outcome: .written, path: path, target: target.name, precision: options.precision, network: graph.name,
      nodeCount: graph.nodes.count, shapeOrigin: prepared.source.inputShape?.origin,
      isBatchOpen: !target.fixesBatch && graph.hasOpenBatch,
      inputs: graph.inputs.map { describe(graph.name(of: $0), graph.type(of: $0), prepared.network.batch) },
      outputs: graph.outputs.map { describe($0.name, graph.type(of: $0.value), prepared.network.batch) },
      library: product.libraryTitle, byteCount: byteCount, verification: verification,
      notes: prepared.notes + product.notes, times: clock.stages)
  }

  private func describe(_ name: String, _ type: TensorType, _ batch: BatchRange) -> PackageManifest.TensorDescription {
    func shape(_ size: Int) -> [Int] { type.shape.map { $0.evaluated(["batch": size]) ?? 0 } }
    return PackageManifest.TensorDescription(
      name: name, type: type.elementType.rawValue, minimum: shape(batch.minimum), optimum: shape(batch.optimum),
      maximum: shape(batch.maximum))
  }

  // MARK: Writing

  private func writeFile() throws -> ExportResult {
    let prepared = try prepare()
    let (product, verification) = try build(prepared)
    try clock.measure("writing") { try product.write(path) }
    let files = [path] + (product.writesDataBeside ? [ONNXWriter.dataPath(of: path)] : [])
    return result(
      prepared, product, verification, byteCount: files.reduce(0) { $0 + (FileSize.bytes(of: $1) ?? 0) })
  }

  private func writePackage(
    _ sources: SourceFiles, _ recipe: Recipe, _ library: PackageManifest.Library
  ) throws -> ExportResult {
    let prepared = try prepare()
    let (product, verification) = try build(prepared)
    var result = result(prepared, product, verification, byteCount: 0)
    var library = library
    library.title = product.libraryTitle ?? library.title
    progress?(ProgressUpdate(stage: "writing", completed: 0, total: 1))
    try clock.measure("writing") {
      try AtomicFolder.write(to: path) { folder in
        let engine = "models/engine.\(product.fileExtension)"
        try Folders.create(Paths.join(folder, "models"))
        try product.write(Paths.join(folder, engine))
        var manifest = PackageManifest(
          target: target.name, precision: options.precision.rawValue,
          device: target.deviceKinds.map(\.rawValue).joined(separator: ", "), engine: try Self.file(engine, in: folder),
          inputs: result.inputs, outputs: result.outputs, library: library,
          source: PackageManifest.Source(
            model: SourceFiles.absolute(model.path), kind: model.kind, networkID: options.network.networkID,
            network: prepared.network.graph.name, files: sources.files, configs: sources.configs,
            checkpointKey: options.network.checkpointKey, overrides: recipe.overrides),
          options: recipe.options, martlet: MartletVersion.current)
        manifest.computeCapabilities = options.computeCapabilities.map(\.description)
        if options.keepsONNX {
          let place = "models/model.onnx"
          try ONNXWriter(prepared.network.graph).write(to: Paths.join(folder, place))
          manifest.onnx = try Self.file(place, in: folder)
        }
        manifest.files = try copy(sources, to: folder)
        manifest.verification = result.verification
        manifest.notes = result.notes
        result.byteCount = manifest.engine.bytes
        try AtomicFile.write(try manifest.encoded(), to: Paths.join(folder, EnginePackage.manifestName))
      }
    }
    result.times = clock.stages
    return result
  }

  private func copy(_ sources: SourceFiles, to folder: String) throws -> [PackageManifest.File] {
    try sources.copies.map { path, origin in
      let file = try MappedFile(path: origin)
      let place = try Paths.resolve(path, inside: folder)
      try AtomicFile.write(to: place) { writer in try file.withBytes { try writer.write($0) } }
      return PackageManifest.File(path: path, bytes: file.bytes.count, sha256: file.withBytes { ContentHash($0) })
    }
  }

  private static func file(_ place: String, in folder: String) throws -> PackageManifest.File {
    let file = try MappedFile(path: Paths.join(folder, place))
    return PackageManifest.File(path: place, bytes: file.bytes.count, sha256: file.withBytes { ContentHash($0) })
  }
}

/// Everything that decides what an engine is, so that the same recipe need not be followed twice.
private struct Recipe {
  let target: String
  let options: [String]
  let overrides: [String]
  private let files: [PackageManifest.File]
  private let copies: [(path: String, origin: String)]
  private let library: PackageManifest.Library

  init(
    _ options: ExportOptions, target: any ExportTarget, sources: SourceFiles, library: PackageManifest.Library
  ) {
    self.target = target.name
    self.library = library
    files = sources.files
    copies = sources.copies
    overrides = options.network.overrides.map { $0.text ?? "\($0.path)=\($0.value)" }
    let network = options.network
    let entries: [(String, String?)] = [
      ("precision", options.precision.rawValue), ("network", network.networkID), ("key", network.checkpointKey),
      ("input-shape", network.inputShape.map { "\($0)" }),
      ("further-inputs", network.furtherInputs.map { "\($0.shape) \($0.elementType)" }.joined(separator: ",")),
      ("batch", options.dynamicBatch.map { "\($0.minimum),\($0.optimum),\($0.maximum)" }),
      ("compute-capability", options.computeCapabilities.sorted().map(\.description).joined(separator: ",")),
      ("workspace", options.workspaceLimit.map { "\($0)" }),
      ("optimization-level", options.optimizationLevel.map { "\($0)" }),
      ("hardware-compatibility", options.hardwareCompatibility == .none ? nil : options.hardwareCompatibility.name),
      ("device", target.name == "tensorrt" ? options.device?.description : nil),
    ]
    self.options = entries.compactMap { name, value in
      value.flatMap { $0.isEmpty ? nil : "\(name)=\($0)" }
    }
  }

  /// Whether `package` is what following the recipe would give, and holds what the options ask for.
  func made(_ package: EnginePackage, _ wanted: ExportOptions) -> Bool {
    let manifest = package.manifest
    guard manifest.target == target, manifest.options == options, manifest.source.overrides == overrides,
      manifest.source.files == files, manifest.martlet == MartletVersion.current,
      manifest.library.file == library.file, manifest.library.bytes == library.bytes,
      manifest.files.map(\.path) == copies.map(\.path), package.editedFiles().isEmpty,
      copiesAreCurrent(manifest), !wanted.keepsONNX || manifest.onnx != nil, (try? package.engineFile()) != nil
    else { return false }
    let isUnchecked = manifest.verification.contains { $0.outcome == .notChecked && $0.detail == "--no-verify" }
    return !wanted.verifies || !isUnchecked
  }

  /// Configs and documents that the network doesn't depend on are copied too, and are to be current.
  private func copiesAreCurrent(_ manifest: PackageManifest) -> Bool {
    zip(manifest.files, copies).allSatisfy { file, copy in (try? ContentHash(file: copy.origin)) == file.sha256 }
  }
}

extension Graph {
  /// Whether an input's extents are left to each run.
  fileprivate var hasOpenBatch: Bool { inputs.contains { type(of: $0).constantShape == nil } }
}

/// The times of an export's stages.
private final class StageClock: Sendable {
  private let times = Mutex(StageTimes())

  var stages: [(stage: String, seconds: Double)] { times.withLock(\.stages) }

  func measure<Result>(_ stage: String, _ body: () throws -> Result) rethrows -> Result {
    var time = StageTimes()
    defer { times.withLock { $0.append(time) } }
    return try time.measure(stage, body)
  }
}

/// Writes the graph to a folder after each pass: `00-imported.txt`, `01-half-precision.txt` …
private struct GraphDump {
  let folder: String
  private var count = 0

  init(folder: String, _ graph: Graph) throws {
    self.folder = folder
    try write(graph, after: "imported")
  }

  mutating func write(_ graph: Graph, after pass: String) throws {
    let number = count < 10 ? "0\(count)" : "\(count)"
    try AtomicFile.write(graph.dump, to: Paths.join(folder, "\(number)-\(pass).txt"))
    count += 1
  }
}

/// The version that exports are marked with.
package enum MartletVersion {
  package static let current = "0.1.0"
}
