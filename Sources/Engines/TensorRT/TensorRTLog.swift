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

/// The messages of one piece of work with the library: passes them on, and keeps the errors for the diagnosis of what
/// fails.
///
/// As long as any builder or runtime lives, the library may talk to the logger of the first of them, also about the
/// others. So there is one logger for each library, for the life of the process, and a message belongs to the work
/// that the calling thread is ``listening(_:)`` for.
///
/// Without a GPU the library follows each error with a line about the missing CUDA device; that line is dropped.
final class TensorRTLog: Sendable {
  @TaskLocal private static var current: TensorRTLog?
  /// The build under way, which messages from threads of the library's own belong to.
  private static let building = Mutex<TensorRTLog?>(nil)

  private let handler: TensorRTLogHandler?
  private let errors = Mutex<[String]>([])

  init(handler: TensorRTLogHandler?) { self.handler = handler }

  /// A logger that tells each message to the work that it belongs to; nil only when there is no memory.
  static func makeLogger(_ library: OpaquePointer) -> OpaquePointer? {
    trt_logger_create(
      library,
      { _, severity, text in
        guard let text, let log = TensorRTLog.current ?? TensorRTLog.building.withLock({ $0 }) else { return }
        let severity = TensorRTMessage.Severity(rawValue: severity) ?? .verbose
        guard severity <= .error || log.handler != nil else { return }
        log.receive(TensorRTMessage(severity, String(cString: text)))
      }, nil)
  }

  /// Runs `body`, which calls the library; what the library says meanwhile comes here.
  func listening<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Self.$current.withValue(self, operation: body)
  }

  /// As ``listening(_:)``, for a build, which the library may do on several threads.
  func listeningToBuild<Result>(_ body: () throws -> Result) rethrows -> Result {
    Self.building.withLock { $0 = self }
    defer { Self.building.withLock { $0 = nil } }
    return try listening(body)
  }

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
