import Diagnostics
package import Engines
package import Graphs
import Synchronization
import Tensors

/// Which engine runs the network: `--runtime`.
package enum Runtime: String, Sendable, CaseIterable {
  /// The fastest that is there and covers the network.
  case auto
  case openvino
}

/// How networks are run: the engine and its options.
package struct EngineChoice: Sendable {
  package var runtime: Runtime = .auto
  /// The library's file or folder, when the user names one.
  package var library: String?
  package var options = EngineOptions()

  package init() {}

  /// The engines that this version has, the fastest first.
  package var backends: [any EngineBackend] { [OpenVINOBackend(library: library)] }

  /// Whether one of them can be used on this machine.
  package var isAnyAvailable: Bool {
    backends.contains { if case .available = $0.availability() { true } else { false } }
  }

  /// Compiles `graph` for the chosen device.
  /// - Throws: `EngineError`, `DeviceError`; a missing library names the command that fetches it.
  package func compile(_ graph: Graph) throws -> any CompiledEngine {
    try backend.compile(try EngineSource(graph), options)
  }

  /// Finds out early what would make every compilation fail.
  /// - Throws: `DeviceError` for a device that the engine doesn't take; `EngineError` when its library is missing.
  package func check() throws {
    try backend.requireDevice(options.device)
    try backend.requireAvailable()
  }

  private var backend: any EngineBackend {
    backends.first { runtime == .auto || $0.name == runtime.rawValue } ?? backends[0]
  }
}

/// The engines of one network, one for each input size, compiled when first asked for.
final class EngineCache: Sendable {
  private let source: NetworkSource
  private let choice: EngineChoice
  private let engines = Mutex<[[Int]: any CompiledEngine]>([:])

  init(source: NetworkSource, choice: EngineChoice) {
    self.source = source
    self.choice = choice
  }

  /// The engine for inputs `[N, C, spatial…]` of this spatial shape; whoever asks meanwhile waits.
  func engine(spatialShape: [Int]) throws -> any CompiledEngine {
    try engines.withLock { engines in
      if let engine = engines[spatialShape] { return engine }
      let engine = try choice.compile(try source.graph(spatialShape: spatialShape))
      engines[spatialShape] = engine
      return engine
    }
  }
}

/// A session as the sliding window drives it.
final class SessionPredictor: WindowPredictor {
  private let session: any Session

  init(_ session: any Session) { self.session = session }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws { try session.run([batch], into: &outputs) }
}
