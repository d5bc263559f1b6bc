import Diagnostics
import Engines
import Files
import Graphs
import Pipelines
import Tensors
import TestSupport
import Testing

/// Engines that are right and engines that are deliberately wrong.
@Suite struct VerificationTests {
  private enum Mistake { case none, perturbedWeight, droppedTranspose }

  /// Three convolutions, a transposition between the second and the third.
  private func graph(_ mistake: Mistake) throws -> Graph {
    var graph = Graph(name: "Chain")
    var value = try graph.input("image", TensorType(.float32, [Dimension("batch"), 4, 8, 8]))
    for layer in 1...3 {
      value = try graph.scope("conv\(layer)") { graph in
        var weights = (0..<144).map { Float(($0 * 7919 + layer * 31) % 201 - 100) / 300 }
        if mistake == .perturbedWeight, layer == 2 { weights[40] += 0.5 }
        let weight = graph.constant(Tensor(weights, [4, 4, 3, 3]), name: "weight")
        return try graph.relu(graph.conv(value, weight: weight, padding: [1, 1]))
      }
      guard layer == 2, mistake != .droppedTranspose else { continue }
      value = try graph.scope("turn") { try $0.transpose(value, [0, 1, 3, 2]) }
    }
    try graph.output(graph.scope("head") { try $0.softmax(value, axis: 1) }, name: "logits")
    return graph
  }

  private func model(_ mistake: Mistake, _ folder: TemporaryFolder) throws -> Model {
    let path = folder.file("\(mistake).onnx")
    try ONNXWriter(graph(mistake)).write(to: path)
    return try Model(path: path)
  }

  private func choice(_ runtime: Runtime) -> EngineChoice {
    var choice = EngineChoice()
    choice.runtime = runtime
    choice.library = Corpus.repository + ".runtime/openvino"
    return choice
  }

  private func verify(
    _ mistake: Mistake, on runtime: Runtime = .native, isLayerByLayer: Bool = false
  ) throws -> VerificationTable {
    let folder = try TemporaryFolder()
    var options = VerificationOptions()
    options.isLayerByLayer = isLayerByLayer
    let verification = try ModelVerification(
      model(mistake, folder), against: model(.none, folder), NetworkOptions(), choice(runtime), options)
    return try #require(verification.table)
  }

  @Test(arguments: [Runtime.native, .openvino, .reference]) func aRightEnginePasses(_ runtime: Runtime) throws {
    let table = try verify(.none, on: runtime, isLayerByLayer: true)
    #expect(table.passed && table.bisection == nil && table.rows.count == 1)
    let figures = table.rows[0].comparison
    #expect(figures.name == "logits" && figures.relativeError < 1e-5 && figures.cosine > 0.999999)
    #expect(figures.argmaxAgreement == 1 && table.inputShape == [1, 4, 8, 8])
    #expect(table.reference.contains("as imported") && table.text.contains("passed"))
  }

  @Test(arguments: [Runtime.native, .openvino]) func aPerturbedWeightIsCaughtAndItsNodeNamed(_ runtime: Runtime) throws
  {
    let table = try verify(.perturbedWeight, on: runtime, isLayerByLayer: true)
    #expect(!table.passed && table.rows[0].comparison.relativeError > table.tolerance)
    let finding = try #require(table.bisection)
    #expect(finding.node == "conv2/Conv" && finding.operatorName == "Conv", "\(finding.text)")
    #expect(finding.suspects == ["conv2/Conv"] && finding.missing.isEmpty)
    #expect(finding.relativeError > 1e-2 && finding.errorBefore < 1e-4)
    #expect(table.text.contains("FAILED") && table.text.contains("first wrong node: conv2/Conv"))
  }

  @Test func aDroppedTransposeIsCaughtAndNamed() throws {
    let table = try verify(.droppedTranspose, isLayerByLayer: true)
    #expect(!table.passed)
    let finding = try #require(table.bisection)
    // What comes behind it is the first value that both graphs have and that differs.
    #expect(finding.node == "conv3/Conv" && finding.missing == ["turn/Transpose"], "\(finding.text)")
    #expect(finding.suspects == ["turn/Transpose", "conv3/Conv"])
  }

  @Test func withoutTheWishNothingIsBisected() throws {
    #expect(try verify(.perturbedWeight).bisection == nil)
  }

