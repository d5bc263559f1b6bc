package import Diagnostics

/// How far a run over many scans is: the part that is done, and how long the rest will take.
///
/// The stages count as much as they took for the scans before; until one is finished, as they usually do.
package struct RunProgress: Sendable {
  /// What is shown of the run at some moment.
  package struct State: Sendable, Equatable {
    /// The scan of the last update, from 0, and its stage.
    package var scan: Int
    package var update: ProgressUpdate
    /// From 0 to 1; it never goes back.
    package var fraction: Double
    /// Seconds; nil while it can't be told.
    package var remaining: Double?
  }

  /// The stages in their order, with the part of the time that they usually take.
  private static let usual: [(stage: String, cost: Double)] = [
    ("preprocessing", 0.12), ("inference", 0.75), ("postprocessing", 0.13),
  ]
  /// Less than this says nothing about the rest.
  private static let smallestFraction = 0.02
  private static let shortestTime = 2.0

  private let scans: Int
  private let begin: Double
  private var costs = Self.usual.map(\.cost)
  private var measured: [[Double]] = []
  /// Per scan that is being worked on, the part of each stage that is done.
  private var underway: [Int: [Double]] = [:]
  private var finished = 0
  /// What was done of the finished ones, in scans: all of those that succeeded, the stages before the failure of the others.
  private var worked = 0.0
  private var fraction = 0.0

  /// - Parameters:
  ///   - scans: How many there are to do.
  ///   - now: The current time in seconds, of any clock.
  package init(scans: Int, now: Double) {
    self.scans = scans
    begin = now
  }

  /// Takes an update of a scan's stage into account.
  package mutating func update(_ scan: Int, _ update: ProgressUpdate, now: Double) -> State {
    if let stage = Self.usual.firstIndex(where: { $0.stage == update.stage }) {
      var parts = underway[scan] ?? Self.usual.map { _ in 0 }
      // A stage that has begun means that those before are done.
      for earlier in 0..<stage { parts[earlier] = 1 }
      parts[stage] = update.total > 0 ? min(1, Double(update.completed) / Double(update.total)) : 0
      underway[scan] = parts
    }
    return state(scan, update, now)
  }

  /// A scan is done, or has failed.
  /// - Parameter seconds: By stage; empty for one that failed.
  package mutating func finish(_ scan: Int, seconds: [(stage: String, seconds: Double)]) {
    let parts = underway.removeValue(forKey: scan)
    finished += 1
    guard !seconds.isEmpty else {
      worked += parts.map(share) ?? 0
      return
    }
    worked += 1
    measured.append(
      Self.usual.map { usual in seconds.filter { $0.stage == usual.stage }.reduce(0) { $0 + $1.seconds } })
    costs = Self.usual.indices.map { stage in measured.reduce(0) { $0 + $1[stage] } }
  }

  /// The part of a scan's time that its stages have taken.
  private func share(_ parts: [Double]) -> Double {
    let whole = costs.reduce(0, +)
    return whole > 0 ? zip(parts, costs).reduce(0) { $0 + $1.0 * $1.1 } / whole : 0
  }

  private mutating func state(_ scan: Int, _ update: ProgressUpdate, _ now: Double) -> State {
    let scans = Double(max(scans, 1))
    let current = underway.values.reduce(0) { $0 + share($1) }
    fraction = min(1, max(fraction, (Double(finished) + current) / scans))
    // Scans that fail at once say nothing about how long the others take.
    let done = worked + current
    let elapsed = now - begin
    let isTelling = done / scans >= Self.smallestFraction && elapsed >= Self.shortestTime
    return State(
      scan: scan, update: update, fraction: fraction,
      remaining: isTelling ? elapsed * (1 - fraction) * scans / done : nil)
  }
}
