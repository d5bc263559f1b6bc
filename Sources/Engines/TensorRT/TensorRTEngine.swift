import Foundation
import CTensorRT
import Tensors

/// One input or output of an engine.
package struct TensorRTTensor: Sendable, Hashable {
  package var specification: TensorSpecification
  package var isInput: Bool
  /// For inputs, the shapes that each profile takes.
  package var ranges: [TensorRTShapeRange]
}

/// An engine opened on a GPU.
package final class TensorRTEngine: CompiledEngine {
  package let library: TensorRTLibrary
  /// All inputs and outputs, in the engine's order.
  package let tensors: [TensorRTTensor]
  package let inputs: [TensorSpecification]
  package let outputs: [TensorSpecification]
  package let layerCount: Int
  package let profileCount: Int
  /// GPU memory that each session needs besides its inputs and outputs, in bytes.
  package let deviceMemory: Int
  private let name: String
  let driver: CUDADriver
  let ordinal: Int
  /// Contexts are made under this lock: the library lets only one thread make them.
  private let opened: OpenedEngine

  /// Opens a serialised engine on the GPU `cuda:ordinal`.
  /// - Throws: ``TensorRTError/engineRefused(library:reason:)`` when the bytes are no engine of this library, or not one
  ///   for this GPU; ``CUDAError``.
  package init(
    _ bytes: UnsafeRawBufferPointer, library: TensorRTLibrary, driver: CUDADriver, ordinal: Int,
    log: TensorRTLogHandler? = nil
  ) throws {
    let opened = try OpenedEngine(
      bytes, TensorRTRuntime(library: library, log: log), CUDAStream(driver: driver, ordinal: ordinal))
    let engine = opened.engine
    self.library = library
    self.driver = driver
    self.ordinal = ordinal
    self.opened = opened
    layerCount = Int(trt_engine_layer_count(engine))
    profileCount = Int(trt_engine_profile_count(engine))
    deviceMemory = Int(trt_engine_device_memory(engine))
    name = trt_engine_name(engine).map { String(cString: $0) } ?? ""
    let profiles = Int32(clamping: max(0, profileCount))
    tensors = try (0..<max(0, trt_engine_tensor_count(engine))).map {
      try opened.tensor(at: $0, profileCount: profiles)
    }
    inputs = tensors.filter(\.isInput).map(\.specification)
    outputs = tensors.filter { !$0.isInput }.map(\.specification)
  }

  package var settings: [EngineSetting] {
    [
      EngineSetting("library", library.title), EngineSetting("device", "\(Device.cuda(ordinal))"),
      EngineSetting("layers", "\(layerCount)"), EngineSetting("device memory", "\(deviceMemory) bytes"),
    ]
  }

  package func makeSession() throws -> sending any Session { try TensorRTSession(self) }

  /// A new execution context; the caller deletes it before this engine goes.
  func makeContext() throws -> trt_context { try opened.makeContext() }

  /// What the library says about this engine and its contexts.
  var log: TensorRTLog { opened.log }

  /// The engine's layers as JSON, as far as it was built to tell.
  package func layerInformation() -> String? { opened.layerInformation() }
}

/// The library's engine with its runtime and its GPU, deleted in the right order.
private final class OpenedEngine: @unchecked Sendable {
  // Unchecked: the engine's getters may be called from any thread; what changes it is under the lock.
  let engine: trt_engine
  private let runtime: TensorRTRuntime
  private let stream: CUDAStream
  private let lock = NSLock()

  var log: TensorRTLog { runtime.log }

  init(_ bytes: UnsafeRawBufferPointer, _ runtime: TensorRTRuntime, _ stream: CUDAStream) throws {
    self.runtime = runtime
    self.stream = stream
    engine = try runtime.deserialize(bytes)
  }

  deinit {
    try? stream.activate()
    runtime.log.listening { trt_engine_delete(engine) }
  }

  func makeContext() throws -> trt_context {
    lock.lock()
    defer { lock.unlock() }
    let context = runtime.log.listening { trt_engine_create_context(engine) }
    guard context.object != nil else {
      throw EngineError.runFailed(
        backend: runtime.library.title, reason: runtime.log.takeErrors().first ?? "it makes no execution context")
    }
    return context
  }

  func layerInformation() -> String? {
    lock.lock()
    defer { lock.unlock() }
    try? stream.activate()
    let inspector = trt_engine_create_inspector(engine)
    guard inspector.object != nil else { return nil }
    defer { trt_inspector_delete(inspector) }
    return trt_inspector_information(inspector).map { String(cString: $0) }
  }

  /// - Throws: ``TensorRTError/unsupportedTensor(name:what:)``.
  func tensor(at index: Int32, profileCount: Int32) throws -> TensorRTTensor {
    guard let text = trt_engine_tensor_name(engine, index) else {
      throw TensorRTError.unsupportedTensor(name: "number \(index)", what: "has no name")
    }
    let name = String(cString: text)
    func refuse(_ what: String) -> TensorRTError { .unsupportedTensor(name: name, what: what) }
    guard trt_engine_tensor_location(engine, name) == 0 else { throw refuse("is in host memory") }
    guard trt_engine_tensor_format(engine, name) == 0 else { throw refuse("has interleaved channels") }
    guard let elementType = ElementType(tensorRT: trt_engine_tensor_type(engine, name)) else {
      throw refuse("is of a type that Martlet doesn't have")
    }
    guard let dimensions = trt_engine_tensor_dimensions(engine, name).dimensions else { throw refuse("has no shape") }
    let isInput = trt_engine_tensor_mode(engine, name) == 1
    let ranges = try isInput ? (0..<profileCount).map { try range(of: name, profile: $0, refuse) } : []
    return TensorRTTensor(
      specification: TensorSpecification(name: name, elementType: elementType, dimensions: dimensions),
      isInput: isInput, ranges: ranges)
  }

  private func range(of name: String, profile: Int32, _ refuse: (String) -> TensorRTError) throws -> TensorRTShapeRange
  {
    func shape(_ selector: Int32) throws -> Shape {
      guard let shape = trt_engine_profile_dimensions(engine, name, profile, selector).shape else {
        throw refuse("has no shapes in profile \(profile)")
      }
      return shape
    }
    return try TensorRTShapeRange(minimum: shape(0), optimum: shape(1), maximum: shape(2))
  }
}