  @Test func theOracleCanBeChosen() throws {
    let folder = try TemporaryFolder()
    for (oracle, words) in [(Oracle.native, "CPU engine"), (.reference, "reference"), (.auto, "reference")] {
      var options = VerificationOptions()
      options.oracle = oracle
      let table = try #require(
        try ModelVerification(model(.none, folder), against: nil, NetworkOptions(), choice(.openvino), options).table)
      #expect(table.reference.contains(words) && table.passed, "\(table.text)")
    }
  }

  @Test func aScanNeedsABundle() throws {
    let folder = try TemporaryFolder()
    var options = VerificationOptions()
    options.scan = folder.file("scan.nii")
    #expect(throws: VerificationError.noPipeline(kind: "ONNX model")) {
      try ModelVerification(model(.none, folder), against: nil, NetworkOptions(), choice(.native), options)
    }
  }

  // MARK: Exports

  /// An engine of another graph than it was given: as a library with a mistake would build.
  private struct WrongTarget: ExportTarget {
    let name = "openvino"
    let summary = "an engine that is wrong"
    let deviceKinds: [Device.Kind] = [.cpu]
    let fixesBatch = true
    let wrong: Graph
    func check(_ options: ExportOptions) throws {}
    func library(_ options: ExportOptions) throws -> PackageManifest.Library? {
      .init(title: "Wrong", file: "", bytes: 0)
    }
    func open(_ package: EnginePackage, _ choice: EngineChoice) throws -> any CompiledEngine {
      try NativeBackend().compile(try EngineSource(wrong), EngineOptions())
    }
    func build(
      _ network: ExportedNetwork, _ options: ExportOptions, progress: ProgressObserver?
    ) throws -> ExportProduct {
      ExportProduct(
        fileExtension: "blob", libraryTitle: "Wrong 1.0", write: { try AtomicFile.write("engine", to: $0) },
        open: { _ in try NativeBackend().compile(try EngineSource(wrong), EngineOptions()) },
        graph: { network.graph }, verification: [], notes: [])
    }
  }

  @Test func whatFailsIsNotKeptUnlessItIsWanted() throws {
    let folder = try TemporaryFolder()
    let target = WrongTarget(wrong: try graph(.perturbedWeight))
    let path = folder.file("wrong.engine")
    var options = ExportOptions()
    let right = try model(.none, folder)
    let error = #expect(throws: VerificationError.self) { try Export(right, options, to: target, at: path).run() }
    #expect(error?.diagnosis.kind == .data && error?.diagnosis.what.contains("FAILED") == true)
    #expect(PathKind(path: path) == nil)

    options.keepsFailed = true
    let kept = try Export(right, options, to: target, at: path).run()
    #expect(kept.verification.map(\.outcome) == [.failed] && kept.tables.count == 1)
    #expect(try EnginePackage(path: path).manifest.verification.map(\.outcome) == [.failed])
  }

  @Test func anExportEndsWithItsTable() throws {
    let export = try ExportCase()
    for target in ["openvino", "tensorrt-rtx"] {
      var options = ExportCase.options(target)
      options.verifies = true
      let result = try export.export(target, options, at: export.folder.file(target))
      let table = try #require(result.tables.first)
      #expect(table.passed && table.rows.map(\.input) == ["noise"] && table.inputShape == [1, 1, 32, 32, 32])
      #expect(result.verification[0].outcome == .passed)
      // Without a GPU the engine itself isn't run, and that is said.
      #expect(target == "openvino" || table.engine.hasPrefix("the fp32 graph on"), "\(table.engine)")
      #expect(target == "openvino" || result.verification.contains { $0.detail.contains("wasn't run") })
    }
  }

  @Test func aScansWindowIsAnInputToo() throws {
    let export = try ExportCase()
    var options = ExportCase.options("openvino")
    options.verifies = true
    options.verification.scan = Corpus.example("data/t1_sample.nii.gz")
    let table = try #require(try export.export("openvino", options).tables.first)
    #expect(table.passed && table.rows.map(\.input) == ["noise", "t1_sample.nii.gz"], "\(table.text)")
  }

  @Test func anEnginePackageIsVerifiedAgainstItsSource() throws {
    let export = try ExportCase()
    let path = try export.export("openvino", ExportCase.options("openvino")).path
    let table = try #require(
      try ModelVerification(
        Model(path: path), against: nil, NetworkOptions(), choice(.auto), VerificationOptions()
      ).table)
    #expect(table.passed && table.engine.contains("OpenVINO"), "\(table.text)")
  }

  /// The package keeps no ONNX model: its graph is made again from the file that it was made from.
  @Test(arguments: [false, true]) func theWrongNodeOfAPackageIsFound(_ keepsONNX: Bool) throws {
    let folder = try TemporaryFolder()
    var options = ExportOptions()
    options.keepsFailed = true
    options.keepsONNX = keepsONNX
    options.verifies = false
    options.library = Corpus.repository + ".runtime/openvino"
    let path = folder.file("wrong.engine")
    _ = try Export(try model(.perturbedWeight, folder), options, to: OpenVINOTarget(), at: path).run()
    var verification = VerificationOptions()
    verification.isLayerByLayer = true
    let table = try #require(
      try ModelVerification(
        Model(path: path), against: model(.none, folder), NetworkOptions(), choice(.auto), verification
      ).table)
    #expect(!table.passed)
    #expect(table.bisection?.node == "conv2/Conv", "\(table.text)")
  }

  /// What is verified and searched is what a run of the engine gets, its own forms included.
  @Test func aNamedEngineIsVerifiedInItsOwnForm() throws {
    var graph = Graph(name: "Norm")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 2, 16, 16, 16]))
    let ones = graph.constant(Tensor([Float(1), 2], [2]), name: "scale")
    try graph.output(graph.instanceNormalization(image, scale: ones, bias: ones, epsilon: 1e-5), name: "output_0")
    func isPooled(_ runtime: Runtime) throws -> Bool {
      try choice(runtime).engineGraph(graph).nodes.contains { $0.operator == "AveragePool" }
    }
    #expect(try isPooled(.openvino))
    #expect(try !isPooled(.native))
  }

  @Test func aPackageForAnAbsentGPUSaysWhatWasRun() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx")
    options.keepsONNX = true
    let path = try export.export("tensorrt-rtx", options).path
    let verification = try ModelVerification(
      Model(path: path), against: nil, NetworkOptions(), choice(.auto), VerificationOptions())
    #expect(verification.passed && verification.table?.engine.hasPrefix("models/model.onnx on") == true)
    #expect(verification.remark?.contains("wasn't run") == true)
  }

  @Test func anONNXFileIsVerifiedWhenThatIsAskedFor() throws {
    let export = try ExportCase()
    var options = ExportCase.options("onnx")
    options.verifies = true
    #expect(try export.export("onnx", options, at: export.folder.file("plain.onnx")).tables.isEmpty)
    options.verification.oracle = .native
    let table = try #require(try export.export("onnx", options, at: export.folder.file("brain.onnx")).tables.first)
    #expect(table.passed, "\(table.text)")
  }
}
