package import Diagnostics
import Foundation
package import Tensors

/// Sliding-window inference can't be done on this image, or with this network.
package enum SlidingWindowError: DiagnosedError, Equatable {
  case noPredictor
  case emptyInput(Shape)
  /// The input isn't `[N, C]` with one to three spatial axes.
  case inputRank(Shape)
  /// An argument with one value per axis has another number of values than the image has axes.
  case axisCount(argument: String, found: Int, input: Shape)
  /// A batch of windows of this shape doesn't fit this machine's memory.
  case windowTooLarge([Int])
  /// What is kept of the windows' outputs, so many bytes, doesn't fit this machine's memory.
  case sumsTooLarge(bytes: Int)
  case cannotPad(mode: PaddingMode, axis: Int, before: Int, after: Int, extent: Int)
  /// A fill value was given for a padding mode that has none.
  case fillWithoutConstant(mode: PaddingMode)
  /// Voxelwise reduction works on one image at a time.
  case severalImages(Shape)
  case noOutput
  /// An output isn't `[B, K]` with the spatial size of the window.
  case outputShape(index: Int, found: Shape, batch: Shape)
  /// A window's outputs differ in number or channels from the first window's.
  case outputsChanged(first: [Int], now: [Int])

  package var diagnosis: Diagnosis {
    switch self {
    case .noPredictor:
      Diagnosis(.defect, "inference was started without a network")
    case .emptyInput(let shape):
      Diagnosis(.data, "the network's input has no elements: \(shape)", expected: "an image of at least one voxel")
    case .inputRank(let shape):
      Diagnosis(
        .data, "the network's input has the shape \(shape)",
        expected: "batch and channel, then one to three spatial axes",
        hint: "add EnsureChannelFirstd to the preprocessing")
    case .axisCount(let argument, let found, let input):
      Diagnosis(
        .data, "'\(argument)' has \(found) values, the input \(input) has \(input.rank - 2) spatial axes",
        expected: "one value per spatial axis",
        hint: "check '\(argument)' of the inferer, and that the preprocessing puts the channel first")
    case .windowTooLarge(let batch):
      Diagnosis(
        .data, "a batch of windows, \(Shape(batch)), needs more memory than this machine has",
        expected: "a smaller window",
        hint: "lower 'roi_size' or 'sw_batch_size' of the inferer")
    case .sumsTooLarge(let bytes):
      Diagnosis(
        .data, "adding up the windows' outputs needs \(bytes >> 20) MiB, more than this machine's memory",
        expected: "fewer classes, a smaller scan or a coarser spacing",
        hint: "crop the scan, or let the preprocessing take larger voxels")
    case .cannotPad(let mode, let axis, let before, let after, let extent):
      Diagnosis(
        .data,
        "spatial axis \(axis) of \(extent) voxels can't be padded by \(before) and \(after) in mode \(mode.rawValue)",
        expected: mode == .reflect ? "padding below the image's extent" : "padding of at most the image's extent",
        hint: "lower 'roi_size', or set 'padding_mode' of the inferer to constant or replicate")
    case .fillWithoutConstant(let mode):
      Diagnosis(
        .data, "'cval' isn't 0 while 'padding_mode' is \(mode.rawValue)", expected: "cval only with constant padding",
        hint: "remove 'cval', or set 'padding_mode' to constant")
    case .severalImages(let shape):
      Diagnosis(.defect, "the input \(shape) is to be reduced voxel by voxel", expected: "one image, [1, C, …]")
    case .noOutput:
      Diagnosis(.data, "the network gave no output")
    case .outputShape(let index, let found, let batch):
      Diagnosis(
        .data, "output \(index) of the network has the shape \(found) for windows \(batch)",
        expected: "the windows' own batch and spatial size",
        hint: "outputs of another resolution than the input are not supported by sliding windows")
    case .outputsChanged(let first, let now):
      Diagnosis(.data, "the network's outputs have \(now) channels, for the first windows they had \(first)")
    }
  }
}

extension SlidingWindowError {
  /// - Throws: ``sumsTooLarge(bytes:)`` for more float32 elements than the machine's memory holds.
  static func requireMemory(_ factors: [Int]) throws {
    let limit = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    let bytes = (Shape(factors).checkedCount ?? .max).multipliedReportingOverflow(by: MemoryLayout<Float>.size)
    let needed = bytes.overflow ? Int.max : bytes.partialValue
    guard needed <= limit else { throw SlidingWindowError.sumsTooLarge(bytes: needed) }
  }
}
