import CKernels
import Graphs
import Interpreter
import Synchronization
package import Tensors

/// Martlet's own engine for CPUs: a planner over the kernels of `CKernels`.
package struct NativeBackend: EngineBackend {
  static let title = "Martlet's CPU engine"

  package init() {}

  package var name: String { "native" }
  package var title: String { Self.title }
  package var deviceKinds: [Device.Kind] { [.cpu] }

  package func availability() -> EngineAvailability {
    .available(version: "built in", location: nil, devices: [String(cString: martlet_instruction_set())])
  }

  /// Plans the network for `options.batch`; other shapes are planned by the first run that has them.
  /// - Throws: ``DeviceError``, ``EngineError``.
  package func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine {
    try requireDevice(options.device)
    guard let graph = source.graph else {
      throw EngineError.networkRefused(backend: title, reason: "it takes graphs, and this is an ONNX model only")
    }
    let unknown = graph.nodes.filter { !Evaluation.operators.contains($0.operator) }
    guard unknown.isEmpty else {
      let nodes = unknown.map { "\($0.name) (\($0.operator))" }.joined(separator: ", ")
      throw EngineError.networkRefused(backend: title, reason: "it has no kernel for \(nodes)")
    }
    let threads = options.threads ?? EngineOptions.usableCores
    guard (1...1024).contains(threads) else {
      throw EngineError.invalidOption(name: "threads", value: "\(threads)", expected: "1 to 1024")
    }
    guard options.batch >= 1 else {
      throw EngineError.invalidOption(name: "batch", value: "\(options.batch)", expected: "1 or more")
    }
    guard options.parallelSessions >= 1 else {
      throw EngineError.invalidOption(
        name: "parallelSessions", value: "\(options.parallelSessions)", expected: "1 or more")
    }
    let engine = NativeEngine(
      graph: graph, inputs: source.inputs, outputs: source.outputs, threads: NativeThreads(count: threads),
      parallelSessions: options.parallelSessions, memoryLimit: options.memoryLimit, timesLayers: options.timesLayers)
    if source.inputs.allSatisfy({ !$0.dimensions.dropFirst().contains(nil) }) {
      _ = try engine.plan(for: source.inputs.map { $0.shape(batch: options.batch) })
    }
    return engine
  }
}

/// An engine that can tell what it does for given inputs.
package protocol PlannedEngine: CompiledEngine {
  /// Whether the layers that matter for the time have a kernel that is ahead of a library's.
  var isFast: Bool { get }
  /// OpenVINO's expected time over this engine's.
  var expectedRatio: Double { get }
  /// The expected seconds of a run, of this engine and of OpenVINO, on two cores with AVX-512.
  var expectedSeconds: (own: Double, library: Double) { get }
  /// The nodes that the interpreter computes.
  var interpreted: [String] { get }
  /// Whether kernels compute nearly all of the network, so that a run takes seconds at most.
  var isMostlyPlanned: Bool { get }
  /// The steps for inputs of these shapes, as text.
  func planDescription(_ shapes: [Shape]) throws -> String
  /// The same with the times of one run after a first.
  func planDescription(timedWith inputs: [Tensor]) throws -> String
  /// One run after a first, with the seconds of each step.
  func timedSteps(_ inputs: [Tensor]) throws -> [(step: String, seconds: Double)]
}

/// A network with its plans, one for each shape of the inputs; they share the transformed weights.
final class NativeEngine: CompiledEngine {
  let inputs: [TensorSpecification]
  let outputs: [TensorSpecification]
  let threads: NativeThreads
  /// The sessions that divide the threads. Each has a share of its own, whose threads never wait for those of another
  /// window, as the threads of one do at the end of each layer; a session that runs alone takes all.
  private let parallelSessions: Int
  private let madeSessions = Atomic(0)
  fileprivate let runningSessions = Atomic(0)
  fileprivate let timesLayers: Bool
  private let graph: Graph
  private let prepared = PreparedWeights()
  private let memoryLimit: Int?
  fileprivate let plans = Mutex<[[Shape]: NativePlan]>([:])

