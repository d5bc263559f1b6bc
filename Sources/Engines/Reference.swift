import Graphs
import Interpreter
import Synchronization
import Tensors

/// The interpreter as an engine: every operator in plain code, any network, slowly. It needs no library, and says what
/// the other engines should compute.
package struct ReferenceBackend: EngineBackend {
  package init() {}

  package var name: String { "reference" }
  package var title: String { "Martlet's reference" }
  package var deviceKinds: [Device.Kind] { [.cpu] }
  package func availability() -> EngineAvailability { .available(version: "built in", location: nil, devices: []) }

  package func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine {
    try requireDevice(options.device)
    guard let graph = source.graph else {
      throw EngineError.networkRefused(backend: title, reason: "it takes graphs, and this is an ONNX model only")
    }
    return ReferenceEngine(
      evaluator: GraphEvaluator(graph), inputs: source.inputs, outputs: source.outputs, title: title,
      timesLayers: options.timesLayers)
  }
}

private struct ReferenceEngine: CompiledEngine {
  let evaluator: GraphEvaluator
  let inputs: [TensorSpecification]
  let outputs: [TensorSpecification]
  let title: String
  let timesLayers: Bool

  var settings: [EngineSetting] { [EngineSetting("engine", title), EngineSetting("precision", "float32")] }
  func makeSession() throws -> sending any Session { ReferenceSession(self) }
}

private final class ReferenceSession: Session {
  private let engine: ReferenceEngine
  private let isRunning = Atomic(false)
  private var lastTimes: [LayerTime] = []

  init(_ engine: ReferenceEngine) { self.engine = engine }

  var inputs: [TensorSpecification] { engine.inputs }
  var outputs: [TensorSpecification] { engine.outputs }

  func run(_ inputs: [Tensor], into outputs: inout [Tensor]) throws {
    guard isRunning.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      throw EngineError.sessionInUse(backend: engine.title)
    }
    defer { isRunning.store(false, ordering: .releasing) }
    try check(inputs)
    guard engine.timesLayers else {
      outputs = try engine.evaluator.run(inputs)
      return
    }
    let clock = ContinuousClock()
    var begins: [(node: Node, at: ContinuousClock.Instant)] = []
    outputs = try engine.evaluator.run(inputs) { begins.append(($0, clock.now)) }
    let ends = begins.dropFirst().map(\.at) + [clock.now]
    lastTimes = zip(begins, ends).map { begin, end in
      let duration = (end - begin.at).components
      let seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
      return LayerTime(name: begin.node.name, kind: begin.node.operator, seconds: seconds)
    }
  }

  func layerTimes() throws -> [LayerTime] { lastTimes }
}
