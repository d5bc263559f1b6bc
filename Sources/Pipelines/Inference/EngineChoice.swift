import Diagnostics
package import Engines
import Foundation
package import Graphs
import Passes
import Tensors

/// Which engine runs the network: `--runtime`.
package enum Runtime: String, Sendable, CaseIterable {
  /// The fastest that is there and covers the network.
  case auto
  case openvino
  case tensorrtRTX = "tensorrt-rtx"
  case tensorrt
  /// Martlet's own engine for CPUs.
  case native
  /// The plain interpreter: any network, slowly.
  case reference
}

/// How networks are run: the engine and its options.
package struct EngineChoice: Sendable {
  package var runtime: Runtime = .auto
  /// The library's file or folder, when the user names one.
  package var library: String?
  package var options = EngineOptions()
  /// Whether the graph goes through the optimisation passes first, and into the form that the engine runs fastest.
  package var optimizes = true
  /// The device when the user names one; an engine package takes the first that its engine is for otherwise.
  package var namedDevice: Device? { didSet { options.device = namedDevice ?? .cpu } }

  package init() {}

  /// The engines that this version has, the fastest of each kind of device first.
  package var backends: [any EngineBackend] {
    [
      OpenVINOBackend(library: library(of: .openvino)),
      TensorRTBackend(.rtx, library: library(of: .tensorrtRTX)),
      TensorRTBackend(.standard, library: library(of: .tensorrt)),
      NativeBackend(),
      ReferenceBackend(),
    ]
  }

  /// The library that the user names belongs to the engine that they name, or to the one that `auto` takes on CPUs.
  package func library(of engine: Runtime) -> String? {
    engine == runtime || (runtime == .auto && engine == .openvino) ? library : nil
  }

  /// Whether one of them can be used on this machine.
  package var isAnyAvailable: Bool {
    backends.contains { if case .available = $0.availability() { true } else { false } }
  }

  /// Whether the engine of that name can make engines here: its library is there, and for standard TensorRT a GPU.
  package func isUsable(_ name: String) -> Bool {
    guard let backend = backends.first(where: { $0.name == name }),
      case .available(_, _, let devices) = backend.availability()
    else { return false }
    return name != TensorRTProduct.standard.rawValue || !devices.isEmpty
  }

  /// Compiles `graph` for the chosen device.
  /// - Throws: `EngineError`, `DeviceError`; a missing library names the command that fetches it.
  package func compile(_ graph: Graph) throws -> any CompiledEngine {
    let graph = try optimized(graph)
    guard runtime == .auto, options.device == .cpu else { return try compile(graph, with: backend) }
    // An engine library that the user names is meant to be used.
    if library != nil { return try compile(graph, with: OpenVINOBackend(library: library)) }
    let native = try compile(graph, with: NativeBackend())
    guard let planned = native as? any PlannedEngine else { return native }
    let ratio = planned.expectedRatio
    let expectation = (1 / ratio).formatted(.number.precision(.fractionLength(1)))
    if planned.isFast { return native }
    // The library is taken where it is there and expected to be ahead.
    let openVINO = OpenVINOBackend()
    guard case .available = openVINO.availability(), options.memoryLimit == nil else {
      return ExplainedEngine(
        native, EngineSetting("chosen", "OpenVINO would be about \(expectation) times as fast; it isn't installed"))
    }
    do {
      return ExplainedEngine(
        try compile(graph, with: openVINO),
        EngineSetting("chosen", "expected to be about \(expectation) times as fast as Martlet's own engine here"))
    } catch let error as EngineError {
      guard case .nodeRefused(_, let node, _, let reason) = error else { throw error }
      return ExplainedEngine(
        native, EngineSetting("chosen", "OpenVINO would be faster and can't compute '\(node)': \(reason)"))
    }
  }

  /// The graph in the form that the chosen engine gets; with `auto`, which chooses when it compiles, the common form.
  package func engineGraph(_ graph: Graph) throws -> Graph {
    let graph = try optimized(graph)
    return optimizes && runtime != .auto ? try Lowering.driver(for: backend.name).run(graph).graph : graph
  }

  /// The graph as every engine gets it.
  package func optimized(_ graph: Graph) throws -> Graph {
    optimizes ? try Optimization.driver.run(graph).graph : graph
  }

  private func compile(_ graph: Graph, with backend: any EngineBackend) throws -> any CompiledEngine {
    let lowered = optimizes ? try Lowering.driver(for: backend.name).run(graph).graph : graph
    return try backend.compile(try EngineSource(lowered), options)
  }

  /// Finds out early what would make every compilation fail.
  /// - Throws: `DeviceError` for a device that the engine doesn't take; `EngineError` when its library is missing.
  package func check() throws {
    if runtime == .auto, options.device == .cpu, library == nil { return }
    try backend.requireDevice(options.device)
    try backend.requireAvailable()
  }

  private var backend: any EngineBackend {
    let fitting = backends.first {
      runtime == .auto ? $0.deviceKinds.contains(options.device.kind) : $0.name == runtime.rawValue
    }
    return fitting ?? backends[0]
  }
}

/// An engine with a word on why it was chosen.
struct ExplainedEngine: CompiledEngine {
  let engine: any CompiledEngine
  let explanation: EngineSetting

  init(_ engine: any CompiledEngine, _ explanation: EngineSetting) {
    self.engine = engine
    self.explanation = explanation
  }

  var inputs: [TensorSpecification] { engine.inputs }
  var outputs: [TensorSpecification] { engine.outputs }
  var settings: [EngineSetting] { engine.settings + [explanation] }
  func workingMemory(_ inputs: [Shape]) throws -> Int? { try engine.workingMemory(inputs) }
  func makeSession() throws -> sending any Session { try engine.makeSession() }
}
