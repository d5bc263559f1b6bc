import Archives
import Arguments
package import Bundles
package import Diagnostics
import Files
import Images
import OrderedCollections
import Tensors
import Transforms

/// One `Compose` of a config applied to a scan: what `martlet transform` does.
package struct TransformRun {
  private let config: ModelConfig
  private let id: String

  /// - Parameters:
  ///   - config: a bundle's folder or a config file.
  ///   - id: the entry that is a `Compose`.
  package init(config: String, id: String, overrides: [ConfigOverride]) throws {
    var options = NetworkOptions()
    options.overrides = overrides
    if case .folder? = PathKind(path: config) {
      self.config = try ModelConfig(.bundle(try Bundle(path: config)), options)
    } else {
      self.config = try ModelConfig(files: [config], overrides: overrides)
    }
    self.id = id
  }

  /// Applies the Compose to the scan and writes the image: NIfTI for `.nii` and `.nii.gz`, else the array as `.npy`
  /// (`[C, X, Y, Z]`) with its affine in `.affine.npy` beside it.
  ///
  /// With `prediction`, `[C, X, Y, Z]` as the network gave it, the scan passes through `preprocessing` first and the
  /// Compose is applied to the prediction; a SaveImaged in it is left out.
  /// - Returns: The paths that were written.
  package func run(scan: String, prediction: String?, output: String, progress: ProgressObserver?) throws -> [String] {
    guard [".nii", ".nii.gz", ".npy"].contains(where: output.hasSuffix) else {
      throw TransformRunError.unknownExtension(path: output)
    }
    let compose = try config.component(id)
    let before = prediction == nil ? compose : try config.component("preprocessing")
    let imageKey = before.firstLoadedKey ?? "image"
    var sample = Sample([imageKey: .path(scan)])
    try Compose(before.withoutSaving).apply(
      &sample, stage: prediction == nil ? id : "preprocessing", progress: progress)
    var key = imageKey
    if let prediction {
      key = "pred"
      try sample.setPrediction(key, try Npy.read(path: prediction), like: imageKey)
      try Compose(compose.withoutSaving).apply(&sample, stage: id, progress: progress)
    }
    return try write(try sample.image(key, for: id), to: output)
  }

  private func write(_ image: TransformedImage, to path: String) throws -> [String] {
    if path.hasSuffix(".nii") || path.hasSuffix(".nii.gz") {
      let volume = try image.volume(for: "the output")
      try NIfTIWriter.write(
        volume.voxels.permuted([1, 2, 3, 0]), affine: image.affine, elementType: volume.voxels.elementType, to: path)
      return [path]
    }
    let paths = [path, path.dropLast(".npy".count) + ".affine.npy"]
    try Npy.write([image.voxels, Tensor(image.affine.elements, [4, 4])], to: paths)
    return paths
  }
}

/// The output of a transform can't be written as asked.
package enum TransformRunError: DiagnosedError, Equatable {
  case unknownExtension(path: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .unknownExtension(let path):
      Diagnosis(
        .usage, "the output's kind isn't known", at: path, expected: "a name that ends in .nii, .nii.gz or .npy")
    }
  }
}
