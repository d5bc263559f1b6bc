import Archives
import Arguments
package import Bundles
import Diagnostics
import Engines
import Files
import Graphs
import Tensors

/// Whether a bundle is what it says: its metadata, its pipeline, its weights, and the network's inputs and outputs. What
/// `monai.bundle verify_metadata` and `verify_net_in_out` check, and that Martlet can run it.
package struct BundleVerification: Sendable, Encodable {
  package struct Check: Sendable, Encodable, Equatable {
    package enum Outcome: String, Sendable, Encodable {
      case passed, failed
      /// It could not be checked here.
      case skipped
    }

    package var name: String
    package var outcome: Outcome
    /// What was found; a line for each problem.
    package var details: [String]
  }

  package private(set) var checks: [Check] = []

  package var passed: Bool { !checks.contains { $0.outcome == .failed } }

  /// - Throws: when the bundle has no config that can be read.
  package init(_ bundle: Bundle, _ options: NetworkOptions, _ choice: EngineChoice) throws {
    let config = try ModelConfig(.bundle(bundle), options)
    checkMetadata(bundle, options)
    for id in ["preprocessing", "inferer", "postprocessing"] { checkPipeline(id, config) }
    checkNetwork(bundle, config, options, choice)
  }

  private mutating func add(_ name: String, problems: [String], passed: [String]) {
    checks.append(
      Check(name: name, outcome: problems.isEmpty ? .passed : .failed, details: problems.isEmpty ? passed : problems))
  }

  // MARK: Metadata

  private mutating func checkMetadata(_ bundle: Bundle, _ options: NetworkOptions) {
    guard let file = options.metaFile ?? bundle.metadataFile else {
      add("metadata", problems: ["the bundle has no configs/metadata.json"], passed: [])
      return
    }
    do {
      let problems = Metadata.problems(in: try ConfigTree.read(file))
      add("metadata", problems: problems, passed: [file])
    } catch {
      add("metadata", problems: [PipelineStep.diagnosis(of: error).line], passed: [])
    }
  }

  // MARK: The pipeline

  private mutating func checkPipeline(_ id: String, _ config: ModelConfig) {
    let steps = PipelineStep.steps(of: id, config)
    let problems = steps.compactMap { step in
      step.problem.map { $0.what.contains(step.name) ? $0.line : "\(step.name): \($0.line)" }
    }
    let names = steps.map { $0.isDisabled ? "\($0.name) (disabled)" : $0.name }
    add(id, problems: problems, passed: [names.joined(separator: ", ")])
  }

  // MARK: The network

  private mutating func checkNetwork(
    _ bundle: Bundle, _ config: ModelConfig, _ options: NetworkOptions, _ choice: EngineChoice
  ) {
    let source: NetworkSource
    do {
      source = try NetworkSource(config, checkpoint: options.checkpointFile, options, bundle)
    } catch {
      add("network", problems: [PipelineStep.diagnosis(of: error).line], passed: [])
      return
    }
    let metadata = (try? bundle.metadata(options.metaFile)) ?? nil
    guard let shape = Self.inputShape(source, options, metadata?.inputs.first),
      shape.count == source.spatialDimensions + 2
    else {
      add("network", problems: ["neither the metadata nor the inferer tells the input's shape"], passed: [])
      return
    }
    do {
      let graph = try source.graph(spatialShape: Array(shape.dropFirst(2)))
      add(
        "network", problems: [],
        passed: ["\(source.name), \(source.parameterCount) parameters and buffers"])
      try checkInOut(graph, shape, metadata, choice)
    } catch {
      add(
        checks.last?.name == "network" ? "inputs and outputs" : "network",
        problems: [PipelineStep.diagnosis(of: error).line], passed: [])
    }
  }

  /// The shape to try: the user's, else the metadata's. Where that leaves an extent open, the inferer's is better than the
  /// one voxel that `monai.bundle` takes.
  private static func inputShape(
    _ source: NetworkSource, _ options: NetworkOptions, _ stated: Metadata.TensorFormat?
  ) -> [Int]? {
    let isOpen = stated?.spatialShape?.contains(.any) ?? true
    let preferred = options.inputShape != nil || isOpen ? source.inputShape?.shape : nil
    return preferred ?? stated?.shape(n: 1, p: 1, any: 1) ?? source.inputShape?.shape
  }

  private mutating func checkInOut(
    _ graph: Graph, _ shape: [Int], _ metadata: Metadata?, _ choice: EngineChoice
  ) throws {
    guard let metadata, let expected = metadata.outputs.first else {
      checks.append(
        Check(name: "inputs and outputs", outcome: .skipped, details: ["the metadata describes no output"]))
      return
    }
    var problems: [String] = []
    let inputs = graph.inputs.compactMap { graph.type(of: $0).shape.dropFirst().first?.constant }
    if let stated = metadata.inputs.first?.channelCount, let found = inputs.first, stated != found {
      problems.append("the metadata's input has \(stated) channels, the network takes \(found)")
      add("inputs and outputs", problems: problems, passed: [])
      return
    }
    guard choice.isAnyAvailable else {
      checks.append(
        Check(
          name: "inputs and outputs", outcome: .skipped,
          details: ["no engine can be used here; 'martlet doctor' says how to mend that"]))
      return
    }
    let engine = try choice.compile(graph)
    let input = Noise.normal(Shape(shape))
    let outputs = try engine.makeSession().run([input])
    guard let output = outputs.first else { throw DefectError("the network gave no output") }
    if let channels = expected.channelCount, output.shape.rank > 1, output.shape[1] != channels {
      problems.append(
        "the metadata's output '\(expected.name)' has \(channels) channels, the network's \(output.shape[1])")
    }
    // Half precision is how a GPU computes it; here it is float32.
    if let type = expected.dtype, type != output.elementType.rawValue, !["float16", "bfloat16"].contains(type) {
      problems.append("the metadata's output '\(expected.name)' is \(type), the network's \(output.elementType)")
    }
    let values = output.converted(to: .float32).array(of: Float.self)
    if !values.allSatisfy(\.isFinite) { problems.append("noise gives NaN or infinite outputs") }
    add("inputs and outputs", problems: problems, passed: ["\(input.shape) to \(output.shape)"])
  }
}
