import Foundation

/// Hands out batches of work to several threads, and lets their holders in again in the batches' order.
///
/// The threads' results are so put together in one order, whichever thread was first.
final class OrderedBatches: @unchecked Sendable {
  // Unchecked: all state is read and written under the condition's lock.
  private let condition = NSCondition()
  private let count: Int
  private var next = 0
  private var turn = 0
  private var failure: (any Error)?

  init(count: Int) { self.count = count }

  /// The next batch; nil when there is none left or a thread has failed.
  func take() -> Int? {
    condition.withLock {
      guard failure == nil, next < count else { return nil }
      defer { next += 1 }
      return next
    }
  }

  /// Waits until all batches before this one have been through `body`, then calls it, alone.
  /// Returns without calling it once a thread has failed.
  func inOrder(_ batch: Int, _ body: () throws -> Void) throws {
    let isReady = condition.withLock {
      while turn != batch && failure == nil { condition.wait() }
      return failure == nil
    }
    guard isReady else { return }
    try body()
    condition.withLock {
      turn += 1
      condition.broadcast()
    }
  }

  /// Stops all threads at their next step. The first failure counts.
  func fail(_ error: any Error) {
    condition.withLock {
      failure = failure ?? error
      condition.broadcast()
    }
  }

  /// - Throws: the first failure.
  func finish() throws {
    if let failure = condition.withLock({ failure }) { throw failure }
  }
}
