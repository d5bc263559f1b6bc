import Foundation
import Synchronization

/// Work on a thread of its own, so that a wish to stop is heard at once, whatever a library or a long loop is at.
package enum InterruptibleWork {
  /// Runs `body` on a thread of its own and waits for it. ``Cancellation`` is heard there too.
  /// - Parameter abandoned: Called when the work is left to itself, to clean up after it.
  /// - Throws: What `body` throws. ``InterruptedError`` when a stop was requested and the work didn't end within half a
  ///   second; it then goes on to its next check by itself, and its result is dropped.
  package static func run<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result, abandoned: () -> Void = {}
  ) throws -> Result {
    let waiter = Cancellation.Waiter()
    let work = Work(body, waiter)
    let thread = Thread { work.perform() }
    // Libraries recurse over large graphs; the main thread has as much.
    thread.stackSize = 8 << 20
    thread.start()
    while !work.isDone(within: .milliseconds(20)) {
      guard Cancellation.isRequested else { continue }
      waiter.isGone.store(true, ordering: .relaxed)
      if work.isDone(within: .milliseconds(500)) { break }
      abandoned()
      throw InterruptedError()
    }
    return try work.result()
  }

  private final class Work<Result: Sendable>: Sendable {
    private let body: @Sendable () throws -> Result
    private let waiter: Cancellation.Waiter
    private let outcome = Mutex<Swift.Result<Result, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () throws -> Result, _ waiter: Cancellation.Waiter) {
      self.body = body
      self.waiter = waiter
    }

    func perform() {
      let found = Swift.Result { try Cancellation.$waiter.withValue(waiter, operation: body) }
      outcome.withLock { $0 = found }
      done.signal()
    }

    /// True once, when the work is done.
    func isDone(within time: DispatchTimeInterval) -> Bool { done.wait(timeout: .now() + time) == .success }

    func result() throws -> Result {
      guard let outcome = outcome.withLock({ $0 }) else { throw DefectError("work ended without a result") }
      return try outcome.get()
    }
  }
}
