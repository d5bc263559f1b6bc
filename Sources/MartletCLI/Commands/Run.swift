import ArgumentParser
import Bundles
import Diagnostics
import Engines
import Files
import Images
import Pipelines

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Takes scans to segmentations with a bundle's own pre- and post-processing.",
    discussion: """
      Example:
        martlet run Examples/brain-tissue --input 'scans/*.nii.gz' --output results --picture brain.png

      A scan that fails is reported and skipped; the exit code then tells of it.
      """)

  @Argument(help: "The folder of a bundle or an engine package.")
  var model: String

  @Option(name: .shortAndLong, parsing: .upToNextOption, help: "Scans: files, folders or quoted patterns.")
  var input: [String]

  @Option(name: .shortAndLong, help: "The folder for the results.")
  var output: String

  @Option(help: "Draws the result over the scan (of the last scan, when there are several).")
  var picture: String?

  @Option(help: "A label map to compare the result with: agreement, and Dice for each label. May be repeated.")
  var reference: [String] = []

  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    try OptionError.requireFolder(output)
    let scans = try ScanList.expand(input)
    try ScanList.requireDifferentNames(scans)
    try requireReferencesAndPicture()
    let pipeline = try pipeline()
    var reports: [RunReport] = []
    var failures: [(scan: String, diagnosis: Diagnosis)] = []
    for scan in scans {
      do {
        reports.append(try segment(scan, pipeline))
        if !printing.json { try printing.show(reports[reports.count - 1].text) }
      } catch let error as any DiagnosedError {
        let diagnosis = error.diagnosis
        if diagnosis.kind == .interrupted || error is TerminalError || scans.count == 1 { throw error }
        Terminal.report(diagnosis.within(scan))
        failures.append((scan, diagnosis))
      }
    }
    if printing.json {
      let failed = failures.map { RunSummary.Failure(scan: $0.scan, error: $0.diagnosis.description) }
      try Terminal.printJSON(RunSummary(results: reports, failures: failed))
    }
    if scans.count > 1 { printing.note("\(reports.count) of \(scans.count) scans done") }
    if let kind = Self.commonKind(failures.map(\.diagnosis.kind)) { throw ExitCode(kind.exitCode) }
  }

  /// The kind that tells of all failures: the one that they share, or wrong content when there are several.
  private static func commonKind(_ kinds: [Diagnosis.Kind]) -> Diagnosis.Kind? {
    kinds.first.map { first in kinds.allSatisfy { $0 == first } ? first : .data }
  }

  /// What can't be opened or created is said before the work, not after it.
  private func requireReferencesAndPicture() throws {
    for path in reference { _ = try MappedFile(path: path) }
    if let picture { try Folders.create(Paths.parent(of: picture)) }
  }

  private func pipeline() throws -> BundlePipeline {
    let opened = try Model(path: model)
    switch opened {
    case .bundle(let bundle):
      return try BundlePipeline(bundle, try network.options(), try engine.choice(), outputFolder: output)
    case .package(let package):
      for file in package.editedFiles() {
        printing.note(
          "note: \(file) of the package was edited or removed after the export; the engine is still the one that was "
            + "exported, so changes to the network need another export")
      }
      return try BundlePipeline(package, try network.options(), try engine.choice(), outputFolder: output)
    default:
      throw ModelError.notABundle(kind: opened.kind, path: model)
    }
  }

  private func segment(_ scan: String, _ pipeline: BundlePipeline) throws -> RunReport {
    let display = ProgressDisplay(title: Paths.name(of: scan), isQuiet: printing.quiet)
    defer { display.finish() }
    let result = try pipeline.run(scan, progress: display.observer)
    let names = pipeline.labelNames
    let comparisons = try reference.map { try RunReport.Comparison(result.result, reference: $0) }
    if let picture {
      let volume = try NIfTIImage(path: scan).volume()
      try SegmentationPicture(scan: volume, labels: result.result, names: names).write(to: picture)
    }
    display.finish()
    return try RunReport(result, names: names, comparisons: comparisons, picture: picture)
  }
}

/// All of a `run` for `--json`.
private struct RunSummary: Encodable {
  struct Failure: Encodable {
    var scan: String
    var error: String
  }

  var results: [RunReport]
  var failures: [Failure]
}
