import Arguments
import OrderedCollections
import Transforms

/// The parts of a bundle that take a scan to a result: transforms before, the inferer, transforms after.
struct PipelineDefinition: Sendable {
  let preprocessing: Compose
  let inferer: any Inferer
  let postprocessing: Compose
  /// The key of the image that the network sees: the first that is loaded.
  let imageKey: String
  /// The key that the post-processing expects the network's output under.
  let predictionKey = "pred"

  /// What makes labels of the network's output voxel by voxel, and the transforms behind it; nil where the post-processing
  /// begins otherwise.
  var reduction: (steps: VoxelwiseSteps, rest: Compose)? { postprocessing.splittingReduction(of: predictionKey) }

  /// Whether the network's last layer can be left to the reduction: windows are added up, and only labels are kept.
  var splitsHead: Bool { reduction != nil && (inferer is SlidingWindow || inferer is SliceInferer) }

  /// - Parameters:
  ///   - outputFolder: takes the place of `output_dir` in every SaveImaged; a pipeline without SaveImaged gets
  ///     one, so that its result is kept.
  ///   - windowBatch: how many windows the engine is given at once; nil for the config's `sw_batch_size`. The result
  ///     doesn't depend on it.
  init(_ config: ModelConfig, outputFolder: String, windowBatch: Int?) throws {
    let before = try config.component("preprocessing")
    preprocessing = try Compose(before)
    var inferer = try Inferers.make(try config.component("inferer"))
    if let windowBatch, var window = inferer as? SlidingWindow {
      window.batchSize = windowBatch
      inferer = window
    }
    if let windowBatch, var slices = inferer as? SliceInferer {
      slices.batchSize = windowBatch
      inferer = slices
    }
    self.inferer = inferer
    let after = try config.component("postprocessing").saving(to: outputFolder)
    postprocessing = try Compose(after)
    imageKey = before.firstLoadedKey ?? "image"
  }
}
