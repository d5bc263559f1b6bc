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
  /// The figures of what was run, in the order of ``verification``; none for a package that is up to date.
  package var tables: [VerificationTable] = []
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
    LargeBlocks.giveBack()
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
    /// Compares what is made with the network as it was imported; nil without verification.
    var check: EngineCheck?
    var notes: [String]
  }

  /// What was found out about a product.
  private struct Findings {
    var entries: [PackageManifest.Verification] = []
    var tables: [VerificationTable] = []

    mutating func add(_ name: String, _ table: VerificationTable) {
      entries.append(.init(name, table.passed ? .passed : .failed, table.summary))
      tables.append(table)
    }
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
    var dump = try options.dumpFolder.map { try GraphDump(folder: $0, original) }
    let recipe = GraphRecipe(
      batch: isFixed ? batch.optimum : nil, optimizes: options.optimizes, precision: options.precision,
      target: target.name)
    let rewritten = try clock.measure("passes") {
      try recipe.apply(to: original) { pass, result in try dump?.write(result, after: pass) }
    }
    var prepared = Prepared(
      network: ExportedNetwork(graph: rewritten.graph, batch: batch), source: source, check: nil,
      notes: rewritten.notes + randomNotes(original))
    if options.verifies {
      let fixed = isFixed ? try PassDriver([FixedBatch(batch.optimum)]).run(original).graph : original
      prepared.check = try check(
        fixed, rewritten.graph, batch: isFixed ? batch.optimum : options.dynamicBatch?.minimum ?? 1)
    }
    return prepared
  }

  private func randomNotes(_ graph: Graph) -> [String] {
    let outputs = graph.randomOutputs
    if outputs.isEmpty { return [] }
    return ["\(outputs.joined(separator: ", ")): depends on random numbers, which the engine draws from fixed seeds"]
  }

  private func check(_ original: Graph, _ rewritten: Graph, batch: Int) throws -> EngineCheck {
    var check = EngineCheck(
      original: original, candidate: rewritten, precision: options.precision, options: options.verification,
      library: target.name == "openvino" ? options.library : nil)
    check.batch = batch
    if let scan = options.verification.scan, let input = original.inputs.first {
      let shape = original.type(of: input).shape.map { $0.constant ?? batch }
      check.inputs = [try ScanWindow.input(scan, model, options.network, shape: shape)]
    }
    return check
  }

  private func build(_ prepared: Prepared) throws -> ExportProduct {
    try Cancellation.check()
    return try clock.measure("building") { try target.build(prepared.network, options, progress: progress) }
  }

  // MARK: Verification

  /// Runs what was made, or its graph where it can't be run here, beside the network as it was imported. The build had
  /// all cores for itself first: together they take longer than one after the other.
  private func verify(_ prepared: Prepared, _ product: ExportProduct, at path: String) throws -> Findings {
    var findings = Findings()
    guard let check = prepared.check else {
      findings.entries = [.init(Self.checkName, .notChecked, "--no-verify")] + product.verification
      return findings
    }
    progress?(ProgressUpdate(stage: "verifying", completed: 0, total: 1))
    try clock.measure("check") {
      if let open = product.open {
        let engine = try open(path)
        let title = product.libraryTitle ?? engine.settings.first?.value ?? target.name
        try add(try check.table(engine.makeSession(), title: title, runCandidate: product.runCandidate), to: &findings)
      } else {
        try verifyGraph(try product.graph(), check, &findings)
      }
    }
    findings.entries += product.verification
    return findings
  }

  private static let checkName = "outputs against the reference"

  private func add(_ table: VerificationTable?, to findings: inout Findings) throws {
    guard let table else {
      let reason = VerificationError.noOracle.diagnosis
      findings.entries.append(.init(Self.checkName, .notChecked, "\(reason.what); \(reason.hint ?? "")"))
      return
    }
    guard table.rows.allSatisfy({ $0.comparison.maximalError.isFinite }) || options.precision == .fp32 else {
      throw ExportError.halfNotFinite(network: Paths.name(of: model.path))
    }
    findings.add(Self.checkName, table)
  }

  /// The graph that the engine was built of, on this machine's CPU: with the rounding of half precision made explicit,
  /// because CPUs here compute half-precision graphs in float32.
  private func verifyGraph(_ graph: Graph, _ check: EngineCheck, _ findings: inout Findings) throws {
    let openVINO = OpenVINOBackend()
    var backend: any EngineBackend = openVINO
    if case .missing(let reason, let remedy) = openVINO.availability() {
      guard options.precision == .fp32 else {
        findings.entries.append(.init(Self.checkName, .notChecked, "\(reason); \(remedy)"))
        return
      }
      backend = NativeBackend()
    }
    let rounded = options.precision == .fp16 ? try PassDriver([HalfRounding()]).run(graph).graph : graph
    let session = try backend.compile(try EngineSource(rounded), EngineOptions()).makeSession()
    let title = "the \(options.precision.rawValue) graph on \(backend.title)"
    var check = check
    check.candidate = rounded
    try add(
      try check.table(session, title: title, runCandidate: EngineCheck.run(on: backend)), to: &findings)
  }

  /// - Throws: ``VerificationError/failed(_:)`` unless failed products are to be kept.
  private func requirePassed(_ findings: Findings) throws {
    guard !options.keepsFailed, findings.entries.contains(where: { $0.outcome == .failed }) else { return }
    throw VerificationError.failed(findings.tables.map(\.text).joined(separator: "\n"))
  }

  private func result(
    _ prepared: Prepared, _ product: ExportProduct, _ findings: Findings, byteCount: Int
  ) -> ExportResult {
    let graph = prepared.network.graph
    return ExportResult(
      outcome: .written, path: path, target: target.name, precision: options.precision, network: graph.name,
      nodeCount: graph.nodes.count, shapeOrigin: prepared.source.inputShape?.origin,
      isBatchOpen: !target.fixesBatch && graph.hasOpenBatch,
      inputs: graph.inputs.map { describe(graph.name(of: $0), graph.type(of: $0), prepared.network.batch) },
      outputs: graph.outputs.map { describe($0.name, graph.type(of: $0.value), prepared.network.batch) },
      library: product.libraryTitle, byteCount: byteCount, verification: findings.entries,
      tables: findings.tables, notes: prepared.notes + product.notes, times: clock.stages)
  }

  private func describe(_ name: String, _ type: TensorType, _ batch: BatchRange) -> PackageManifest.TensorDescription {
    func shape(_ size: Int) -> [Int] { type.shape.map { $0.evaluated(["batch": size]) ?? 0 } }
    return PackageManifest.TensorDescription(
      name: name, type: type.elementType.rawValue, minimum: shape(batch.minimum), optimum: shape(batch.optimum),
      maximum: shape(batch.maximum))
  }

  // MARK: Writing

  /// A file is verified when that is asked for: it has no engine, and making one takes longer than the export.
  private func writeFile() throws -> ExportResult {
    let prepared = try prepare()
    let product = try build(prepared)
    guard options.verification.isAskedFor else {
      try clock.measure("writing") { try product.write(path) }
      return result(
        prepared, product, Findings(entries: product.verification), byteCount: FileSize.bytes(of: path) ?? 0)
    }
    let findings = try verify(prepared, product, at: path)
    try requirePassed(findings)
    try clock.measure("writing") { try product.write(path) }
    let files = [path] + (product.writesDataBeside ? [ONNXWriter.dataPath(of: path)] : [])
    return result(prepared, product, findings, byteCount: files.reduce(0) { $0 + (FileSize.bytes(of: $1) ?? 0) })
  }

  private func writePackage(
    _ sources: SourceFiles, _ recipe: Recipe, _ library: PackageManifest.Library
  ) throws -> ExportResult {
    let prepared = try prepare()
    let product = try build(prepared)
    var result = result(prepared, product, Findings(), byteCount: 0)
    var library = library
    library.title = product.libraryTitle ?? library.title
    try AtomicFolder.write(to: path) { folder in
      let engine = "models/engine.\(product.fileExtension)"
      try clock.measure("writing") {
        try Folders.create(Paths.join(folder, "models"))
        try product.write(Paths.join(folder, engine))
      }
      let findings = try verify(prepared, product, at: Paths.join(folder, engine))
      try requirePassed(findings)
      result.verification = findings.entries
      result.tables = findings.tables
      progress?(ProgressUpdate(stage: "writing", completed: 0, total: 1))
      try clock.measure("writing") {
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
      ("optimize", options.optimizes ? nil : "no"),
      ("graph", "\(ExportRevision.current)"),
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

/// Writes the graph to a folder after each pass that changed it, under a line for each place:
/// `00-imported.txt`, `01-affine-folding.txt` …
private struct GraphDump {
  let folder: String
  private var count = 0

  init(folder: String, _ graph: Graph) throws {
    self.folder = folder
    try write(PassResult(graph), after: "imported")
  }

  mutating func write(_ result: PassResult, after pass: String) throws {
    let number = count < 10 ? "0\(count)" : "\(count)"
    let patches = result.patches.map { "# \($0)\n" }.joined()
    try AtomicFile.write(patches + result.graph.dump, to: Paths.join(folder, "\(number)-\(pass).txt"))
    count += 1
  }
}

/// The version that exports are marked with.
package enum MartletVersion {
  package static let current = "0.1.0"
}
