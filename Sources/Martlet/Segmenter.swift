import Bundles
import Diagnostics
import Engines
import Images
import Pipelines

/// Segments scans with a MONAI bundle: its own preprocessing, its network, its own post-processing.
///
///     let segmenter = try Segmenter(bundle: "Examples/brain-tissue", outputFolder: "results")
///     let segmentation = try segmenter.segment("Examples/data/t1_sample.nii.gz")
///     for label in segmentation.labels { print(label.value, label.name ?? "", label.millilitres) }
///
/// No code of the bundle is executed: its config expressions and its checkpoint are read as data.
public struct Segmenter: Sendable {
  /// What may be chosen beside the bundle.
  public struct Options: Sendable {
    /// Where the network runs.
    public var device: Device = .cpu
    /// The checkpoint; nil for the one that the bundle names.
    public var checkpoint: String?
    /// Config entries to replace, `["inferer#overlap": "0.25"]`, as `--set` has it.
    public var overrides: [String: String] = [:]
    /// The engine library's file or folder; nil to find it.
    public var engineLibrary: String?
    /// Threads; nil for all cores.
    public var threads: Int?
    /// Bytes that the process may take; a scan that needs more is refused before it is read. nil for all there are.
    public var memoryLimit: Int?

    /// The defaults.
    public init() {}
  }

  /// What is being done, for a progress bar.
  public struct Progress: Sendable {
    /// `preprocessing`, `inference` or `postprocessing`.
    public let stage: String
    /// Steps done in this stage, and in all.
    public let completed: Int
    /// Steps of this stage.
    public let total: Int
  }

  private let pipeline: BundlePipeline

  /// Reads the bundle's config and weights and makes the network ready.
  /// - Parameters:
  ///   - bundle: the bundle's folder.
  ///   - outputFolder: where results are written, in the layout of the bundle's SaveImaged.
  /// - Throws: ``MartletError``.
  public init(bundle: String, outputFolder: String, options: Options = Options()) throws(MartletError) {
    pipeline = try MartletError.wrapping {
      var network = NetworkOptions()
      network.checkpointFile = options.checkpoint
      network.overrides = try options.overrides.sorted { $0.key < $1.key }.map {
        try ConfigOverride(id: $0.key, text: $0.value)
      }
      var engine = EngineChoice()
      engine.library = options.engineLibrary
      engine.options.device = options.device.wrapped
      engine.options.threads = options.threads
      engine.options.memoryLimit = options.memoryLimit
      return try BundlePipeline(try Bundle(path: bundle), network, engine, outputFolder: outputFolder)
    }
  }

  /// Segments one scan (NIfTI) and writes the result.
  /// - Throws: ``MartletError``; nothing is left half-written.
  public func segment(
    _ scan: String, progress: (@Sendable (Progress) -> Void)? = nil
  ) throws(MartletError) -> Segmentation {
    try MartletError.wrapping {
      let result = try pipeline.run(scan) { update in
        progress?(Progress(stage: update.stage, completed: update.completed, total: update.total))
      }
      return try Segmentation(result, names: pipeline.labelNames)
    }
  }
}

/// The result of one scan.
public struct Segmentation: Sendable {
  /// One label of a label map.
  public struct Label: Sendable {
    /// The voxel value.
    public let value: Int
    /// What the bundle's metadata calls it.
    public let name: String?
    /// Voxels that carry it.
    public let voxelCount: Int
    /// Its volume in ml.
    public let millilitres: Double
  }

  /// The files that were written.
  public let files: [String]
  /// The labels in the result; empty when it has several channels.
  public let labels: [Label]
  /// Seconds from reading to writing.
  public let seconds: Double

  init(_ result: ScanResult, names: [Int: String]) throws {
    files = result.outputs
    seconds = result.seconds
    guard result.result.channelCount == 1 else {
      labels = []
      return
    }
    let statistics = try LabelStatistics(labels: result.result)
    labels = statistics.labels.map { value in
      Label(
        value: value, name: names[value], voxelCount: statistics.voxelCounts[value] ?? 0,
        millilitres: statistics.millilitres(of: value))
    }
  }
}
