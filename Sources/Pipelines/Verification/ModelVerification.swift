import Bundles
import Diagnostics
import Engines
import Files
import Graphs
import Importers
import Passes
import Tensors

/// The numbers of a model or an engine beside those of the network that it should be: what `martlet verify` tells beside
/// a bundle's own checks.
package struct ModelVerification: Sendable, Encodable {
  /// nil where nothing could be run; ``remark`` says why.
  package let table: VerificationTable?
  package let remark: String?

  package var passed: Bool { table?.passed ?? true }

  /// - Parameters:
  ///   - reference: The model that is right; nil for the model itself as it is imported, or what a package was made from.
  /// - Throws: what is wrong with a model; errors of the engines; ``VerificationError``.
  package init(
    _ model: Model, against reference: Model?, _ options: NetworkOptions, _ choice: EngineChoice,
    _ verification: VerificationOptions
  ) throws {
    if case .package(let package) = model {
      (table, remark) = try Self.package(package, against: reference, options, choice, verification)
      return
    }
    remark = nil
    let candidate = try choice.engineGraph(try NetworkSource(model, options).graph())
    let right =
      try reference.map { try Self.graph(of: $0, like: candidate, options) } ?? NetworkSource(model, options).graph()
    var check = EngineCheck(
      original: right, candidate: candidate, precision: .fp32, options: verification, library: choice.library)
    if let scan = verification.scan {
      let shape = candidate.inputs.first.map { candidate.type(of: $0).shape.map { $0.constant ?? 1 } } ?? []
      check.inputs = [try ScanWindow.input(scan, reference ?? model, options, shape: shape)]
    }
    // As it is: with an engine that is named the candidate has its form already.
    var plain = choice
    plain.optimizes = false
    let engine = try (choice.runtime == .auto ? choice : plain).compile(candidate)
    table = try check.table(
      engine.makeSession(), title: engine.settings.first?.value ?? choice.runtime.rawValue,
      runCandidate: { graph, inputs in
        let session = try plain.compile(graph).makeSession()
        return try session.run(zip(inputs, session.inputs).map { $0.converted(to: $1.elementType) })
      })
    if table == nil { throw VerificationError.noOracle }
  }

  /// The reference for inputs of the extents that `candidate` has; its own definition may leave them open.
  private static func graph(of reference: Model, like candidate: Graph, _ options: NetworkOptions) throws -> Graph {
    var options = options
    if options.inputShape == nil, let input = candidate.inputs.first {
      let shape = candidate.type(of: input).shape
      let spatial = shape.dropFirst(2).compactMap(\.constant)
      if spatial.count == shape.count - 2, !spatial.isEmpty { options.inputShape = spatial }
    }
    return try NetworkSource(reference, options).graph()
  }

  // MARK: Packages

  private static func package(
    _ package: EnginePackage, against reference: Model?, _ options: NetworkOptions, _ choice: EngineChoice,
    _ verification: VerificationOptions
  ) throws -> (VerificationTable?, remark: String?) {
    let manifest = package.manifest
    let shape = manifest.inputs.first?.minimum ?? []
    let isOpen = manifest.inputs.contains { $0.minimum != $0.maximum }
    var options = try options.filled(from: package)
    options.inputShape = options.inputShape ?? shape
    let (model, graph) = try source(of: package, reference, options)
    let original = isOpen ? graph : try PassDriver([FixedBatch(shape.first ?? 1)]).run(graph).graph
    let written = try package.onnxPath.map { try ONNXReader(path: $0).graph(ImportOptions()) }
    // The search for the first wrong node needs the engine's graph; a package that keeps none gets it from what its own
    // files give again.
    let remade = written == nil && verification.isLayerByLayer ? try Self.remade(package, options) : nil
    var check = EngineCheck(
      original: original, candidate: written ?? remade, precision: try .parse(manifest.precision),
      options: verification, library: choice.library)
    check.batch = shape.first ?? 1
    if let scan = verification.scan { check.inputs = [try ScanWindow.input(scan, model, options, shape: shape)] }
    let backend = OpenVINOBackend(library: choice.library(of: .openvino))
    do {
      guard let opener = ExportTargets.named(manifest.target) else {
        throw EnginePackageError.unknownTarget(package: package.path, target: manifest.target)
      }
      let table = try check.table(
        opener.open(package, choice).makeSession(), title: manifest.library.title,
        runCandidate: EngineCheck.run(on: backend))
      guard let table else { throw VerificationError.noOracle }
      return (table, nil)
    } catch let error as EnginePackageError {
      guard case .needsGPU(_, let library, let reason) = error else { throw error }
      guard let written else {
        return (nil, "the engine wasn't run: \(reason); it keeps no ONNX model to run instead (--keep-onnx)")
      }
      let graph =
        manifest.precision == Precision.fp16.rawValue ? try PassDriver([HalfRounding()]).run(written).graph : written
      check.candidate = graph
      let session = try backend.compile(try EngineSource(graph), EngineOptions()).makeSession()
      let table = try check.table(
        session, title: "models/model.onnx on \(backend.title)", runCandidate: EngineCheck.run(on: backend))
      guard let table else { throw VerificationError.noOracle }
      return (table, "the engine of \(library) wasn't run: \(reason); its ONNX model was")
    }
  }

  /// The graph that the engine was made of, made once more.
  /// - Throws: ``EnginePackageError/noNetwork(package:reason:)`` when the files of its network aren't what they were.
  private static func remade(_ package: EnginePackage, _ options: NetworkOptions) throws -> Graph {
    let (model, recorded) = try package.recordedModel(options)
    return try GraphRecipe(package.manifest).apply(to: NetworkSource(model, recorded).graph()).graph
  }

  /// The network that the package was made from, as long as its files are still what they were.
  private static func source(
    of package: EnginePackage, _ reference: Model?, _ options: NetworkOptions
  ) throws -> (Model, Graph) {
    if let reference { return (reference, try NetworkSource(reference, options).graph()) }
    let (model, recorded) = try package.recordedModel(options)
    return (model, try NetworkSource(model, recorded).graph())
  }
}
