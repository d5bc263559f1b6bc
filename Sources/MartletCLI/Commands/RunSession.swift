import ArgumentParser
import Diagnostics
import Files
import Images
import Pipelines

/// One `run`: its scans, what is told of each, and the table at the end.
struct RunSession {
  let scans: [Scan]
  let pipeline: BundlePipeline
  var journal: RunJournal
  let printing: OutputArguments
  var picture: String?
  var references: [String] = []
  var isResuming = false

  private var reports: [Int: RunReport] = [:]
  private var resumed: [Int: RunJournal.Entry] = [:]
  private var failures: [Int: Diagnosis] = [:]

  init(scans: [Scan], pipeline: BundlePipeline, journal: RunJournal, printing: OutputArguments) {
    self.scans = scans
    self.pipeline = pipeline
    self.journal = journal
    self.printing = printing
  }

  /// - Throws: the error of a single scan; what stopped the whole run; `ExitCode` when some of several failed.
  mutating func run() throws {
    if let damage = journal.damage {
      printing.note(
        "note: \(journal.path) can't be read (\(damage)), so no scan counts as done; it is kept as "
          + RunJournal.damagedName)
    }
    let pending = try takeFinished()
    let display = RunDisplay(scans: scans, pending: pending, isQuiet: printing.quiet)
    defer { display.finish() }
    let batch = BatchRun(pipeline, scans: scans, progress: display.observer)
    do {
      try batch.run(pending) { index, outcome in try receive(index, outcome, display) }
    } catch let error as any DiagnosedError {
      display.finish()
      guard scans.count > 1, error.diagnosis.kind != .interrupted, !(error is TerminalError) else {
        // The scans that are done stay known, so that another run can go on from here.
        if !reports.isEmpty || !failures.isEmpty {
          noteRest()
          do {
            try journal.write()
            tellRest()
          } catch let unsaved as any DiagnosedError {
            // Then there is nothing to go on from. What ended the run is told after it.
            Terminal.report(unsaved.diagnosis)
          }
        }
        throw error
      }
      try end()
      return
    }
    display.finish()
    try end()
  }

  // MARK: Scans

  /// The scans that are still to do; the results of the others are there already.
  private mutating func takeFinished() throws -> [Int] {
    guard isResuming else { return Array(scans.indices) }
    var pending: [Int] = []
    for (index, scan) in scans.enumerated() {
      try Cancellation.check()
      // A scan that can't be read fails when its turn comes.
      guard let key = try? journal.key(of: scan), let entry = journal.finished(scan, key: key) else {
        pending.append(index)
        continue
      }
      resumed[index] = entry
      journal.add(resumed: entry)
    }
    if !resumed.isEmpty {
      printing.note("\(resumed.count) of \(scans.count) scans are done already, \(pending.count) to do")
    }
    return pending
  }

  private mutating func receive(_ index: Int, _ outcome: BatchRun.Outcome, _ display: RunDisplay) throws {
    display.finish(index, seconds: (try? outcome.get())?.times ?? [])
    do {
      let result = try outcome.get()
      let report = try report(result)
      reports[index] = report
      // A scan that is gone meanwhile has its result nevertheless; it only can't be known again.
      journal.add(result, key: try? journal.key(of: result.scan), labels: report.labels.map(\.entry))
      if !printing.json { try printing.show(report.text) }
    } catch let error as any DiagnosedError {
      // A scan that the user stopped didn't fail.
      if error is TerminalError || error.diagnosis.kind == .interrupted { throw error }
      if scans.count == 1 { throw LocatedError(error, at: scans[index].path) }
      Terminal.report(error.diagnosis.within(scans[index].path))
      failures[index] = error.diagnosis
      journal.add(scans[index], failure: error.diagnosis)
    }
    // The scan's own result is written. When the journal still can't be written at the end, that is told.
    try? journal.writeNowAndThen()
  }

