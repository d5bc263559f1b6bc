import CTensorRT
import Synchronization

/// One message of the library.
package struct TensorRTMessage: Sendable, Hashable {
  package enum Severity: Int32, Sendable, Hashable, Comparable {
    case internalError, error, warning, information, verbose

    package static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }
  }

  package var severity: Severity
  package var text: String

  package init(_ severity: Severity, _ text: String) {
    self.severity = severity
    self.text = text
  }
}

/// Receives the library's messages; called from any thread.
package typealias TensorRTLogHandler = @Sendable (TensorRTMessage) -> Void

/// The library's logger: passes messages on, and keeps the errors for the diagnosis of what fails.
///
/// Without a GPU the library follows each error with a line about the missing CUDA device; that line is dropped.
/// It must outlive every object that was made with it.
final class TensorRTLog: Sendable {
  private let handler: TensorRTLogHandler?
  private let errors = Mutex<[String]>([])
  /// nil only when there is no memory.
  nonisolated(unsafe) private(set) var logger: OpaquePointer?

  init(library: TensorRTLibrary, handler: TensorRTLogHandler?) {
    self.handler = handler
    logger = trt_logger_create(
      library.handle,
      { context, severity, text in
        guard let context, let text else { return }
        let log = Unmanaged<TensorRTLog>.fromOpaque(context).takeUnretainedValue()
        log.receive(TensorRTMessage(.init(rawValue: severity) ?? .verbose, String(cString: text)))
      }, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { trt_logger_delete(logger) }

  /// Takes one message, from the library or from its error recorder.
  func receive(_ message: TensorRTMessage) {
    if message.severity <= .error {
      let isEcho = errors.withLock { errors in
        if !errors.isEmpty && Self.isMissingDeviceEcho(message.text) { return true }
        // What fails is told by its first errors; a run-away library must not fill the memory.
        if errors.count < 64 { errors.append(message.text) }
        return false
      }
      if isEcho { return }
    }
    handler?(message)
  }

  private static func isMissingDeviceEcho(_ text: String) -> Bool {
    text.contains("catchCudaError") && text.contains("cudaError 35")
  }

  /// The errors since the last call, oldest first.
  func takeErrors() -> [String] {
    errors.withLock { errors in
      defer { errors = [] }
      return errors
    }
  }

  /// Passes on what an error recorder collected, and empties it.
  func drain(_ recorder: OpaquePointer) {
    for index in 0..<trt_error_recorder_count(recorder) {
      guard let text = trt_error_recorder_description(recorder, index) else { continue }
      receive(TensorRTMessage(.error, String(cString: text)))
    }
    trt_error_recorder_clear(recorder)
  }
}
