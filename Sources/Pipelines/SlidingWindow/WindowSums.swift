import CKernels
import Tensors

/// The weighted sums of the windows' outputs, on the image's own voxels, and at the end their means.
///
/// The weights' sums are computed plane by plane at the end: they depend on the places of the windows only.
struct WindowSums {
  private let grid: WindowGrid
  private let images: Int
  private let weights: WindowWeights
  private let checks: OutputChecks
  private var sums: [Tensor] = []

  init(grid: WindowGrid, images: Int, weights: WindowWeights) {
    self.grid = grid
    self.images = images
    self.weights = weights
    checks = OutputChecks(grid: grid)
  }

  /// Adds the outputs of the windows of these numbers, each `[B, K, …]`.
  ///
  /// Every voxel's contributions are added in the order of the calls and, within one, of the windows.
  /// - Throws: ``SlidingWindowError`` for outputs that aren't of the windows' size or differ from earlier ones.
  mutating func add(_ outputs: [Tensor], of windows: Range<Int>, onAllCores: Bool) throws {
    try checks.check(outputs, count: windows.count)
    if sums.isEmpty {
      let spatial = grid.imageSize.suffix(grid.batchShape.rank - 2)
      for output in outputs { try SlidingWindowError.requireMemory([images, output.shape[1]] + spatial) }
      sums = outputs.map { Tensor(.float32, Shape([images, $0.shape[1]] + spatial)) }
    }
    let (grid, weights) = (grid, weights)
    for (index, output) in outputs.enumerated() {
      let channels = output.shape[1]
      let values = output.converted(to: .float32)
      values.withElements(of: Float.self) { values in
        sums[index].withMutableElements(of: Float.self) { sums in
          for (position, window) in windows.enumerated() {
            Self.add(
              values, position, channels: channels, window: window, to: sums, grid: grid, weights: weights,
              onAllCores: onAllCores)
          }
        }
      }
    }
  }

  /// The weighted means `[N, K, …]`, one per output. The sums begin anew.
  /// - Throws: ``SlidingWindowError/noOutput`` when nothing was added.
  mutating func means() throws -> [Tensor] {
    guard !sums.isEmpty else { throw SlidingWindowError.noOutput }
    defer { sums = [] }
    let (grid, weights) = (grid, weights)
    let size = grid.imageSize
    let plane = size[1] * size[2]
    for index in sums.indices {
      let volumes = images * sums[index].shape[1]
      sums[index].withMutableElements(of: Float.self) { elements in
        guard let base = elements.baseAddress else { return }
        let sums = Shared(base)
        Parallel.forEach(size[0]) { range in
          for x in range {
            let weightSums = weights.sums(over: Region([x..<x + 1, 0..<size[1], 0..<size[2]]), grid: grid)
            for volume in 0..<volumes {
              martlet_window_divide(sums.value + (volume * size[0] + x) * plane, weightSums, plane)
            }
          }
        }
      }
    }
    return sums
  }

  /// Adds the window at `position` of a batch of values.
  private static func add(
    _ values: UnsafeBufferPointer<Float>, _ position: Int, channels: Int, window: Int,
    to sums: UnsafeMutableBufferPointer<Float>, grid: WindowGrid, weights: WindowWeights, onAllCores: Bool
  ) {
    guard let valueBase = values.baseAddress, let sumBase = sums.baseAddress else { return }
    let (size, roi) = (grid.imageSize, grid.roi)
    let origin = grid.origin(window % grid.count)
    let inside = (0..<3).map { grid.inside(axis: $0, start: origin[$0]) }
    // The image's voxel that the first place inside shows.
    let first = (0..<3).map { origin[$0] + inside[$0].lowerBound - grid.paddingBefore[$0] }
    let image = window / grid.count
    let (source, target) = (Shared(valueBase), Shared(sumBase))
    let sheets = channels * inside[0].count
    weights.withMap { map in
      let map = Shared(map)
      Parallel.forEach(sheets, grain: onAllCores ? 1 : sheets) { range in
        for sheet in range {
          let (channel, step) = (sheet / inside[0].count, sheet % inside[0].count)
          let place = ((inside[0].lowerBound + step) * roi[1] + inside[1].lowerBound) * roi[2] + inside[2].lowerBound
          let voxel = ((first[0] + step) * size[1] + first[1]) * size[2] + first[2]
          martlet_window_accumulate(
            target.value + (image * channels + channel) * size[0] * size[1] * size[2] + voxel, size[2],
            source.value + (position * channels + channel) * roi[0] * roi[1] * roi[2] + place, roi[2],
            map.value.map { $0 + place }, roi[2], inside[1].count, inside[2].count)
        }
      }
    }
  }
}

/// What is asked of the outputs of each batch of windows.
final class OutputChecks {
  private let grid: WindowGrid
  /// The channels of the first batch's outputs.
  private var channels: [Int]?

  init(grid: WindowGrid) { self.grid = grid }

  /// - Throws: ``SlidingWindowError`` for outputs that aren't of the windows' size or differ from earlier ones.
  func check(_ outputs: [Tensor], count: Int) throws {
    guard !outputs.isEmpty else { throw SlidingWindowError.noOutput }
    var batch = grid.batchShape
    batch[0] = count
    for (index, output) in outputs.enumerated() {
      var expected = batch
      if output.shape.rank == batch.rank { expected[1] = output.shape[1] }
      guard output.shape == expected, output.shape[1] > 0 else {
        throw SlidingWindowError.outputShape(index: index, found: output.shape, batch: batch)
      }
    }
    let found = outputs.map { $0.shape[1] }
    guard channels == nil || channels == found else {
      throw SlidingWindowError.outputsChanged(first: channels ?? [], now: found)
    }
    channels = found
  }
}