  init(
    graph: Graph, inputs: [TensorSpecification], outputs: [TensorSpecification], threads: NativeThreads,
    parallelSessions: Int, memoryLimit: Int?, timesLayers: Bool
  ) {
    self.parallelSessions = parallelSessions
    self.timesLayers = timesLayers
    self.graph = graph
    self.memoryLimit = memoryLimit
    self.inputs = inputs
    self.outputs = outputs
    self.threads = threads
  }

  var settings: [EngineSetting] {
    let interpreted = plans.withLock { $0.values.first?.interpreted ?? [] }
    return [
      EngineSetting("engine", NativeBackend.title),
      EngineSetting("instructions", String(cString: martlet_instruction_set())),
      EngineSetting("threads", "\(threads.count)"), EngineSetting("precision", "float32"),
      EngineSetting("layers without a fast kernel", "\(interpreted.count)"),
    ] + (interpreted.isEmpty ? [] : [EngineSetting("interpreted", interpreted.joined(separator: ", "))])
  }

  func plan(for shapes: [Shape]) throws -> NativePlan {
    try plans.withLock { plans in
      if let known = plans[shapes] { return known }
      let savesMemory = try memoryLimit.map { try mustSaveMemory(shapes, limit: $0) } ?? false
      var planner = try NativePlanner(
        graph, inputShapes: shapes, threads: threads, prepared: prepared, savesMemory: savesMemory)
      let plan = try planner.plan(inputShapes: shapes)
      plans[shapes] = plan
      return plan
    }
  }

  /// Whether the plan fits the limit only without Winograd's transformed weights and tiles.
  /// - Throws: ``EngineError/networkRefused(backend:reason:)`` with the estimate when it doesn't fit at all.
  private func mustSaveMemory(_ shapes: [Shape], limit: Int) throws -> Bool {
    var estimate = 0
    for savesMemory in [false, true] {
      let counted = PreparedWeights(isDry: true)
      var planner = try NativePlanner(
        graph, inputShapes: shapes, threads: threads, prepared: counted, savesMemory: savesMemory)
      let plan = try planner.plan(inputShapes: shapes)
      let floats = plan.arenaCount + counted.count + plan.outputShapes.reduce(0) { $0 + $1.count }
      estimate = floats * MemoryLayout<Float>.size
      if estimate <= limit { return savesMemory }
    }
    throw EngineError.networkRefused(
      backend: NativeBackend.title,
      reason:
        "a window of \(shapes.map { "\($0)" }.joined(separator: ", ")) needs about \(estimate >> 20) MiB beside the "
        + "checkpoint, and the memory limit is \(limit >> 20) MiB; take a smaller window or a higher limit")
  }

  func makeSession() throws -> sending any Session {
    // Sessions take turns where there are fewer threads than sessions.
    guard parallelSessions > 1, parallelSessions <= threads.count else {
      return NativeSession(self, threads: threads)
    }
    let number = madeSessions.add(1, ordering: .relaxed).oldValue % parallelSessions
    return NativeSession(self, threads: NativeThreads(count: (threads.count + number) / parallelSessions))
  }

  func workingMemory(_ inputs: [Shape]) throws -> Int? {
    try plan(for: inputs).arenaCount * MemoryLayout<Float>.size
  }
}

extension NativeEngine: PlannedEngine {
  var isFast: Bool { plans.withLock { $0.values.allSatisfy(\.isFast) } }
  var isMostlyPlanned: Bool { plans.withLock { $0.values.allSatisfy(\.isMostlyPlanned) } }

  var expectedRatio: Double { plans.withLock { $0.values.map(\.expectedRatio).min() ?? 1 } }
  var expectedSeconds: (own: Double, library: Double) {
    plans.withLock { $0.values.map(\.expectedSeconds).max { $0.own < $1.own } ?? (0, 0) }
  }

  var interpreted: [String] { plans.withLock { $0.values.first?.interpreted ?? [] } }

  func planDescription(_ shapes: [Shape]) throws -> String { try plan(for: shapes).description() }

  func planDescription(timedWith inputs: [Tensor]) throws -> String {
    let times = try timedSteps(inputs)
    return try plan(for: inputs.map(\.shape)).description(seconds: times.map(\.seconds))
  }

