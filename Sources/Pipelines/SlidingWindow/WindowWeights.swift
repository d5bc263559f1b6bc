import CKernels

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

  /// The sums of the weights of all windows over the image's voxels of one X, `[Y, Z]`.
  func sum(plane x: Int, grid: WindowGrid, into sums: inout [Float]) {
    switch self {
    case .ones: Self.countWindows(plane: x, grid: grid, into: &sums)
    case .map(let map): Self.addWeights(map, plane: x, grid: grid, into: &sums)
    }
  }

  /// The windows form a grid, so their number over a voxel is the product of their numbers over its three places.
  private static func countWindows(plane x: Int, grid: WindowGrid, into sums: inout [Float]) {
    let counts = (0..<3).map { coverage(axis: $0, grid: grid) }
    let columns = grid.imageSize[2]
    for y in 0..<grid.imageSize[1] {
      let outer = counts[0][x] * counts[1][y]
      for z in 0..<columns { sums[y * columns + z] = outer * counts[2][z] }
    }
  }

  /// How many windows of an axis cover each of the image's places.
  private static func coverage(axis: Int, grid: WindowGrid) -> [Float] {
    var counts = [Float](repeating: 0, count: grid.imageSize[axis])
    for start in grid.starts[axis] {
      let first = start - grid.paddingBefore[axis]
      for place in grid.inside(axis: axis, start: start) { counts[first + place] += 1 }
    }
    return counts
  }

  /// Adds the windows in their order, as the outputs were.
  private static func addWeights(_ map: [Float], plane x: Int, grid: WindowGrid, into sums: inout [Float]) {
    let (size, roi) = (grid.imageSize, grid.roi)
    for index in sums.indices { sums[index] = 0 }
    for startX in grid.starts[0] {
      let placeX = x + grid.paddingBefore[0] - startX
      guard grid.inside(axis: 0, start: startX).contains(placeX) else { continue }
      for startY in grid.starts[1] {
        for startZ in grid.starts[2] {
          let (insideY, insideZ) = (grid.inside(axis: 1, start: startY), grid.inside(axis: 2, start: startZ))
          let y = startY + insideY.lowerBound - grid.paddingBefore[1]
          let z = startZ + insideZ.lowerBound - grid.paddingBefore[2]
          let place = (placeX * roi[1] + insideY.lowerBound) * roi[2] + insideZ.lowerBound
          sums.withUnsafeMutableBufferPointer { sums in
            map.withUnsafeBufferPointer { map in
              guard let target = sums.baseAddress, let source = map.baseAddress else { return }
              martlet_window_accumulate(
                target + y * size[2] + z, size[2], source + place, roi[2], nil, 0, insideY.count, insideZ.count)
            }
          }
        }
      }
    }
  }
}
