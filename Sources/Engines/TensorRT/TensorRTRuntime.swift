import CTensorRT

/// The library's runtime, which opens engines. It must outlive them.
package final class TensorRTRuntime: @unchecked Sendable {
  // Unchecked: the runtime is used while an engine is opened only; the log is thread-safe.
  package let library: TensorRTLibrary
  let log: TensorRTLog
  private let runtime: trt_runtime

  package init(library: TensorRTLibrary, log handler: TensorRTLogHandler? = nil) throws {
    self.library = library
    let log = TensorRTLog(handler: handler)
    self.log = log
    runtime = log.listening { trt_runtime_create(library.handle, library.logger) }
    guard runtime.object != nil else {
      throw EngineError.runFailed(backend: library.title, reason: log.takeErrors().first ?? "it makes no runtime")
    }
  }

  deinit { log.listening { trt_runtime_delete(runtime) } }

  /// - Throws: ``TensorRTError/engineRefused(library:reason:)``.
  func deserialize(_ bytes: UnsafeRawBufferPointer) throws -> trt_engine {
    _ = log.takeErrors()
    let engine = log.listening { trt_runtime_deserialize(runtime, bytes.baseAddress, bytes.count) }
    guard engine.object != nil else {
      let reason = log.takeErrors().first ?? "it gave no reason"
      throw TensorRTError.engineRefused(library: library.title, reason: reason)
    }
    return engine
  }

  /// What the library says about an engine's header, on any machine.
  package enum Verdict: Sendable, Hashable {
    /// Runs here.
    case valid
    /// Runs here, but one built here would be faster.
    case suboptimal
    /// Well-formed, and there is no usable GPU here to say more.
    case noGPU
    /// Can't run here.
    case invalid(reasons: [String])
    /// The header isn't one of this library's.
    case malformed
    /// This library can't tell without opening the engine.
    case unknown
  }

  /// Judges a serialised engine by its header.
  package func verdict(on bytes: UnsafeRawBufferPointer) -> Verdict {
    guard trt_runtime_judges_engines(runtime) else { return .unknown }
    // Each check of an engine logs an error where there is no GPU; the verdict tells it already.
    defer { _ = log.takeErrors() }
    var diagnostics: UInt64 = 0
    let validity = log.listening {
      trt_runtime_validity(runtime, bytes.baseAddress, Int64(bytes.count), &diagnostics)
    }
    switch validity {
    case 0: return .valid
    case 1: return .suboptimal
    default: break
    }
    if diagnostics & 0x20 != 0 { return .malformed }
    return diagnostics == 0 ? .noGPU : .invalid(reasons: Self.reasons.filter { diagnostics & $0.0 != 0 }.map(\.1))
  }

  private static let reasons: [(UInt64, String)] = [
    (0x01, "it was built by another version of the library"),
    (0x02, "it wasn't built for this GPU's compute capability"),
    (0x04, "the NVIDIA driver is too old"), (0x08, "the CUDA runtime is too old"),
    (0x10, "the GPU has too little memory"),
    (0x40, "CUDA failed"),
  ]
}
