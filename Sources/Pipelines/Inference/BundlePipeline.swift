package import Bundles
package import Diagnostics
import Dispatch
package import Engines
import Files
import Graphs
import Images
import OrderedCollections
import Passes
import Synchronization
import Tensors
import Transforms

/// A bundle made ready to run on scans: its transforms, its inferer, and its network on an engine.
package struct BundlePipeline: Sendable {
  package let bundle: Bundle
  let definition: PipelineDefinition
  let engines: any EngineProvider
  let sessionCount: Int
  /// The bytes that the process may take; nil for all there are. The engine gets what a scan leaves of them.
  let memoryLimit: Int?
  let programMemory = ProgramMemory()

  /// Reads the config and the weights. The engine is compiled at once where the window's size is known, while the
  /// first scan is being read; else when the first scan asks for it.
  /// - Throws: what is wrong with the config, the checkpoint or their match; `EngineError`, `DeviceError`.
  package init(
    _ bundle: Bundle, _ options: NetworkOptions, _ choice: EngineChoice, outputFolder: String
  ) throws {
    try choice.check()
    let config = try ModelConfig(.bundle(bundle), options)
    self.bundle = bundle
    // On a CPU a larger batch is hardly faster, and costs memory: 85 ms a window at either 1 or 4, 210 or 420 MB.
    definition = try PipelineDefinition(
      config, outputFolder: outputFolder, windowBatch: choice.options.device.kind == .cpu ? 1 : nil)
    let source = try NetworkSource(config, checkpoint: options.checkpointFile, options, bundle)
    let shape = (definition.inferer as? SlidingWindow)?.fixedShape(rank: source.spatialDimensions)
    // What doesn't fit in the network or its weights is said before any scan is read.
    let graph = try shape.map { try source.graph(spatialShape: $0) }
    var choice = choice
    memoryLimit = choice.takeMemoryLimit()
    let splitsHead = definition.splitsHead
    let trunk = splitsHead ? try graph.flatMap { try PointwiseHead.split($0)?.trunk } : nil
    choice.options.parallelSessions = Self.sessionCount(choice, definition.inferer, trunk ?? graph)
    let engines = EngineCache(source: source, choice: choice, splitsHead: splitsHead)
    self.engines = engines
    sessionCount = choice.options.parallelSessions
    try Folders.create(outputFolder)
    // With a limit the first scan tells how much the engine may take.
    if let shape, memoryLimit == nil {
      // A failure comes back when the first scan asks for the same engine.
      DispatchQueue.global(qos: .userInitiated).async { _ = try? engines.engine(spatialShape: shape, memory: nil) }
    }
  }

  /// The pipeline of an engine package: its own configs, with the overrides that it was exported with.
  /// - Throws: what is wrong with the package or its config; errors of the engine's library and device.
  package init(
    _ package: EnginePackage, _ options: NetworkOptions, _ choice: EngineChoice, outputFolder: String
  ) throws {
    bundle = try Bundle(path: package.path)
    let config = try ModelConfig(.bundle(bundle), try options.filled(from: package))
    definition = try PipelineDefinition(
      config, outputFolder: outputFolder, windowBatch: choice.options.device.kind == .cpu ? 1 : nil)
    var choice = choice
    memoryLimit = choice.takeMemoryLimit()
    choice.options.parallelSessions = Self.sessionCount(choice, definition.inferer, nil)
    engines = try PackagedEngines.provider(of: package, options, choice)
    sessionCount = choice.options.parallelSessions
    try Folders.create(outputFolder)
  }

  /// Two windows at a time on a CPU: while one is being added to the result the other is computed, and neither waits for
  /// the other's threads. A network with large intermediate values computes so long that nothing is gained by a second
  /// session, which would cost as much memory again.
  private static func sessionCount(_ choice: EngineChoice, _ inferer: any Inferer, _ graph: Graph?) -> Int {
    let options = choice.options
    guard options.device.kind == .cpu, inferer is SlidingWindow || inferer is SliceInferer,
      options.parallelSessions == 1, (graph?.largestValue ?? 0) < 96 << 20
    else { return options.parallelSessions }
    return min(2, options.threads ?? EngineOptions.usableCores)
  }

  /// What the metadata calls the labels of the network's first output.
  package var labelNames: [Int: String] {
    guard let names = bundle.metadata?.outputs.first?.channelNames else { return [:] }
    return Dictionary(uniqueKeysWithValues: names.map { ($0.key, $0.value) })
  }

  /// Takes the scan in one NIfTI file to its result and writes it.
  /// - Throws: as the other `run`.
  package func run(_ path: String, progress: ProgressObserver? = nil) throws -> ScanResult {
    try run(Scan(path), progress: progress)
  }

  /// Takes one scan to its result and writes it.
  /// - Throws: what is wrong with the scan; `InterruptedError`; errors of the engine and of writing.
  package func run(_ scan: Scan, progress: ProgressObserver? = nil) throws -> ScanResult {
    do {
      return try finish(try predict(try prepare(scan, progress: progress), progress: progress), progress: progress)
    } catch let failure as OutputFailure {
      throw failure.underlying
    }
  }

  /// Whether there is memory for a scan while its neighbours are preprocessed and post-processed.
  func overlaps(_ scan: Scan) -> Bool {
    guard let memoryLimit else { return true }
    guard let plan = try? memoryPlan(for: scan) else { return false }
    return plan.overlapping <= memoryLimit
  }

  /// Reads a scan and preprocesses it.
  /// - Throws: ``MemoryLimitError`` before a voxel is read; what is wrong with the scan.
  func prepare(_ scan: Scan, progress: ProgressObserver?) throws -> PreparedScan {
    if memoryLimit != nil { try memoryPlan(for: scan)?.require(memoryLimit) }
    var times = StageTimes()
    var sample = try scan.sample(imageKey: definition.imageKey)
    try times.measure("preprocessing") {
      try definition.preprocessing.apply(&sample, stage: "preprocessing", progress: progress)
    }
    return PreparedScan(scan: scan, sample: sample, times: times)
  }

  /// Runs the network on a scan; the sample has the prediction afterwards.
  func predict(_ prepared: PreparedScan, progress: ProgressObserver?) throws -> PreparedScan {
    var result = prepared
    let prediction = try result.times.measure("inference") { try infer(&result.sample, progress) }
    try result.sample.setPrediction(definition.predictionKey, prediction, like: definition.imageKey)
    return result
  }

  /// Post-processes a prediction and writes it.
  /// - Throws: ``OutputFailure`` when it can't be written.
  func finish(_ predicted: consuming PreparedScan, progress: ProgressObserver?) throws -> ScanResult {
    var times = predicted.times
    // Taken out, so that nobody else holds the voxels while they are changed.
    var sample = predicted.takeSample()
    do {
      try times.measure("postprocessing") {
        try (reduction?.rest ?? definition.postprocessing).apply(&sample, stage: "postprocessing", progress: progress)
      }
    } catch let error as any DiagnosedError where [.inputOutput, .cantCreate].contains(error.diagnosis.kind) {
      throw OutputFailure(underlying: error)
    }
    let result = try sample.image(definition.predictionKey, for: "the result").volume(for: "the result")
    return ScanResult(scan: predicted.scan, outputs: sample.savedPaths, times: times.stages, result: result)
  }

  /// Labels that depend on their own voxel alone are found as soon as the last window over it is done.
  var reduction: (steps: VoxelwiseSteps, rest: Compose)? { definition.reduction }

  /// The first output of the network, `[K, X, Y, Z]` or `[K, X, Y]`, or what the reduction makes of it.
  private func infer(_ sample: inout Sample, _ progress: ProgressObserver?) throws -> Tensor {
    let image = try sample.image(definition.imageKey, for: "the network").voxels
    let input = image.converted(to: .float32).expanded(to: Shape([1] + image.shape.dimensions))
    let shape = try definition.inferer.batchShape(for: input.shape)
    let spatialShape = Array(shape.dimensions.dropFirst(2))
    var sessions = sessionCount
    if memoryLimit != nil {
      // Now the extents are known, whatever the transforms were.
      let outline = ImageOutline(
        storedVoxels: image.count, storedBytes: image.byteCount, shape: image.shape.dimensions)
      sessions = try self.sessions(for: outline)
      var plan = try memoryPlan(for: outline, sessions: sessions)
      plan.preprocessing = 0
      try plan.require(memoryLimit)
    }
    let engine = try engines.engine(spatialShape: spatialShape, memory: nil)
    try requireChannels(engine, input.shape)
    try requireFinite(input)
    let predictors = try (0..<max(sessions, 1)).map { _ in
      SessionPredictor(try engine.makeSession(), batches: engines.batches ?? engine.fixedBatch)
    }
    if let steps = reduction?.steps {
      var reduction: any VoxelwiseReduction = steps
      if let head = try engines.head(spatialShape: spatialShape) {
        reduction = HeadReduction(head: head, reduction: steps)
      }
      return try definition.inferer.infer(input, predictors: predictors, reducing: reduction, progress: progress)
    }
    let outputs = try definition.inferer.infer(input, predictors: predictors, progress: progress)
    guard let output = outputs.first else { throw DefectError("the network gave no output") }
    return output.reshaped(Shape(Array(output.shape.dimensions.dropFirst())))
  }

  private func requireFinite(_ input: Tensor) throws {
    let voxels = input.nonFiniteCount
    guard voxels == 0 else { throw ScanError.notFinite(voxels: voxels) }
  }

  private func requireChannels(_ engine: any CompiledEngine, _ shape: Shape) throws {
    guard let expected = engine.inputs.first?.dimensions.dropFirst().first ?? nil, shape.rank > 1 else { return }
    guard shape[1] == expected else { throw ScanError.wrongChannels(found: shape[1], expected: expected) }
  }
}

