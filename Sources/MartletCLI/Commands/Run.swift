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
      Examples:
        martlet run Examples/brain-tissue --input 'scans/*.nii.gz' --output results --picture brain.png
        martlet run BUNDLE --input dataset.json --datalist-key testing --output results --resume
        martlet run BRATS --input t1c.nii.gz,t1.nii.gz,t2.nii.gz,flair.nii.gz --output results

      An input is a file, a folder, a quoted pattern, files with commas between them that are the channels of one scan,
      or a datalist: JSON (also in the Medical Segmentation Decathlon's form) or CSV with a column 'image'.

      A scan that fails is reported and skipped; the exit code then tells of it. The output folder's results.json tells
      what became of each scan. With --resume, scans whose results are there and still right are left out: the content of
      the scan, the bundle and the options decide, not the time.
      """)

  @Argument(help: "The folder of a bundle or an engine package.")
  var model: String

  @Option(
    name: .shortAndLong, parsing: .upToNextOption, help: "Scans: files, folders, quoted patterns or datalists.")
  var input: [String]

  @Option(name: .shortAndLong, help: "The folder for the results.")
  var output: String

  @Option(help: "The list of cases in a JSON datalist. Default: testing, or the only one.")
  var datalistKey: String?

  @Option(help: "The folder where a datalist's relative paths begin. Default: the datalist's.")
  var baseDir: String?

  @Flag(help: "Leave out the scans whose results are there and still right.")
  var resume = false

  @Option(help: "Draws the result over the scan (of the last scan, when there are several).")
  var picture: String?

  @Option(help: "A label map to compare the result with: agreement, and Dice for each label. May be repeated.")
  var reference: [String] = []

  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    try OptionError.requireFolder(output)
    let scans = try ScanList.expand(input, .init(datalistKey: datalistKey, baseFolder: baseDir))
    try ScanList.requireDifferentNames(scans)
    try requireReferencesAndPicture()
    let opened = try Model(path: model)
    let pipeline = try pipeline(opened)
    let key = try BundlePipeline.key(of: opened, try network.options(), try engine.choice())
    var session = RunSession(
      scans: scans, pipeline: pipeline, journal: RunJournal(folder: output, model: model, modelKey: key),
      printing: printing)
    session.picture = picture
    session.references = reference
    session.isResuming = resume
    try session.run()
  }

  /// What can't be opened or created is said before the work, not after it.
  private func requireReferencesAndPicture() throws {
    for path in reference { _ = try MappedFile(path: path) }
    if let picture { try Folders.create(Paths.parent(of: picture)) }
  }

  private func pipeline(_ opened: Model) throws -> BundlePipeline {
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
}