  private func report(_ result: ScanResult) throws -> RunReport {
    let names = pipeline.labelNames
    let comparisons = try references.map { try RunReport.Comparison(result.result, reference: $0) }
    if let picture {
      let volume = try NIfTIImage(path: result.scan.path).volume()
      try SegmentationPicture(scan: volume, labels: result.result, names: names).write(to: picture)
    }
    return try RunReport(result, names: names, comparisons: comparisons, picture: picture)
  }

  // MARK: The end

  /// The scans that aren't done.
  private var rest: [Int] {
    scans.indices.filter { reports[$0] == nil && resumed[$0] == nil && failures[$0] == nil }
  }

  private mutating func noteRest() {
    for index in rest { journal.add(notDone: scans[index]) }
  }

  private func tellRest() {
    let left = rest.count
    if left > 0 {
      printing.note("\(left) \(left == 1 ? "scan was" : "scans were") not done; --resume goes on with the rest")
    }
    if scans.count > 1 { printing.note("\(reports.count + resumed.count) of \(scans.count) scans done") }
  }

  private mutating func end() throws {
    noteRest()
    let unsaved = Result { try journal.write() }
    let ordered = scans.indices.compactMap { reports[$0] }
    if printing.json {
      try Terminal.printJSON(
        RunSummary(
          results: ordered,
          failures: failures.sorted { $0.key < $1.key }.map { index, diagnosis in
            RunSummary.Failure(
              scan: scans[index].path, error: diagnosis.description, exitCode: diagnosis.kind.exitCode)
          }, resumed: resumed.keys.sorted().map { scans[$0].path }, notDone: rest.map { scans[$0].path },
          summary: journal.path))
    } else if scans.count > 1 {
      try printing.show(table)
    }
    tellRest()
    if let kind = Self.commonKind(failures.values.map(\.kind)) {
      if case .failure(let error as any DiagnosedError) = unsaved { Terminal.report(error.diagnosis) }
      throw ExitCode(kind.exitCode)
    }
    try unsaved.get()
  }

  /// The kind that tells of all failures: the one that they share, or wrong content when there are several.
  private static func commonKind(_ kinds: [Diagnosis.Kind]) -> Diagnosis.Kind? {
    kinds.first.map { first in kinds.allSatisfy { $0 == first } ? first : .data }
  }

  /// A line for each scan.
  private var table: String {
    let names = scans.map { Paths.name(of: $0.path) }
    let width = max(4, names.map(\.count).max() ?? 0)
    var lines = ["scan".padded(width) + "  result".padded(12) + "s".padded(9, toTheRight: true) + "  labels"]
    for (index, name) in names.enumerated() {
      var line = name.padded(width) + "  "
      if let report = reports[index] {
        let found = report.labels.filter { $0.value != 0 }
        let shown = found.prefix(4).map { "\($0.name ?? "\($0.value)") \($0.millilitres.fixed(1)) ml" }
        line += "done".padded(10) + report.seconds.values.reduce(0, +).fixed(2).padded(9, toTheRight: true) + "  "
        line += shown.joined(separator: ", ") + (found.count > 4 ? ", …" : "")
      } else if resumed[index] != nil {
        line += "done before"
      } else if let failure = failures[index] {
        line += "failed".padded(10) + "".padded(9) + "  " + failure.what
      } else {
        line += "not done"
      }
      lines.append(line)
    }
    return lines.joined(separator: "\n")
  }
}

/// All of a `run` for `--json`.
private struct RunSummary: Encodable {
  struct Failure: Encodable {
    var scan: String
    var error: String
    var exitCode: Int32
  }

  var results: [RunReport]
  var failures: [Failure]
  /// Scans whose results an earlier run wrote.
  var resumed: [String]
  /// Scans that the run was stopped before.
  var notDone: [String]
  /// The file that tells the same.
  var summary: String
}

extension RunReport.Label {
  fileprivate var entry: RunJournal.Entry.Label {
    .init(value: value, name: name, voxels: voxels, millilitres: millilitres)
  }
}
