import Dispatch
import Foundation

/// Work spread over the machine's cores.
package enum Parallel {
  /// Cores that the process may use.
  package static let coreCount = max(1, ProcessInfo.processInfo.activeProcessorCount)

  /// Calls `body` with ranges that cover `0..<count`, each of at least `grain` indices, on all cores at once.
  /// Returns when all are done. The body must not touch what another range writes.
  package static func forEach(_ count: Int, grain: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
    guard count > 0 else { return }
    let pieces = min(max(1, count / max(grain, 1)), coreCount * 4)
    if pieces == 1 || coreCount == 1 {
      body(0..<count)
      return
    }
    DispatchQueue.concurrentPerform(iterations: pieces) { piece in
      body(count * piece / pieces..<count * (piece + 1) / pieces)
    }
  }
}

/// A pointer that parallel pieces share; the caller proves that they write apart.
package struct Shared<Pointer>: @unchecked Sendable {
  package let value: Pointer
  package init(_ value: Pointer) { self.value = value }
}
