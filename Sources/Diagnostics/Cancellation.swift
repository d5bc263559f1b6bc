import Synchronization

/// The wish to stop: long work asks for it between steps, the command line sets it on Ctrl-C.
package enum Cancellation {
  private static let requested = Atomic<Bool>(false)

  /// The wish to stop of whoever waits for the work of this thread.
  @TaskLocal static var waiter: Waiter?

  /// Waits for work on another thread.
  final class Waiter: Sendable {
    let isGone = Atomic<Bool>(false)
  }

  /// Asks all work of this process to stop at its next check. Async-signal-safe.
  package static func request() { requested.store(true, ordering: .relaxed) }

  /// Forgets an earlier request.
  package static func reset() { requested.store(false, ordering: .relaxed) }

  /// Whether the process was asked to stop, the current task was cancelled, or nobody waits for this work any more.
  package static var isRequested: Bool {
    requested.load(ordering: .relaxed) || withUnsafeCurrentTask { $0?.isCancelled ?? false }
      || (waiter?.isGone.load(ordering: .relaxed) ?? false)
  }

  /// - Throws: ``InterruptedError`` once a stop was requested.
  package static func check() throws {
    if isRequested { throw InterruptedError() }
  }
}

/// The work was stopped by its user; nothing half-written is left.
package struct InterruptedError: DiagnosedError {
  package init() {}

  package var diagnosis: Diagnosis { Diagnosis(.interrupted, "interrupted; no output was left half-written") }
}
