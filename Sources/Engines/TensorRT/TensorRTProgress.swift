import CTensorRT
import Diagnostics
import Synchronization

/// The library's progress monitor: turns its nested phases into one growing fraction, and a wish to stop into its
/// cancellation. It must outlive the build.
final class TensorRTProgress: Sendable {
  /// A phase that has begun and not finished.
  private struct Phase {
    let name: String
    let steps: Int
    var completed = 0
    /// The part of the whole that its steps make up.
    let share: Double
    /// What was done before it began.
    let start: Double
  }

  private struct State {
    var phases: [Phase] = []
    var reported = 0
    var wasCancelled = false
  }

  /// The build is told as this many units.
  static let total = 1000

  private let stage: String
  private let observer: ProgressObserver?
  private let state = Mutex(State())
  nonisolated(unsafe) private(set) var monitor: OpaquePointer?

  init(stage: String, observer: ProgressObserver?) {
    self.stage = stage
    self.observer = observer
    var callbacks = trt_progress_callbacks()
    callbacks.context = Unmanaged.passUnretained(self).toOpaque()
    callbacks.phase_start = { context, name, parent, steps in
      TensorRTProgress.of(context)?.begin(name, parent, steps)
    }
    callbacks.step_complete = { context, name, step in TensorRTProgress.of(context)?.complete(name, step) ?? true }
    callbacks.phase_finish = { context, name in TensorRTProgress.of(context)?.finish(name) }
    monitor = trt_progress_monitor_create(callbacks)
  }

  deinit { trt_progress_monitor_delete(monitor) }

  /// Whether the build was told to stop.
  var wasCancelled: Bool { state.withLock { $0.wasCancelled } }

  private static func of(_ context: UnsafeMutableRawPointer?) -> TensorRTProgress? {
    context.map { Unmanaged<TensorRTProgress>.fromOpaque($0).takeUnretainedValue() }
  }

  /// A phase below `parent` fills the parent's step that is under way.
  private func begin(_ name: UnsafePointer<CChar>?, _ parent: UnsafePointer<CChar>?, _ steps: Int32) {
    let name = name.map { String(cString: $0) } ?? ""
    let parent = parent.map { String(cString: $0) }
    state.withLock { state in
      let steps = max(1, Int(steps))
      guard let above = state.phases.last(where: { $0.name == parent }) else {
        state.phases.append(Phase(name: name, steps: steps, share: 1, start: 0))
        return
      }
      let step = above.share / Double(above.steps)
      let start = above.start + step * Double(min(above.completed, above.steps - 1))
      state.phases.append(Phase(name: name, steps: steps, share: step, start: start))
    }
  }

  private func complete(_ name: UnsafePointer<CChar>?, _ step: Int32) -> Bool {
    guard let name = name.map({ String(cString: $0) }) else { return true }
    let isStopping = Cancellation.isRequested
    let units = state.withLock { state in
      if isStopping { state.wasCancelled = true }
      guard let index = state.phases.lastIndex(where: { $0.name == name }) else { return nil as Int? }
      state.phases[index].completed = min(max(0, Int(step)) + 1, state.phases[index].steps)
      let phase = state.phases[index]
      return advance(&state, to: phase.start + phase.share * Double(phase.completed) / Double(phase.steps))
    }
    if let units { observer?(ProgressUpdate(stage: stage, completed: units, total: Self.total)) }
    return !isStopping
  }

  private func finish(_ name: UnsafePointer<CChar>?) {
    guard let name = name.map({ String(cString: $0) }) else { return }
    let units = state.withLock { state in
      guard let index = state.phases.lastIndex(where: { $0.name == name }) else { return nil as Int? }
      let phase = state.phases.remove(at: index)
      return advance(&state, to: phase.start + phase.share)
    }
    if let units { observer?(ProgressUpdate(stage: stage, completed: units, total: Self.total)) }
  }

  /// The new number of units; nil when it didn't grow, so that a bar never goes back, and while a cancelled build
  /// finishes its phases.
  private func advance(_ state: inout State, to fraction: Double) -> Int? {
    let units = min(Self.total, Int(fraction * Double(Self.total)))
    guard units > state.reported, !state.wasCancelled else { return nil }
    state.reported = units
    return units
  }
}
