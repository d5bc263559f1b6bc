import Diagnostics
import Files
import Foundation
import Pipelines
import Synchronization

/// Shows how far a run is: one bar for the whole of it on a terminal, with the stage and the time that is left; lines
/// elsewhere.
final class RunDisplay: Sendable {
  private struct State {
    var progress: RunProgress
    /// What was last told of each scan, on other outputs than terminals.
    var stages: [Int: String] = [:]
    var lastLine = 0.0
    var isLineOpen = false
  }

  /// Seconds between two lines about the same stage.
  private static let interval = 30.0

  private let titles: [String]
  /// The place of a scan among those to do.
  private let places: [Int: Int]
  private let isQuiet: Bool
  private let isInteractive: Bool
  private let state: Mutex<State>

  init(scans: [Scan], pending: [Int], isQuiet: Bool, isInteractive: Bool = Terminal.isInteractive) {
    titles = scans.map { Paths.name(of: $0.path) }
    places = Dictionary(uniqueKeysWithValues: pending.enumerated().map { ($1, $0) })
    self.isQuiet = isQuiet
    self.isInteractive = isInteractive
    state = Mutex(State(progress: RunProgress(scans: pending.count, now: Self.now)))
  }

  private static var now: Double { ProcessInfo.processInfo.systemUptime }

  var observer: BatchRun.Observer? {
    if isQuiet { return nil }
    return { [self] scan, update in show(scan, update) }
  }

  private func show(_ scan: Int, _ update: ProgressUpdate) {
    state.withLock { state in
      let now = Self.now
      let current = state.progress.update(scan, update, now: now)
      if isInteractive {
        Terminal.write("\r\u{1B}[K" + Self.fitted(bar(current), Terminal.columns - 1))
        state.isLineOpen = true
      } else if state.stages[scan] != update.stage || now - state.lastLine >= Self.interval {
        state.stages[scan] = update.stage
        state.lastLine = now
        Terminal.printError(line(current))
      }
    }
  }

  /// Takes a scan as done; the bar makes place for what is told of it.
  func finish(_ scan: Int, seconds: [(stage: String, seconds: Double)]) {
    state.withLock { $0.progress.finish(scan, seconds: seconds) }
    finish()
  }

  /// Clears the bar.
  func finish() {
    state.withLock { state in
      if state.isLineOpen { Terminal.write("\r\u{1B}[K") }
      state.isLineOpen = false
    }
  }

  // MARK: Text

  private func name(_ scan: Int) -> String {
    places.count > 1 ? "\(titles[scan]) (\((places[scan] ?? 0) + 1)/\(places.count))" : titles[scan]
  }

  private func bar(_ state: RunProgress.State) -> String {
    let width = 24
    let filled = Int(state.fraction * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    let left = state.remaining.map { "  \(Self.duration($0)) left" } ?? ""
    let update = state.update
    let stage = "\(update.stage) \(update.completed)/\(update.total)"
    return "\(bar) \(Self.percent(state.fraction))\(left)  \(stage)  \(name(state.scan))"
  }

  private func line(_ state: RunProgress.State) -> String {
    let left = state.remaining.map { ", \(Self.duration($0)) left" } ?? ""
    return "\(name(state.scan)): \(state.update.stage) (\(Self.percent(state.fraction))\(left))"
  }

  private static func percent(_ fraction: Double) -> String { "\(Int(fraction * 100)) %" }

  /// `12 s`, `3:05`, `1:02:07`.
  private static func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 999 * 3600).rounded(.up))
    if whole < 60 { return "\(whole) s" }
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }

  /// Cut so that it stays on one line.
  private static func fitted(_ text: String, _ columns: Int) -> String {
    text.count > columns ? String(text.prefix(max(columns - 1, 0))) + "…" : text
  }
}