extension Graph {
  /// The bytes of the largest value that is computed for a batch of one.
  fileprivate var largestValue: Int {
    let symbols = Set(inputs.flatMap { type(of: $0).shape.flatMap(\.symbols) })
    let ones = Dictionary(uniqueKeysWithValues: symbols.map { ($0, 1) })
    return nodes.flatMap(\.outputs).map { value in
      let type = type(of: value)
      return (type.count.evaluated(ones) ?? 0) * type.elementType.byteCount
    }.max() ?? 0
  }
}

extension VoxelwiseSteps: VoxelwiseReduction {}

extension EngineChoice {
  /// The limit, which is the whole pipeline's: the engine's share depends on the scan.
  fileprivate mutating func takeMemoryLimit() -> Int? {
    defer { options.memoryLimit = nil }
    return options.memoryLimit
  }
}

extension Tensor {
  /// How many elements of a float32 tensor are NaN or infinite.
  fileprivate var nonFiniteCount: Int {
    withElements(of: Float.self) { elements in
      let values = Shared(elements)
      let total = Atomic(0)
      Parallel.forEach(elements.count, grain: 1 << 16) { range in
        var count = 0
        for index in range where !values.value[index].isFinite { count += 1 }
        total.add(count, ordering: .relaxed)
      }
      return total.load(ordering: .relaxed)
    }
  }
}

extension CompiledEngine {
  /// The one batch that the engine takes; nil when it takes others too.
  fileprivate var fixedBatch: ClosedRange<Int>? {
    guard let batch = inputs.first?.dimensions.first ?? nil else { return nil }
    return batch...batch
  }
}
