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
