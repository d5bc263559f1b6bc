import Foundation
package import Tensors

/// Where the windows of one image lie: the placement rules of `monai.inferers.sliding_window_inference` and
/// `monai.data.utils.dense_patch_slices`.
///
/// All lists have three entries, for the axes X, Y, Z; images of fewer axes have leading axes of extent 1.
/// Places are in the padded image, which is the image itself where it isn't smaller than the window.
package struct WindowGrid: Sendable, Equatable {
  /// The image's extent, without padding.
  package let imageSize: [Int]
  /// The window's extent.
  package let roi: [Int]
  /// Voxels of padding before the image. There are windows with padding only where one window covers the axis.
  package let paddingBefore: [Int]
  /// The largest batch of windows, `[B, C, …]` with the image's own number of axes.
  package let batchShape: Shape
  /// Where windows begin, per axis.
  package let starts: [[Int]]

  /// The windows' numbers in MONAI's order, in the order in which they are run; nil for that order itself.
  private var sequence: [Int]?

  /// Windows per image.
  package var count: Int { starts.reduce(1) { $0 * $1.count } }

  /// - Parameter input: `[N, C, …]` with one to three spatial axes.
  /// - Throws: ``SlidingWindowError`` for an input without voxels, of another rank than the arguments, or with
  ///   windows that don't fit the machine's memory.
  package init(_ window: SlidingWindow, input: Shape) throws {
    let rank = input.rank - 2
    guard (1...3).contains(rank) else { throw SlidingWindowError.inputRank(input) }
    guard input.dimensions.allSatisfy({ $0 > 0 }) else { throw SlidingWindowError.emptyInput(input) }
    let requested = try Self.values(window.roiSize, "roi_size", input)
    let overlap = try Self.values(window.overlap, "overlap", input)
    let image = Array(input.dimensions.suffix(rank))
    let roi = zip(requested, image).map { $0 > 0 ? $0 : $1 }
    try Self.checkMemory(batch: [1, input[1]] + roi)

    let leading = 3 - rank
    self.imageSize = Array(repeating: 1, count: leading) + image
    self.roi = Array(repeating: 1, count: leading) + roi
    paddingBefore = zip(self.roi, imageSize).map { max($0 - $1, 0) / 2 }
    let overlaps = Array(repeating: 0, count: leading) + overlap
    starts = zip(zip(self.roi, imageSize), overlaps).map { extents, overlap in
      Self.starts(roi: extents.0, image: max(extents.0, extents.1), overlap: overlap)
    }
    let windows = starts.reduce(input[0]) { $0 * $1.count }
    batchShape = Shape([min(window.batchSize, windows), input[1]] + roi)
    try Self.checkMemory(batch: batchShape.dimensions)
  }

  /// Where the window of this number begins.
  package func origin(_ index: Int) -> [Int] {
    let numbers = numbers(index)
    return (0..<3).map { starts[$0][numbers[$0]] }
  }

  /// Which of an axis' windows the window of this number is, per axis X, Y, Z.
  func numbers(_ index: Int) -> [Int] {
    var numbers = [0, 0, 0]
    var rest = sequence?[index] ?? index
    for axis in (0..<3).reversed() {
      numbers[axis] = rest % starts[axis].count
      rest /= starts[axis].count
    }
    return numbers
  }

  /// The same windows in another order.
  func ordered(_ order: WindowOrder) -> WindowGrid {
    var grid = self
    grid.sequence = order.sequence
    return grid
  }

  /// The image's place that the first place of an axis' window shows; negative where that is padding.
  func firstPlace(axis: Int, number: Int) -> Int { starts[axis][number] - paddingBefore[axis] }

  /// The image's places that an axis' window covers.
  func extent(axis: Int, number: Int) -> Range<Int> {
    let first = firstPlace(axis: axis, number: number)
    return max(first, 0)..<min(first + roi[axis], imageSize[axis])
  }

  /// The places of the image's own voxels within a window that begins at `start` of an axis.
  func inside(axis: Int, start: Int) -> Range<Int> {
    let before = paddingBefore[axis] - start
    return max(before, 0)..<min(before + imageSize[axis], roi[axis])
  }

  /// Windows begin every `roi * (1 - overlap)` voxels; those that would leave the image are moved back.
  private static func starts(roi: Int, image: Int, overlap: Double) -> [Int] {
    if roi == image { return [0] }
    let interval = max(Int(Double(roi) * (1 - overlap)), 1)
    let last = image - roi
    let count = (last + interval - 1) / interval + 1
    return (0..<count).map { min($0 * interval, last) }
  }

  /// The values of an argument for the axes of `input`.
  static func values<Value>(_ values: PerAxis<Value>, _ name: String, _ input: Shape) throws -> [Value] {
    if let values = values.values(rank: input.rank - 2) { return values }
    guard case .perAxis(let found) = values else { return [] }
    throw SlidingWindowError.axisCount(argument: name, found: found.count, input: input)
  }

  /// The window's extent is a number of the config: a batch must fit the memory before it is allocated.
  private static func checkMemory(batch: [Int]) throws {
    let limit = Int(clamping: ProcessInfo.processInfo.physicalMemory) / MemoryLayout<Float>.size
    guard let elements = Shape(batch).checkedCount, elements <= limit else {
      throw SlidingWindowError.windowTooLarge(batch)
    }
  }
}
