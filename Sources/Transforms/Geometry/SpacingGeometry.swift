import Images

/// Voxel grids with another spacing, as `monai.data.utils` computes them.
enum SpacingGeometry {
  /// The tolerance under which MONAI takes two affines or spacings for equal.
  static let tolerance = 1e-3

  /// The length of each voxel axis; 1 for an axis of length 0.
  static func spacing(of affine: SquareMatrix) -> [Double] {
    let rank = affine.size - 1
    return (0..<rank).map { column in
      var sum = 0.0
      for row in 0..<rank { sum += affine[row, column] * affine[row, column] }
      let length = sum.squareRoot()
      return length == 0 ? 1 : length
    }
  }

  /// The affine with the spacing `scale`, without translation; nil when the axes don't span space.
  ///
  /// With `diagonal` the axes are those of the world, else the rotation of `affine` stays.
  static func zoomed(_ affine: SquareMatrix, scale: [Double], diagonal: Bool) -> SquareMatrix? {
    let rank = affine.size - 1
    let norm = spacing(of: affine)
    let scales = (0..<rank).map { axis in scale[axis] > 0 ? scale[axis] : norm[axis] }
    var result = SquareMatrix.identity(rank + 1)
    if diagonal {
      for axis in 0..<rank { result[axis, axis] = scales[axis] }
      return result
    }
    // Rotation, zooms and shears: the zooms and shears are the Cholesky factor of RᵀR.
    let linear = affine.leading(rank)
    guard let factor = linear.transposed.fused(linear).choleskyFactor,
      let inverse = factor.transposed.solve(.identity(rank))
    else { return nil }
    let rotation = linear.fused(inverse)
    for row in 0..<rank {
      for column in 0..<rank { result[row, column] = rotation[row, column] * scales[column] }
    }
    return result
  }

  /// The extents of the grid `outer` that covers the field of view of `shape` voxels on the grid `inner`, and the
  /// world position of its first voxel; nil when `outer` is singular.
  ///
  /// - Parameter scaleExtent: Whether voxels count as boxes rather than as points.
  static func shapeAndOffset(
    _ shape: [Int], from inner: SquareMatrix, to outer: SquareMatrix, scaleExtent: Bool
  ) -> (shape: [Double], offset: [Double])? {
    let rank = shape.count
    guard let map = outer.solve(inner) else { return nil }
    let corners = (0..<(1 << rank)).map { corner in
      // The last axis varies fastest, as in a meshgrid with matrix indexing.
      (0..<rank).map { axis -> Double in
        let isFar = corner >> (rank - 1 - axis) & 1 == 1
        let low = scaleExtent ? -0.5 : 0
        return isFar ? Double(shape[axis]) - (scaleExtent ? 0.5 : 1) : low
      }
    }
    let mapped = corners.map { apply(map, $0) }
    let outShape = (0..<rank).map { axis -> Double in
      let values = mapped.map { $0[axis] }
      let span = (values.max() ?? 0) - (values.min() ?? 0)
      return (scaleExtent ? span : span + 1).rounded(.toNearestOrEven)
    }
    var offset: [Double]?
    for (index, corner) in mapped.enumerated() {
      let isFirst = (0..<rank).allSatisfy { axis in
        let lowest = mapped.map { $0[axis] - corner[axis] }.min() ?? 0
        return abs(lowest) <= 1e-8
      }
      if isFirst {
        offset = apply(inner, corners[index])
        break
      }
    }
    var result = offset ?? centeredOffset(shape, outShape, inner, outer)
    if scaleExtent {
      let shift = (0..<rank).map { 0.5 * (Double(shape[$0]) / outShape[$0] - 1) }
      let moved = apply(inner, shift)
      result = (0..<rank).map { abs(moved[$0]) * (result[$0] == 0 ? 0 : (result[$0] < 0 ? -1 : 1)) }
    }
    return (outShape, result)
  }

  /// The offset at which the centres of both grids meet.
  private static func centeredOffset(
    _ shape: [Int], _ outShape: [Double], _ inner: SquareMatrix, _ outer: SquareMatrix
  ) -> [Double] {
    let rank = shape.count
    let middle = apply(inner, shape.map { Double($0) / 2 })
    return (0..<rank).map { row in
      var sum = 0.0
      for column in 0..<rank { sum += outer[row, column] * outShape[column] / 2 }
      return middle[row] - sum
    }
  }

  private static func apply(_ matrix: SquareMatrix, _ point: [Double]) -> [Double] {
    (0..<point.count).map { row in
      var sum = 0.0
      for column in 0..<point.count { sum.addProduct(matrix[row, column], point[column]) }
      return sum + matrix[row, point.count]
    }
  }

  /// The affine from voxels of a grid of `newShape` to those of a grid of `shape` with the same field of view.
  static func scaling(from shape: [Int], to newShape: [Int], alignCorners: Bool) -> Affine {
    var result = Affine.identity
    guard shape != newShape else { return result }
    for axis in 0..<shape.count {
      let old = Double(shape[axis])
      let new = Double(newShape[axis])
      if alignCorners {
        result[axis, axis] = new == 1 ? 0 : (old - 1) / (new - 1)
      } else {
        result[axis, axis] = old / max(new, 1)
        result[axis, 3] = (result[axis, axis] - 1) / 2
      }
    }
    return result
  }

  /// Whether two matrices are as equal as `numpy.allclose` with MONAI's absolute tolerance has it.
  static func areClose(_ left: SquareMatrix, _ right: SquareMatrix) -> Bool {
    for row in 0..<left.size {
      for column in 0..<left.size
      where !(abs(left[row, column] - right[row, column]) <= tolerance + 1e-5 * abs(right[row, column])) {
        return false
      }
    }
    return true
  }
}
