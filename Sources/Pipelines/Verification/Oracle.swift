package import Engines
package import Graphs
import Tensors

/// What an engine is compared with: the graph as it was imported, without passes, on an engine of its own.
///
/// The interpreter is the plainest, and takes minutes for a large network. `auto` takes it up to some hundred million
/// operations, then Martlet's CPU engine as long as kernels compute nearly all of the network, then OpenVINO. Which one it
/// was is said in the table.
package enum Oracle: String, Sendable, CaseIterable {
  case auto, reference, native, openvino

  /// Operations that the interpreter is given at most: it does some 100 million a second.
  private static let interpreterLimit = 1e8

  /// The reference ready to run.
  package struct Engine {
    package let session: any Session
    /// `Martlet's reference on the graph as imported`
    package let title: String
  }

  /// - Parameters:
  ///   - tested: The backend that is tested; another one is preferred.
  ///   - library: OpenVINO's library, when the user names it.
  /// - Returns: nil when no engine here can serve.
  package func engine(for graph: Graph, library: String?, threads: Int? = nil) throws -> Engine? {
    var options = EngineOptions()
    options.threads = threads
    func compiled(_ backend: any EngineBackend) throws -> Engine {
      let engine = try backend.compile(try EngineSource(graph), options)
      return Engine(session: try engine.makeSession(), title: "\(backend.title) on the graph as imported")
    }
    let openVINO = OpenVINOBackend(library: library)
    switch self {
    case .reference: return try compiled(ReferenceBackend())
    case .native: return try compiled(NativeBackend())
    case .openvino:
      try openVINO.requireAvailable()
      return try compiled(openVINO)
    case .auto:
      if (graph.operationCount(batch: 1) ?? .infinity) <= Self.interpreterLimit {
        return try compiled(ReferenceBackend())
      }
      if let native = try? NativeBackend().compile(try EngineSource(graph), options),
        (native as? any PlannedEngine)?.isMostlyPlanned ?? false
      {
        return Engine(session: try native.makeSession(), title: "\(NativeBackend().title) on the graph as imported")
      }
      guard case .available = openVINO.availability() else { return nil }
      return try compiled(openVINO)
    }
  }
}
