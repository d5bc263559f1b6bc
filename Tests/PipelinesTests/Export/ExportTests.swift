import Diagnostics
import Engines
import Files
import Foundation
import Pipelines
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct ExportTests {
  @Test(arguments: [
    ("tensorrt-rtx", Precision.fp32), ("tensorrt-rtx", .fp16), ("openvino", .fp32), ("openvino", .fp16),
  ])
  func writesAPackageWithEverythingAboutIt(target: String, precision: Precision) throws {
    let export = try ExportCase()
    var options = ExportCase.options(target)
    options.precision = precision
    options.keepsONNX = true
    let result = try export.export(target, options)
    #expect(result.outcome == .written && result.network == "UNet")

    let package = try EnginePackage(path: result.path)
    let manifest = package.manifest
    #expect(manifest.target == target && manifest.precision == precision.rawValue)
    #expect(manifest.inputs.map(\.maximum) == [[1, 1, 32, 32, 32]])
    #expect(manifest.outputs.map(\.maximum) == [[1, 4, 32, 32, 32]])
    #expect(manifest.inputs[0].type == "float32" && manifest.outputs[0].type == "float32")
    #expect(
      manifest.files.map(\.path) == ["LICENSE", "configs/inference.json", "configs/metadata.json", "docs/README.md"])
    #expect(manifest.source.files.map { Paths.name(of: $0.path) } == ["inference.json", "model.pt", "metadata.json"])
    #expect(try package.isEngineIntact())
    #expect(package.editedFiles() == [])
    #expect(PathKind(path: try #require(package.onnxPath)) == .file)
    // A bundle's folder, with nothing unfinished in or beside it.
    #expect(try Folders.names(in: result.path) == ["LICENSE", "configs", "docs", "models", "package.json"])
    #expect(try Folders.names(in: export.folder.path) == ["brain.engine", "bundle"])
  }

  @Test func halfPrecisionMakesASmallerFile() throws {
    let export = try ExportCase()
    var options = ExportCase.options("onnx")
    let whole = try export.export("onnx", options, at: export.folder.file("whole.onnx"))
    options.precision = .fp16
    let half = try export.export("onnx", options, at: export.folder.file("half.onnx"))
    #expect(Double(half.byteCount) < 0.62 * Double(whole.byteCount))
    #expect(half.isBatchOpen)
  }

  @Test func dynamicBatchesBecomeTheProfile() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    options.dynamicBatch = try BatchRange([1, 2, 8])
    options.computeCapabilities = [ComputeCapability(8, 6), ComputeCapability(12, 0)]
    options.workspaceLimit = 1 << 30
    let manifest = try EnginePackage(path: try export.export("tensorrt-rtx", options).path).manifest
    #expect(
      manifest.inputs[0].minimum[0] == 1 && manifest.inputs[0].optimum[0] == 2 && manifest.inputs[0].maximum[0] == 8)
    #expect(manifest.computeCapabilities == ["8.6", "12.0"])
    #expect(manifest.options.contains("batch=1,2,8") && manifest.options.contains("workspace=1073741824"))
  }

  @Test func fp16IsComparedWithFp32OnTheCPU() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    options.precision = .fp16
    options.verifies = true
    let found = try #require(try export.export("tensorrt-rtx", options).verification.first)
    #expect(found.name == "outputs against the reference" && found.outcome == .passed)
    #expect(found.detail.contains("argmax equal in"))
  }

  @Test func dumpsTheGraphAfterEachPass() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    options.precision = .fp16
    options.dumpFolder = export.folder.file("dump")
    _ = try export.export("tensorrt-rtx", options)
    #expect(
      try Folders.names(in: export.folder.file("dump"))
        == ["00-imported.txt", "01-fixed-batch.txt", "02-affine-folding.txt", "03-half-precision.txt"])
  }

  // MARK: Staleness

  @Test func whatHasntChangedIsUpToDateAndWhatHasIsBuiltAgain() throws {
    let export = try ExportCase()
    let options = ExportCase.options("openvino")
    func outcome(_ change: (inout ExportOptions) throws -> Void = { _ in }) throws -> ExportResult.Outcome {
      var changed = options
      try change(&changed)
      return try export.export("openvino", changed).outcome
    }
    #expect(try outcome() == .written)
    let start = Date()
    #expect(try outcome() == .upToDate)
    #expect(Date().timeIntervalSince(start) < 1)
    // A touched file is the same file.
    let config = export.bundle + "/configs/inference.json"
    try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: config)
    #expect(try outcome() == .upToDate)
    #expect(try outcome { $0.isForced = true } == .written)
    #expect(try outcome { $0.precision = .fp16 } == .written)
    #expect(try outcome() == .written)
    #expect(try outcome { $0.network.inputShape = [1, 1, 48, 32, 32] } == .written)
    #expect(try outcome() == .written)

    try ExportCase.edit(config, "\n}", ",\n  \"remark\": 1\n}")
    #expect(try outcome() == .written)
    #expect(try outcome() == .upToDate)
    try ExportCase.edit(export.bundle + "/docs/README.md", "a", "b")
    #expect(try outcome() == .written)
    try Data("{}".utf8).write(to: URL(filePath: export.folder.file("brain.engine/configs/inference.json")))
    #expect(try outcome() == .written)
    try FileManager.default.removeItem(atPath: export.folder.file("brain.engine/models/engine.blob"))
    #expect(try outcome() == .written)
  }

  @Test func weightsThatChangedAreNeverUpToDate() throws {
    let export = try ExportCase()
    let options = ExportCase.options("openvino")
    #expect(try export.export("openvino", options).outcome == .written)
    let path = export.bundle + "/models/model.pt"
    var bytes = try Data(contentsOf: URL(filePath: path))
    // One bit of a weight, in the middle of the archive.
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: path))
    // The archive's checksum tells of the damage, unless it is in a part without one.
    do { #expect(try export.export("openvino", options).outcome == .written) } catch is any DiagnosedError {}
  }

  // MARK: Refusals

  @Test func anythingButAPackageIsNeverReplaced() throws {
    let export = try ExportCase()
    let path = export.folder.file("precious")
    try Folders.create(path)
    try AtomicFile.write("thesis", to: path + "/thesis.txt")
    #expect(throws: EnginePackageError.occupied(path: path)) {
      try export.export("openvino", ExportCase.options("openvino"), at: path)
    }
    #expect(try Folders.names(in: path) == ["thesis.txt"])
  }

  @Test(arguments: ["9.0", "10.0", "7.0"])
  func gpusThatTheLibraryDoesntServeAreRefusedBeforeAnythingIsRead(text: String) throws {
    var options = ExportCase.options("tensorrt-rtx")
    options.computeCapabilities = [try .parse(text)]
    let target = TensorRTTarget(product: .rtx)
    let error = #expect(throws: TensorRTError.self) { try target.check(options) }
    #expect(error?.diagnosis.what.contains(text) == true)
  }

  @Test func turingHasNoVolumesInFloat() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    options.computeCapabilities = [ComputeCapability(7, 5)]
    let error = #expect(throws: TensorRTError.self) { try export.export("tensorrt-rtx", options) }
    #expect(error?.diagnosis.hint?.contains("--precision fp16") == true)
    #expect(PathKind(path: export.folder.file("brain.engine")) == nil)
    options.precision = .fp16
    #expect(try export.export("tensorrt-rtx", options).outcome == .written)
  }

  @Test func hardwareCompatibilityIsForStandardTensorRTAlone() throws {
    var options = ExportCase.options("tensorrt")
    options.hardwareCompatibility = .ampereAndNewer
    try TensorRTTarget(product: .standard).check(options)
    let error = #expect(throws: TensorRTError.self) { try TensorRTTarget(product: .rtx).check(options) }
    #expect(error?.diagnosis.hint?.contains("--compute-capability") == true)
    for name in ["onnx", "openvino"] {
      let target = try #require(ExportTargets.named(name))
      #expect(throws: ExportError.self) { try target.check(options) }
    }
  }

  @Test func whatTheLibraryWarnsOfIsKeptOnce() {
    let warnings = LibraryWarnings()
    for text in ["slow", "slow", "old"] { warnings.receive(TensorRTMessage(.warning, text)) }
    warnings.receive(TensorRTMessage(.information, "chatter"))
    #expect(warnings.texts == ["slow", "old"])
    for number in 0..<100 { warnings.receive(TensorRTMessage(.error, "\(number)")) }
    #expect(warnings.texts.count == 32)
  }

  @Test(arguments: ["bf16", "int8", "FP16", ""])
  func otherPrecisionsAreRefused(text: String) {
    let error = #expect(throws: ExportError.self) { try Precision.parse(text) }
    #expect(error?.diagnosis.expected == "fp32 or fp16")
    if text == "bf16" { #expect(error?.diagnosis.what.contains("mantissa") == true) }
  }

  @Test(arguments: [[], [1], [1, 2], [0, 1, 2], [2, 1, 4], [1, 4, 2], [1, 2, 3, 4], [1, 1, Int.max]])
  func batchesThatContradictThemselvesAreRefused(numbers: [Int]) {
    #expect(throws: ExportError.badBatch(numbers)) { try BatchRange(numbers) }
  }

  @Test func standardTensorRTIsMissedByNameAndLeavesNothing() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt")
    options.library = export.folder.file("nowhere")
    let error = #expect(throws: EngineError.self) { try export.export("tensorrt", options) }
    #expect(error?.diagnosis.kind == .unavailable)
    #expect(try Folders.names(in: export.folder.path) == ["bundle"])
  }

  @Test func aStopLeavesTheOlderPackage() async throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    let first = try export.export("tensorrt-rtx", options)
    let before = try EnginePackage(path: first.path).manifest
    options.isForced = true
    let stopped = options
    await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = #expect(throws: InterruptedError.self) { try export.export("tensorrt-rtx", stopped) }
    }.value
    #expect(try EnginePackage(path: first.path).manifest == before)
    #expect(try Folders.names(in: export.folder.path) == ["brain.engine", "bundle"])
  }

  /// In a process of its own, since other tests of this one allocate meanwhile.
  @Test func manyExportsDontGrowTheProcess() throws {
    let alone = "MARTLET_TEST_EXPORTS_ALONE"
    if ProcessInfo.processInfo.environment[alone] == nil {
      let program = Process()
      program.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      program.arguments = ["--testing-library", "swift-testing", "--filter", "manyExportsDontGrowTheProcess"]
      program.environment = ProcessInfo.processInfo.environment.merging([alone: "1"]) { $1 }
      let output = Pipe()
      program.standardOutput = output
      program.standardError = output
      try program.run()
      let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      program.waitUntilExit()
      #expect(program.terminationStatus == 0 && text.contains("manyExportsDontGrowTheProcess"), "\(text)")
      return
    }
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx", shape: [1, 1, 16, 16, 16])
    options.isForced = true
    // Until every thread that the system gives has been at it.
    for _ in 0..<10 { _ = try export.export("tensorrt-rtx", options) }
    let before = Self.residentBytes
    for _ in 0..<30 { _ = try export.export("tensorrt-rtx", options) }
    let growth = Self.residentBytes - before
    #expect(growth < 5_000_000, "grew by \(growth) bytes")
  }

  private static var residentBytes: Int {
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
    return (pages?.dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
  }
}
