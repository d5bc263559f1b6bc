import Tensors

/// The weighted sums of the windows' first output, kept only where a later window adds to them.
///
/// Windows come row by row along the grid's fastest axis. A voxel is final when the last window over it is done: its mean
/// is handed on at once. What remains are three overlap zones: of the window and the next one, of the row and the next one,
/// and of the slab of rows and the next one.
final class RollingSums {
  private let grid: WindowGrid
  private let weights: WindowWeights
  /// Takes the final means `[K, X, Y, Z]` of a region.
  private let finish: (Tensor, Region) throws -> Void
  private var zones: Zones?

  /// Means are handed on in pieces of about as many elements, which stay in the cache.
  private static let pieceLength = 1 << 17

  init(grid: WindowGrid, weights: WindowWeights, finish: @escaping (Tensor, Region) throws -> Void) {
    self.grid = grid
    self.weights = weights
    self.finish = finish
  }

  /// The order of the axes that leaves the smallest zones.
  static func order(for grid: WindowGrid) -> [Int] {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    let sizes = orders.map { Zones.length(grid.ordered($0)) }
    // Of equal ones the first, MONAI's own.
    return zip(orders, sizes).min { $0.1 < $1.1 }?.0 ?? orders[0]
  }

  /// Adds the output of the windows of these numbers, `[B, K, …]`, which come in their order. Its values are lost.
  /// - Throws: ``SlidingWindowError/sumsTooLarge(bytes:)``; what the receiver of the means throws.
  func add(_ output: inout Tensor, of windows: Range<Int>, onAllCores: Bool) throws {
    let channels = output.shape[1]
    if zones == nil { try SlidingWindowError.requireMemory([channels, Zones.length(grid)]) }
    let zones = zones ?? Zones(grid, channels: channels)
    self.zones = zones
    let volume = grid.roi.reduce(1, *)
    output = output.converted(to: .float32)
    try output.withMutableElements(of: Float.self) { elements in
      guard let base = elements.baseAddress else { return }
      for (position, window) in windows.enumerated() {
        let numbers = grid.numbers(window)
        let values = RegionValues(
          base: base + position * channels * volume,
          origin: (0..<3).map { grid.firstPlace(axis: $0, number: numbers[$0]) }, channels: channels,
          strides: [volume, grid.roi[1] * grid.roi[2], grid.roi[2]])
        try add(values, numbers, zones, onAllCores)
      }
    }
  }

  private func add(_ values: RegionValues, _ numbers: [Int], _ zones: Zones, _ onAllCores: Bool) throws {
    let window = Region((0..<3).map { grid.extent(axis: $0, number: numbers[$0]) })
    weights.withMap { map in
      if let map { values.scale(by: map, over: window, onAllCores: onAllCores) }
    }
    // What the zone of a faster axis holds was taken over from those of the slower ones before.
    var untouched = window
    for axis in grid.order.reversed() where numbers[axis] > 0 {
      let end = grid.extent(axis: axis, number: numbers[axis] - 1).upperBound
      let zone = zones.values(of: axis, beginningAt: window.axes[axis].lowerBound, window)
      values.add(zone, over: untouched.limited(axis, before: end), onAllCores: onAllCores)
      untouched = untouched.limited(axis, from: end)
    }
    var final = window
    for axis in 0..<3 where numbers[axis] + 1 < grid.starts[axis].count {
      final = final.limited(axis, before: grid.extent(axis: axis, number: numbers[axis] + 1).lowerBound)
    }
    try handOn(values, final, onAllCores)
    var rest = window
    for axis in grid.order.reversed() where numbers[axis] + 1 < grid.starts[axis].count {
      let next = grid.extent(axis: axis, number: numbers[axis] + 1).lowerBound
      let zone = zones.values(of: axis, beginningAt: next, window)
      zone.copy(values, over: rest.limited(axis, from: next), onAllCores: onAllCores)
      rest = rest.limited(axis, before: next)
    }
  }

  private func handOn(_ values: RegionValues, _ final: Region, _ onAllCores: Bool) throws {
    guard !final.isEmpty else { return }
    let sheet = values.channels * final.axes[1].count * final.axes[2].count
    let step = max(1, Self.pieceLength / sheet)
    for start in stride(from: final.axes[0].lowerBound, to: final.axes[0].upperBound, by: step) {
      let piece = final.limited(0, to: start..<start + step)
      let extents = piece.axes.map(\.count)
      var means = Tensor(.float32, Shape([values.channels] + extents), isZeroed: false)
      let divisors = weights.sums(over: piece, grid: grid)
      means.withMutableElements(of: Float.self) { elements in
        guard let base = elements.baseAddress else { return }
        let target = RegionValues(
          base: base, origin: piece.axes.map(\.lowerBound), channels: values.channels,
          strides: [extents.reduce(1, *), extents[1] * extents[2], extents[2]])
        target.copy(values, over: piece, onAllCores: onAllCores)
        target.divide(by: divisors, over: piece, onAllCores: onAllCores)
      }
      try finish(means, piece)
    }
  }
}

/// The sums that wait for later windows, per axis: what the window before along that axis left.
private final class Zones {
  let channels: Int
  private let extents: [[Int]]
  private let memory: [UnsafeMutablePointer<Float>]

  init(_ grid: WindowGrid, channels: Int) {
    self.channels = channels
    let extents = Self.extents(grid)
    self.extents = extents
    // Pages that no sum reaches stay untouched.
    memory = extents.map { .allocate(capacity: max(channels * $0.reduce(1, *), 1)) }
  }

  deinit { memory.forEach { $0.deallocate() } }

  /// The elements of all zones for one channel.
  static func length(_ grid: WindowGrid) -> Int {
    extents(grid).reduce(0) { $0 + $1.reduce(1, *) }
  }

  /// The zone of an axis is as thick as its windows overlap; it spans the window on the slower axes and the image on the
  /// faster ones.
  private static func extents(_ grid: WindowGrid) -> [[Int]] {
    (0..<3).map { axis in
      let starts = grid.starts[axis]
      let overlap = zip(starts, starts.dropFirst()).map { $0 + grid.roi[axis] - $1 }.max() ?? 0
      let rank = grid.order.firstIndex(of: axis) ?? 0
      return (0..<3).map { other in
        if other == axis { return max(overlap, 0) }
        let isSlower = (grid.order.firstIndex(of: other) ?? 0) < rank
        return isSlower ? min(grid.roi[other], grid.imageSize[other]) : grid.imageSize[other]
      }
    }
  }

  /// The zone of `axis`, whose first place there is `start`, for the rows and slabs of `window`.
  func values(of axis: Int, beginningAt start: Int, _ window: Region) -> RegionValues {
    let size = extents[axis]
    var origin = zip(size, window.axes).map { $0 == $1.count ? $1.lowerBound : 0 }
    origin[axis] = start
    return RegionValues(
      base: memory[axis], origin: origin, channels: channels,
      strides: [size.reduce(1, *), size[1] * size[2], size[2]])
  }
}
