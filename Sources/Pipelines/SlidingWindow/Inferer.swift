package import Arguments
package import Diagnostics
package import Tensors

/// Runs a network over a whole image: what a bundle's `inferer` names.
package protocol Inferer: Sendable {
  /// The largest batch `[B, C, …]` that the predictors will be given for an input `[N, C, …]`.
  func batchShape(for input: Shape) throws -> Shape

  /// The network's outputs for `input`, `[N, C, …]` of any strides; each `[N, K, …]`, float32, contiguous.
  ///
  /// With several predictors they work at the same time; the result is the same to the last bit.
  /// - Throws: ``SlidingWindowError``, `InterruptedError` on cancellation, or what a predictor threw.
  func infer(_ input: Tensor, predictors: [any WindowPredictor], progress: ProgressObserver?) throws -> [Tensor]

  /// What `reduction` makes of the first output for one image `[1, C, …]`: `[M, …]`. An inferer with windows reduces
  /// each part of the volume as soon as it is known, so that the output itself never exists whole.
  func infer(
    _ input: Tensor, predictors: [any WindowPredictor], reducing reduction: any VoxelwiseReduction,
    progress: ProgressObserver?
  ) throws -> Tensor
}

extension Inferer {
  /// The bytes that are kept of the network's first output, of K channels, for an input `[1, C, …]`: all of it, or what a
  /// reduction voxel by voxel leaves to keep.
  func outputMemory(for input: Shape, channels: Int, isReduced: Bool) throws -> Int {
    let window = (self as? SlidingWindow) ?? (self as? SliceInferer)?.window
    guard isReduced, let window else {
      return input.dimensions.dropFirst(2).reduce(channels * MemoryLayout<Float>.size, *)
    }
    return WindowOrder.leanest(for: try WindowGrid(window, input: input)).waiting * channels * MemoryLayout<Float>.size
  }
}

/// The inferers by the names that a config's `_target_` gives them.
package enum Inferers {
  private static let builders: [(name: String, build: @Sendable (Component) throws -> any Inferer)] = [
    ("SimpleInferer", { try SimpleInferer($0) }),
    ("SliceInferer", { try SliceInferer($0) }),
    ("SlidingWindowInferer", { try SlidingWindow($0) }),
    // The same, but for where the sums are kept when a GPU's memory runs out.
    ("SlidingWindowInfererAdapt", { try SlidingWindow($0) }),
  ]

  /// The supported class names, sorted.
  package static var names: [String] { builders.map(\.name) }

  /// The inferer that `component` describes.
  /// - Throws: ``InfererError/unknown(target:path:known:)``, or `ArgumentError` for its arguments.
  package static func make(_ component: Component) throws -> any Inferer {
    let isMonai = !component.target.contains(".") || component.target.hasPrefix("monai.")
    guard isMonai, let builder = builders.first(where: { $0.name == component.className }) else {
      throw InfererError.unknown(target: component.target, path: component.path, known: names)
    }
    return try builder.build(component)
  }
}

/// A config names an inferer that isn't there.
package enum InfererError: DiagnosedError, Equatable {
  case unknown(target: String, path: String, known: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .unknown(let target, let path, let known):
      Diagnosis(
        .data, "'\(target)' is no inferer that is supported", at: path,
        expected: "one of \(known.joined(separator: ", "))", hint: "set the inferer's _target_ to one of these")
    }
  }
}
