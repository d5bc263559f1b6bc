import Diagnostics
import Pipelines
import Testing

/// One bar over a whole run.
@Suite struct RunProgressTests {
  private func update(_ stage: String, _ completed: Int, _ total: Int) -> ProgressUpdate {
    ProgressUpdate(stage: stage, completed: completed, total: total)
  }

  @Test func theBarNeverGoesBackAndEndsFull() {
    var progress = RunProgress(scans: 2, now: 0)
    var last = 0.0
    var now = 0.0
    for scan in 0..<2 {
      for stage in ["preprocessing", "inference", "postprocessing"] {
        for step in 0...4 {
          now += 1
          let state = progress.update(scan, update(stage, step, 4), now: now)
          #expect(state.fraction >= last && state.fraction <= 1)
          last = state.fraction
        }
      }
      #expect(last <= Double(scan + 1) / 2 + 1e-12)
      progress.finish(scan, seconds: [("preprocessing", 1), ("inference", 1), ("postprocessing", 98)])
    }
    #expect(last == 1)
  }

  /// After the first scan, stages count as much as they took.
  @Test func theTimeThatIsLeftFollowsTheScansThatAreDone() throws {
    var progress = RunProgress(scans: 4, now: 100)
    #expect(progress.update(0, update("preprocessing", 0, 3), now: 100).remaining == nil)
    progress.finish(0, seconds: [("preprocessing", 1), ("inference", 8), ("postprocessing", 1)])
    let state = progress.update(1, update("inference", 1, 2), now: 115)
    #expect(abs(state.fraction - 1.5 / 4) < 1e-9)
    #expect(abs(try #require(state.remaining) - 25) < 1e-9)
  }

  /// Scans that fail at once say nothing about how long the others take.
  @Test func scansThatFailDoNotShortenTheRest() throws {
    var progress = RunProgress(scans: 10, now: 0)
    for scan in 0..<8 { progress.finish(scan, seconds: []) }
    let state = progress.update(8, update("inference", 1, 1), now: 87)
    #expect(abs(state.fraction - 8.87 / 10) < 1e-9)
    #expect(abs(try #require(state.remaining) - 113) < 1e-9)
  }

  @Test func scansOverlap() {
    var progress = RunProgress(scans: 2, now: 0)
    _ = progress.update(0, update("postprocessing", 0, 2), now: 1)
    let both = progress.update(1, update("preprocessing", 2, 2), now: 2)
    #expect(abs(both.fraction - (0.87 + 0.12) / 2) < 1e-9)
    progress.finish(0, seconds: [])
    #expect(progress.update(1, update("preprocessing", 2, 2), now: 3).fraction >= both.fraction)
  }
}
