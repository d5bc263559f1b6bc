import Diagnostics
import Foundation
import Synchronization
import Testing

@Suite struct InterruptibleWorkTests {
  private struct Broken: Error {}

  /// What the work and the one who waits for it told each other.
  private final class Signs: Sendable {
    private let state = Mutex((isAbandoned: false, heardTheStop: false, goesOn: true))
    var isAbandoned: Bool {
      get { state.withLock(\.isAbandoned) }
      set { state.withLock { $0.isAbandoned = newValue } }
    }
    var heardTheStop: Bool {
      get { state.withLock(\.heardTheStop) }
      set { state.withLock { $0.heardTheStop = newValue } }
    }
    var goesOn: Bool {
      get { state.withLock(\.goesOn) }
      set { state.withLock { $0.goesOn = newValue } }
    }
  }

  @Test func givesBackWhatTheWorkMadeOrThrew() throws {
    #expect(try InterruptibleWork.run { 6 * 7 } == 42)
    #expect(throws: Broken.self) { try InterruptibleWork.run { throw Broken() } }
  }

  @Test func theWorkHearsThatItsWaitersTaskIsCancelled() async throws {
    let signs = Signs()
    await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      #expect(throws: InterruptedError.self) {
        try InterruptibleWork.run(
          {
            while !Cancellation.isRequested { usleep(1000) }
            signs.heardTheStop = true
            try Cancellation.check()
          }, abandoned: { signs.isAbandoned = true })
      }
    }.value
    #expect(signs.heardTheStop && !signs.isAbandoned)
  }

  @Test func workThatHearsNothingIsAbandonedWithinASecond() async throws {
    let signs = Signs()
    await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      let start = ContinuousClock.now
      #expect(throws: InterruptedError.self) {
        try InterruptibleWork.run(
          { while signs.goesOn { usleep(1000) } },
          abandoned: { signs.isAbandoned = true })
      }
      #expect(ContinuousClock.now - start < .seconds(5))
    }.value
    #expect(signs.isAbandoned)
    signs.goesOn = false
  }

  @Test func theNextWorkKnowsNothingOfAnEarlierStop() async throws {
    await Task {
      withUnsafeCurrentTask { $0?.cancel() }
      #expect(throws: InterruptedError.self) {
        try InterruptibleWork.run {
          while !Cancellation.isRequested { usleep(1000) }
          try Cancellation.check()
        }
      }
    }.value
    #expect(try !InterruptibleWork.run { Cancellation.isRequested })
  }
}
