import CKernels
import Tensors

/// The weights of a window's places.
enum WindowWeights: Sendable {
  /// 1 everywhere.
  case ones
  /// One per place, row-major.
  case map([Float])

  /// Calls `body` with the first weight, or nil for weights of 1.
  func withMap<Result>(_ body: (UnsafePointer<Float>?) throws -> Result) rethrows -> Result {
    guard case .map(let map) = self else { return try body(nil) }
    return try map.withUnsafeBufferPointer { try body($0.baseAddress) }
  }

  /// The sums of the weights of all windows over the voxels of `region`, row-major.
  func sums(over region: Region, grid: WindowGrid) -> [Float] {
    var sums = [Float](repeating: 0, count: region.count)
    let plane = region.axes[1].count * region.axes[2].count
    let counts = (0..<3).map { Self.coverage(axis: $0, grid: grid) }
    sums.withUnsafeMutableBufferPointer { sums in
      guard let base = sums.baseAddress else { return }
      let sums = Shared(base)
      Parallel.forEach(region.axes[0].count) { range in
        for step in range {
          let x = region.axes[0].lowerBound + step
          let target = UnsafeMutableBufferPointer(start: sums.value + step * plane, count: plane)
          switch self {
          case .ones: Self.countWindows(x, region, counts, into: target)
          case .map(let map): Self.addWeights(map, x, region, grid, into: target)
          }
        }
      }
    }
    return sums
  }

  /// The windows form a grid, so their number over a voxel is the product of their numbers over its three places.
  private static func countWindows(
    _ x: Int, _ region: Region, _ counts: [[Float]], into sums: UnsafeMutableBufferPointer<Float>
  ) {
    let columns = region.axes[2]
    for (row, y) in region.axes[1].enumerated() {
      let outer = counts[0][x] * counts[1][y]
      for (column, z) in columns.enumerated() { sums[row * columns.count + column] = outer * counts[2][z] }
    }
  }

  /// How many windows of an axis cover each of the image's places.
  private static func coverage(axis: Int, grid: WindowGrid) -> [Float] {
    var counts = [Float](repeating: 0, count: grid.imageSize[axis])
    for number in grid.starts[axis].indices {
      for place in grid.extent(axis: axis, number: number) { counts[place] += 1 }
    }
    return counts
  }

  /// Adds the windows in their order, as the outputs were.
  private static func addWeights(
    _ map: [Float], _ x: Int, _ region: Region, _ grid: WindowGrid, into sums: UnsafeMutableBufferPointer<Float>
  ) {
    guard let target = sums.baseAddress else { return }
    let roi = grid.roi
    let columns = region.axes[2].count
    let numbers = (1..<3).map { axis in
      grid.starts[axis].indices.map { (grid.firstPlace(axis: axis, number: $0), grid.extent(axis: axis, number: $0)) }
    }
    for number in grid.starts[0].indices where grid.extent(axis: 0, number: number).contains(x) {
      let sheet = (x - grid.firstPlace(axis: 0, number: number)) * roi[1] * roi[2]
      for (firstY, extentY) in numbers[0] {
        let rows = extentY.clamped(to: region.axes[1])
        guard !rows.isEmpty else { continue }
        for (firstZ, extentZ) in numbers[1] {
          let places = extentZ.clamped(to: region.axes[2])
          guard !places.isEmpty else { continue }
          let voxel = (rows.lowerBound - region.axes[1].lowerBound) * columns + places.lowerBound
          map.withUnsafeBufferPointer { map in
            guard let source = map.baseAddress else { return }
            martlet_window_accumulate(
              target + voxel - region.axes[2].lowerBound, columns,
              source + sheet + (rows.lowerBound - firstY) * roi[2] + places.lowerBound - firstZ, roi[2], nil, 0,
              rows.count, places.count)
          }
        }
      }
    }
  }
}