  func timedSteps(_ inputs: [Tensor]) throws -> [(step: String, seconds: Double)] {
    let session = NativeSession(self, threads: threads)
    var outputs: [Tensor] = []
    try session.run(inputs, into: &outputs)
    var times: [(step: String, seconds: Double)] = []
    try session.run(inputs, into: &outputs) { times.append(("\($0.kernel)  \($0.node)", $1)) }
    return times
  }
}

/// Runs of a plan in memory of its own; the plan and the weights are the engine's.
final class NativeSession: Session {
  private let engine: NativeEngine
  /// Its own; the engine's where the sessions take turns.
  private let threads: NativeThreads
  private let isRunning = Atomic(false)
  private var plan: NativePlan?
  private var memory: Storage?
  private var lastTimes: [LayerTime] = []

  init(_ engine: NativeEngine, threads: NativeThreads) {
    self.engine = engine
    self.threads = threads
  }

  var inputs: [TensorSpecification] { engine.inputs }
  var outputs: [TensorSpecification] { engine.outputs }

  func run(_ inputs: [Tensor], into outputs: inout [Tensor]) throws {
    guard engine.timesLayers else { return try run(inputs, into: &outputs, observer: nil) }
    var times: [LayerTime] = []
    try run(inputs, into: &outputs) { times.append(LayerTime(name: $0.node, kind: $0.kernel, seconds: $1)) }
    lastTimes = times
  }

  func layerTimes() throws -> [LayerTime] { lastTimes }

  /// - Parameter observer: Told of each step and its seconds.
  func run(
    _ inputs: [Tensor], into outputs: inout [Tensor], observer: ((NativePlan.Step, Double) -> Void)?
  ) throws {
    guard isRunning.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      throw EngineError.sessionInUse(backend: NativeBackend.title)
    }
    defer { isRunning.store(false, ordering: .releasing) }
    try check(inputs)
    let plan = try plan(for: inputs.map(\.shape))
    prepare(&outputs, plan)
    guard let memory, let base = memory.bytes.baseAddress else { return }
    let arena = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: Float.self)
    let targets = outputs.indices.map { index in
      outputs[index].withMutableBytes { $0.baseAddress ?? UnsafeMutableRawPointer(arena) }
    }
    var run = NativeRun(
      pool: threads, arena: arena, offsets: plan.offsets, inputs: inputs, outputs: targets,
      foreign: ForeignValues(count: plan.foreignCount))
    try withExtendedLifetime((memory, outputs)) {
      guard threads !== engine.threads else {
        return try threads.use { for step in plan.steps { try perform(step, run, observer) } }
      }
      engine.runningSessions.add(1, ordering: .relaxed)
      defer { engine.runningSessions.subtract(1, ordering: .relaxed) }
      for step in plan.steps {
        let isAlone = engine.runningSessions.load(ordering: .relaxed) == 1
        run.pool = isAlone ? engine.threads : threads
        try run.pool.use { try perform(step, run, observer) }
      }
    }
  }

  private func perform(
    _ step: NativePlan.Step, _ run: borrowing NativeRun, _ observer: ((NativePlan.Step, Double) -> Void)?
  ) throws {
    guard let observer else { return try step.body(run) }
    let start = ContinuousClock.now
    try step.body(run)
    let duration = ContinuousClock.now - start
    observer(step, Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18)
  }

  /// The plan of these shapes, with memory for it.
  private func plan(for shapes: [Shape]) throws -> NativePlan {
    if let plan, plan.inputShapes == shapes { return plan }
    let made = try engine.plan(for: shapes)
    memory = nil
    memory = Storage(byteCount: max(made.arenaCount, 16) * MemoryLayout<Float>.size)
    plan = made
    return made
  }

  /// Keeps the outputs that fit the plan and replaces the others by new tensors.
  private func prepare(_ outputs: inout [Tensor], _ plan: NativePlan) {
    if outputs.count > plan.outputShapes.count { outputs.removeLast(outputs.count - plan.outputShapes.count) }
    for (index, shape) in plan.outputShapes.enumerated() {
      let elementType = engine.outputs[index].elementType
      if index >= outputs.count {
        outputs.append(Tensor(elementType, shape, isZeroed: false))
      } else if outputs[index].elementType != elementType || outputs[index].shape != shape {
        outputs[index] = Tensor(elementType, shape, isZeroed: false)
      }
    }
  }
}
