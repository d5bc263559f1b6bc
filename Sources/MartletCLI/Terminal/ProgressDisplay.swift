import Diagnostics
import Synchronization

/// Shows how far the work is: one bar on a terminal, a line per stage elsewhere.
final class ProgressDisplay: Sendable {
  private struct State {
    var stage = ""
    var isLineOpen = false
  }

  private let title: String
  private let isQuiet: Bool
  private let state = Mutex(State())

  init(title: String, isQuiet: Bool) {
    self.title = title
    self.isQuiet = isQuiet
  }

  var observer: ProgressObserver { { [self] in show($0) } }

  private func show(_ update: ProgressUpdate) {
    guard !isQuiet else { return }
    state.withLock { state in
      if Terminal.isInteractive {
        Terminal.write("\r\u{1B}[K\(title)  \(Self.bar(update))  \(update.stage) \(update.completed)/\(update.total)")
        state.isLineOpen = true
      } else if state.stage != update.stage {
        Terminal.printError("\(title): \(update.stage)")
      }
      state.stage = update.stage
    }
  }

  /// Clears the bar.
  func finish() {
    state.withLock { state in
      if state.isLineOpen { Terminal.write("\r\u{1B}[K") }
      state.isLineOpen = false
    }
  }

  private static func bar(_ update: ProgressUpdate) -> String {
    let width = 30
    let filled = update.total > 0 ? min(width, update.completed * width / update.total) : 0
    return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
  }
}
