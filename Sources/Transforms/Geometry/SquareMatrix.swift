import Images

/// Small dense matrices in double precision, row-major, with the operations and their order of rounding that
/// LAPACK and PyTorch have; so that positions on the border between two voxels fall on the same side.
struct SquareMatrix: Sendable, Equatable {
  let size: Int
  private var elements: [Double]

  static func identity(_ size: Int) -> SquareMatrix {
    var result = SquareMatrix(size: size)
    for index in 0..<size { result[index, index] = 1 }
    return result
  }

  init(size: Int) {
    self.size = size
    elements = [Double](repeating: 0, count: size * size)
  }

  init(_ affine: Affine) {
    size = 4
    elements = affine.elements
  }

  subscript(row: Int, column: Int) -> Double {
    get { elements[row * size + column] }
    set { elements[row * size + column] = newValue }
  }

  static func * (left: SquareMatrix, right: SquareMatrix) -> SquareMatrix {
    var result = SquareMatrix(size: left.size)
    for row in 0..<left.size {
      for column in 0..<left.size {
        var sum = 0.0
        for inner in 0..<left.size { sum += left[row, inner] * right[inner, column] }
        result[row, column] = sum
      }
    }
    return result
  }

  var transposed: SquareMatrix {
    var result = self
    for row in 0..<size {
      for column in 0..<size { result[row, column] = self[column, row] }
    }
    return result
  }

  /// Rows and columns `0..<count`.
  func leading(_ count: Int) -> SquareMatrix {
    var result = SquareMatrix(size: count)
    for row in 0..<count {
      for column in 0..<count { result[row, column] = self[row, column] }
    }
    return result
  }

  /// The matrix X with self · X = `right`, by elimination with row pivoting; nil when self is singular or not finite.
  func solve(_ right: SquareMatrix) -> SquareMatrix? {
    guard elements.allSatisfy(\.isFinite), right.elements.allSatisfy(\.isFinite) else { return nil }
    var left = self
    var right = right
    for pivot in 0..<size {
      let best = (pivot..<size).max { abs(left[$0, pivot]) < abs(left[$1, pivot]) } ?? pivot
      guard left[best, pivot] != 0 else { return nil }
      if best != pivot {
        left.swapRows(best, pivot)
        right.swapRows(best, pivot)
      }
      let reciprocal = 1 / left[pivot, pivot]
      for row in pivot + 1..<max(size, pivot + 1) {
        let factor = left[row, pivot] * reciprocal
        for column in pivot + 1..<size { left[row, column] -= factor * left[pivot, column] }
        for column in 0..<size { right[row, column] -= factor * right[pivot, column] }
      }
    }
    for column in 0..<size {
      for row in stride(from: size - 1, through: 0, by: -1) {
        right[row, column] *= 1 / left[row, row]
        for above in 0..<row { right[above, column] -= left[above, row] * right[row, column] }
      }
    }
    return right.elements.allSatisfy(\.isFinite) ? right : nil
  }

  /// The lower triangular factor L with L · Lᵀ = self; nil when self isn't positive definite.
  var choleskyFactor: SquareMatrix? {
    var factor = SquareMatrix(size: size)
    for column in 0..<size {
      var pivot = self[column, column]
      for inner in 0..<column { pivot -= factor[column, inner] * factor[column, inner] }
      guard pivot > 0, pivot.isFinite else { return nil }
      factor[column, column] = pivot.squareRoot()
      for row in column + 1..<max(size, column + 1) {
        var sum = self[row, column]
        for inner in 0..<column { sum -= factor[row, inner] * factor[column, inner] }
        factor[row, column] = sum / factor[column, column]
      }
    }
    return factor
  }

  private mutating func swapRows(_ first: Int, _ second: Int) {
    for column in 0..<size { elements.swapAt(first * size + column, second * size + column) }
  }
}

extension SquareMatrix {
  /// The affine of a matrix of 4 rows, or of 3 rows for a plane.
  var affine: Affine {
    var result = Affine.identity
    for row in 0..<size - 1 {
      for column in 0..<size - 1 { result[row, column] = self[row, column] }
      result[row, 3] = self[row, size - 1]
    }
    return result
  }
}

extension Affine {
  /// The affine of the first `rank` voxel axes, as a matrix of rank + 1 rows.
  func matrix(rank: Int) -> SquareMatrix {
    var result = SquareMatrix.identity(rank + 1)
    for row in 0..<rank {
      for column in 0..<rank { result[row, column] = self[row, column] }
      result[row, rank] = self[row, 3]
    }
    return result
  }
}
