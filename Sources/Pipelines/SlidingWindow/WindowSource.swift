import CKernels
import Tensors

/// The image that windows are cut from: any strides, padded by computed places rather than by a copy.
struct WindowSource: Sendable {
  private let image: Tensor
  private let grid: WindowGrid
  private let fill: Float
  /// Elements from one place to the next, per axis X, Y, Z.
  private let strides: [Int]
  /// The element offset of each place of the padded image, per axis X, Y, Z; `outside` in constant padding.
  private let offsets: [[Int]]
  /// Whether the places of a row are neighbours in memory.
  private let isRowContiguous: Bool
  private static let outside = Int.min

  /// - Parameter image: float32 `[N, C, …]`.
  /// - Throws: ``SlidingWindowError`` where the padding mode can't reach far enough.
  init(_ image: Tensor, grid: WindowGrid, paddingMode: PaddingMode, fill: Double) throws {
    self.image = image
    self.grid = grid
    self.fill = Float(fill)
    let strides = Array(repeating: 0, count: 5 - image.shape.rank) + image.strides.dropFirst(2)
    self.strides = strides
    let isPadded = zip(grid.roi, grid.imageSize).contains { $0 > $1 }
    guard !isPadded || paddingMode == .constant || fill == 0 else {
      throw SlidingWindowError.fillWithoutConstant(mode: paddingMode)
    }
    offsets = try (0..<3).map { axis in
      try Self.places(axis: axis, grid: grid, mode: paddingMode).map { place in
        place.map { $0 * strides[axis] } ?? Self.outside
      }
    }
    isRowContiguous = strides[2] == 1 && grid.roi[2] <= grid.imageSize[2]
  }

  /// Writes the windows of these numbers one after another to `target`, `[B, C, X, Y, Z]`. Windows of the first
  /// image come first.
  func gather(_ windows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>, onAllCores: Bool) {
    guard let base = target.baseAddress else { return }
    let (channels, roi) = (image.shape[1], grid.roi)
    let volume = roi[0] * roi[1] * roi[2]
    // The outer of the axes X and Y is the one whose places lie farther apart, so that rows share cache lines.
    let isXOuter = abs(strides[0]) >= abs(strides[1])
    let (outer, middle) = isXOuter ? (0, 1) : (1, 0)
    let targetStrides = [roi[1] * roi[2], roi[2]]
    let target = Shared(base)
    image.withBase { bytes in
      let source = Shared(bytes.assumingMemoryBound(to: Float.self))
      let sheets = windows.count * channels * roi[outer]
      Parallel.forEach(sheets, grain: onAllCores ? 1 : sheets) { range in
        for sheet in range {
          let (index, channel, place) = (
            sheet / roi[outer] / channels, sheet / roi[outer] % channels, sheet % roi[outer]
          )
          let window = windows.lowerBound + index
          let origin = grid.origin(window % grid.count)
          gatherSheet(
            from: source.value + window / grid.count * image.strides[0] + channel * image.strides[1],
            to: target.value + (index * channels + channel) * volume + place * targetStrides[outer],
            targetStride: targetStrides[middle], outer: offsets[outer][origin[outer] + place],
            middle: offsets[middle][origin[middle]..<origin[middle] + roi[middle]],
            columns: offsets[2][origin[2]..<origin[2] + roi[2]])
        }
      }
    }
  }

  private func gatherSheet(
    from source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, targetStride: Int, outer: Int,
    middle: ArraySlice<Int>, columns: ArraySlice<Int>
  ) {
    if outer == Self.outside {
      for row in 0..<middle.count {
        (target + row * targetStride).update(repeating: fill, count: columns.count)
      }
      return
    }
    middle.withUnsafeBufferPointer { middle in
      columns.withUnsafeBufferPointer { columns in
        martlet_window_gather(
          target, targetStride, middle.count, columns.count, source + outer, middle.baseAddress, columns.baseAddress,
          isRowContiguous ? 1 : 0, fill)
      }
    }
  }

  // MARK: Padding

  /// The image's place that each place of the padded axis shows; nil for the fill value.
  private static func places(axis: Int, grid: WindowGrid, mode: PaddingMode) throws -> [Int?] {
    let extent = grid.imageSize[axis]
    let before = grid.paddingBefore[axis]
    let padded = max(grid.roi[axis], extent)
    let after = padded - extent - before
    let most = max(before, after)
    guard mode != .reflect || most < extent, mode != .circular || most <= extent else {
      let spatialAxis = axis - (3 - (grid.batchShape.rank - 2))
      throw SlidingWindowError.cannotPad(mode: mode, axis: spatialAxis, before: before, after: after, extent: extent)
    }
    return (0..<padded).map { place(of: $0 - before, extent: extent, mode: mode) }
  }

  /// The rules of `torch.nn.functional.pad`.
  private static func place(of index: Int, extent: Int, mode: PaddingMode) -> Int? {
    if (0..<extent).contains(index) { return index }
    return switch mode {
    case .constant: nil
    case .replicate: index < 0 ? 0 : extent - 1
    case .reflect: index < 0 ? -index : 2 * (extent - 1) - index
    case .circular: index < 0 ? index + extent : index - extent
    }
  }
}
