package import Tensors

/// A way to run networks: a library or an engine of Martlet's own. One folder or file of this target each.
package protocol EngineBackend: Sendable {
  /// As `--runtime` calls it: `openvino`.
  var name: String { get }
  /// As a person would write it: `OpenVINO`.
  var title: String { get }
  /// The kinds of device that it compiles for.
  var deviceKinds: [Device.Kind] { get }
  /// Whether it can be used on this machine.
  func availability() -> EngineAvailability
  /// Makes an engine of a network.
  /// - Throws: ``DeviceError`` for a device that it doesn't take; ``EngineError`` when its library is missing or
  ///   refuses the network.
  func compile(_ source: EngineSource, _ options: EngineOptions) throws -> any CompiledEngine
}

extension EngineBackend {
  /// - Throws: ``DeviceError/wrongKind(asked:backend:takes:)`` for a kind of device that isn't among ``deviceKinds``.
  package func requireDevice(_ device: Device) throws {
    guard deviceKinds.contains(device.kind) else {
      throw DeviceError.wrongKind(asked: device, backend: title, takes: deviceKinds)
    }
  }
}

extension EngineBackend {
  /// - Throws: ``EngineError/unavailable(backend:reason:remedy:)`` when the backend can't be used on this machine.
  package func requireAvailable() throws {
    if case .missing(let reason, let remedy) = availability() {
      throw EngineError.unavailable(backend: title, reason: reason, remedy: remedy)
    }
  }
}

/// Whether a backend can be used here.
package enum EngineAvailability: Sendable, Equatable {
  /// - Parameters:
  ///   - location: The library's file; nil for an engine of Martlet's own.
  ///   - devices: What it can run on here, in its own words.
  case available(version: String, location: String?, devices: [String])
  case missing(reason: String, remedy: String)
}

/// The type that an engine computes in; a backend refuses what it can't do.
package enum EnginePrecision: String, Sendable, Hashable, CaseIterable {
  case float32
}

/// How an engine is made and run.
package struct EngineOptions: Sendable, Hashable {
  package var device: Device = .cpu
  package var precision: EnginePrecision = .float32
  /// Threads of all sessions together; nil for all cores that the process may use.
  package var threads: Int?
  /// How many sessions are going to run at the same time. 1 gives one run all threads (lowest latency and memory);
  /// N divides the threads among N runs.
  package var parallelSessions = 1
  /// The batch that ``EngineBackend/compile(_:_:)`` prepares at once. Others are prepared when a run first asks.
  package var batch = 1
  /// Bytes that Martlet's own engine may take for transformed weights, working memory and outputs; nil for no limit.
  /// Where Winograd's convolutions don't fit, direct ones are taken; what doesn't fit either way is refused.
  package var memoryLimit: Int?
  /// A folder where a backend may keep compiled networks between processes; nil for none.
  package var cacheFolder: String?
  /// Whether sessions are to tell the time of each layer (``Session/layerTimes()``); a run is a little slower then.
  package var timesLayers = false

  package init() {}

  /// The cores that this process may use: the threads when ``threads`` is nil.
  package static var usableCores: Int { Parallel.coreCount }
}

/// A network made ready for one device. Its sessions share the weights.
package protocol CompiledEngine: Sendable {
  var inputs: [TensorSpecification] { get }
  var outputs: [TensorSpecification] { get }
  /// The library, its version, the device and the settings in use, for people to read.
  var settings: [EngineSetting] { get }
  /// Bytes that a session needs beside its inputs and outputs, which have these shapes; nil when the engine doesn't tell.
  func workingMemory(_ inputs: [Shape]) throws -> Int?
  /// A new session, which may be handed to another task once; each task that runs the network at the same time needs its
  /// own.
  func makeSession() throws -> sending any Session
}

extension CompiledEngine {
  package func workingMemory(_ inputs: [Shape]) throws -> Int? { nil }
}

/// One setting that an engine was made with.
package struct EngineSetting: Sendable, Hashable, Codable {
  package var name: String
  package var value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// Runs of one network, one after the other.
///
/// A session belongs to one task at a time, which is why it isn't `Sendable`: the compiler refuses to share it. Where that is
/// worked around, a second run that begins before the first ended throws ``EngineError/sessionInUse(backend:)``. Sessions of
/// one engine, which is `Sendable`, may run side by side.
package protocol Session: AnyObject {
  var inputs: [TensorSpecification] { get }
  var outputs: [TensorSpecification] { get }
  /// Runs the network into tensors that the caller brings. Those whose type and shape fit are written in place,
  /// the others are replaced, so an empty array is filled. Contiguous inputs are read where they lie.
  /// - Parameter inputs: One tensor for each of ``inputs``, in their order.
  /// - Throws: ``EngineError`` when an input doesn't fit or the run fails; the outputs' contents are then undefined.
  func run(_ inputs: [Tensor], into outputs: inout [Tensor]) throws
  /// The layers of the last run, in their order, when the engine was made with ``EngineOptions/timesLayers``; none for
  /// an engine that doesn't tell.
  func layerTimes() throws -> [LayerTime]
}

/// The time that one layer took. Engines make one layer of several nodes, and add some of their own.
package struct LayerTime: Sendable, Hashable {
  package var name: String
  /// As the engine calls the operation: `Convolution`.
  package var kind: String
  package var seconds: Double

  package init(name: String, kind: String, seconds: Double) {
    self.name = name
    self.kind = kind
    self.seconds = seconds
  }
}

extension Session {
  package func layerTimes() throws -> [LayerTime] { [] }

  /// Runs the network; the outputs are new tensors, in the order of ``outputs``.
  package func run(_ inputs: [Tensor]) throws -> [Tensor] {
    var outputs: [Tensor] = []
    try run(inputs, into: &outputs)
    return outputs
  }

  /// Checks count, element type and shape of the inputs of one run.
  /// - Throws: ``EngineError/wrongInputCount(expected:found:)``, ``EngineError/wrongInput(expected:elementType:shape:)``.
  package func check(_ tensors: [Tensor]) throws {
    guard tensors.count == inputs.count else {
      throw EngineError.wrongInputCount(expected: inputs.map(\.name), found: tensors.count)
    }
    for (tensor, specification) in zip(tensors, inputs) {
      guard tensor.elementType == specification.elementType, specification.accepts(tensor.shape) else {
        throw EngineError.wrongInput(expected: specification, elementType: tensor.elementType, shape: tensor.shape)
      }
    }
  }
}
