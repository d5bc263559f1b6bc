package import Arguments
package import Diagnostics
import OrderedCollections
package import Tensors

/// Lets a two-dimensional network see a volume slice by slice, as `monai.inferers.SliceInferer` does: sliding windows
/// of one voxel along `spatial_dim`.
package struct SliceInferer: Inferer {
  /// The window with an extent of 1 along the axis.
  private(set) var window: SlidingWindow
  /// The spatial axis that is cut.
  package let axis: Int

  /// - Throws: `ArgumentError`.
  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    axis = try arguments.int("spatial_dim", default: 0)
    guard (0...2).contains(axis) else {
      throw arguments.unsupported("spatial_dim", "\(axis)", supported: "0, 1 or 2")
    }
    let roi = try arguments.ints("roi_size")
    guard roi.count == 2 else {
      throw arguments.unsupported("roi_size", "\(roi.count) numbers", supported: "two, for the axes of a slice")
    }
    var extents = roi
    extents.insert(1, at: axis)
    var inner = component
    inner.target = "SlidingWindowInferer"
    inner.arguments["spatial_dim"] = nil
    inner.arguments["roi_size"] = .list(extents.map { .int($0) })
    window = try SlidingWindow(inner)
  }

  /// How many slices are given to the network at once.
  package var batchSize: Int {
    get { window.batchSize }
    set { window.batchSize = newValue }
  }

  /// The window within a slice where the config fixes it; nil where it depends on the scan.
  package var fixedShape: [Int]? {
    guard var shape = window.fixedShape(rank: 3) else { return nil }
    shape.remove(at: axis)
    return shape
  }

  package func batchShape(for input: Shape) throws -> Shape {
    try requireVolume(input)
    var shape = try window.batchShape(for: input)
    shape.dimensions.remove(at: axis + 2)
    return shape
  }

  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], progress: ProgressObserver? = nil
  ) throws -> [Tensor] {
    try requireVolume(input.shape)
    return try window.infer(
      input, predictors: predictors.map { SlicePredictor(network: $0, axis: axis + 2) }, progress: progress)
  }

  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], reducing reduction: any VoxelwiseReduction,
    progress: ProgressObserver? = nil
  ) throws -> Tensor {
    try requireVolume(input.shape)
    return try window.infer(
      input, predictors: predictors.map { SlicePredictor(network: $0, axis: axis + 2) }, reducing: reduction,
      progress: progress)
  }

  private func requireVolume(_ shape: Shape) throws {
    guard shape.rank == 5 else { throw SliceError.notAVolume(shape) }
  }
}

/// Takes the axis of one voxel away before the network, and puts it back behind it.
private final class SlicePredictor: WindowPredictor {
  private let network: any WindowPredictor
  private let axis: Int
  private var slices: [Tensor] = []

  init(network: any WindowPredictor, axis: Int) {
    self.network = network
    self.axis = axis
  }

  func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws {
    var shape = batch.shape
    shape.dimensions.remove(at: axis)
    // They are views of what the network writes to next.
    outputs = []
    try network.predict(batch.reshaped(shape), into: &slices)
    outputs = slices.map { output in
      guard output.shape.rank == shape.rank else { return output }
      var volume = output.shape
      volume.dimensions.insert(1, at: axis)
      return output.reshaped(volume)
    }
  }
}

/// The input of a ``SliceInferer`` is no volume.
package enum SliceError: DiagnosedError, Equatable {
  case notAVolume(Shape)

  package var diagnosis: Diagnosis {
    switch self {
    case .notAVolume(let shape):
      Diagnosis(.data, "SliceInferer: the network's input is \(shape)", expected: "[N, C] and three spatial axes")
    }
  }
}
