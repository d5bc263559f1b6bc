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

  /// The product with fused multiply-adds, as BLAS (numpy) computes it; `*` rounds each product, as PyTorch does for
  /// matrices as small as these.
  func fused(_ right: SquareMatrix) -> SquareMatrix {
    var result = SquareMatrix(size: size)
    for row in 0..<size {
      for column in 0..<size {
        var sum = 0.0
        for inner in 0..<size { sum.addProduct(self[row, inner], right[inner, column]) }
        result[row, column] = sum
      }
    }
    return result
  }

  /// The matrix X with self · X = `right`; nil when self is singular or not finite.
  ///
  /// Crout's elimination with row pivoting, column by column, then substitution with fused multiply-adds, as LAPACK's `gesv`
  /// does it for small matrices (numpy's OpenBLAS on processors that have them).
  func solve(_ right: SquareMatrix) -> SquareMatrix? {
    guard elements.allSatisfy(\.isFinite), right.elements.allSatisfy(\.isFinite) else { return nil }
    var factors = self
    var right = right
    for column in 0..<size {
      for row in 0..<size {
        var sum = 0.0
        for inner in 0..<min(row, column) { sum += factors[row, inner] * factors[inner, column] }
        factors[row, column] -= sum
      }
      let pivot = (column..<size).max { abs(factors[$0, column]) < abs(factors[$1, column]) } ?? column
      guard factors[pivot, column] != 0 else { return nil }
      if pivot != column {
        factors.swapRows(pivot, column)
        right.swapRows(pivot, column)
      }
      let reciprocal = 1 / factors[column, column]
      for row in column + 1..<max(size, column + 1) { factors[row, column] *= reciprocal }
    }
    for column in 0..<size { factors.substitute(&right, column) }
    return right.elements.allSatisfy(\.isFinite) ? right : nil
  }

  /// Forward and back substitution of one column, self holding both triangular factors.
  private func substitute(_ right: inout SquareMatrix, _ column: Int) {
    for row in 0..<size {
      for below in row + 1..<max(size, row + 1) {
        right[below, column].addProduct(-right[row, column], self[below, row])
      }
    }
    for row in stride(from: size - 1, through: 0, by: -1) {
      right[row, column] *= 1 / self[row, row]
      for above in 0..<row { right[above, column].addProduct(-right[row, column], self[above, row]) }
    }
  }

  /// The lower triangular factor L with L · Lᵀ = self; nil when self isn't positive definite.
  var choleskyFactor: SquareMatrix? {
    var factor = SquareMatrix(size: size)
    for column in 0..<size {
      var square = 0.0
      for inner in 0..<column { square += factor[column, inner] * factor[column, inner] }
      let pivot = self[column, column] - square
      guard pivot > 0, pivot.isFinite else { return nil }
      factor[column, column] = pivot.squareRoot()
      let reciprocal = 1 / factor[column, column]
      for row in column + 1..<max(size, column + 1) {
        var sum = 0.0
        for inner in 0..<column { sum += factor[row, inner] * factor[column, inner] }
        factor[row, column] = (self[row, column] - sum) * reciprocal
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
