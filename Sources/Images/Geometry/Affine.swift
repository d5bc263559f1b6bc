/// The 4×4 matrix from voxel indices (i, j, k, 1) to world coordinates in mm, RAS+: x grows to the patient's right,
/// y to the front, z to the head, as NIfTI and nibabel have it.
package struct Affine: Sendable, Hashable {
  /// 16 numbers, row-major; the last row is 0 0 0 1.
  package private(set) var elements: [Double]

  package static let identity = Affine(rows: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])

  /// Four rows of four.
  package init(rows: [[Double]]) {
    precondition(rows.count == 4 && rows.allSatisfy { $0.count == 4 }, "an affine has four rows of four")
    elements = rows.flatMap(\.self)
  }

  package subscript(row: Int, column: Int) -> Double {
    get { elements[row * 4 + column] }
    set { elements[row * 4 + column] = newValue }
  }

  /// A diagonal matrix with `scales` and a last 1.
  package static func scaling(_ scales: [Double]) -> Affine {
    var result = identity
    for axis in 0..<3 { result[axis, axis] = scales[axis] }
    return result
  }

  package static func translation(_ offset: [Double]) -> Affine {
    var result = identity
    for axis in 0..<3 { result[axis, 3] = offset[axis] }
    return result
  }

  package static func * (left: Affine, right: Affine) -> Affine {
    var result = identity
    for row in 0..<4 {
      for column in 0..<4 {
        var sum = 0.0
        for inner in 0..<4 { sum += left[row, inner] * right[inner, column] }
        result[row, column] = sum
      }
    }
    return result
  }

  /// World coordinates of the voxel position `point` (three numbers).
  package func apply(_ point: [Double]) -> [Double] {
    (0..<3).map { row in self[row, 0] * point[0] + self[row, 1] * point[1] + self[row, 2] * point[2] + self[row, 3] }
  }

  package var isFinite: Bool { elements.allSatisfy(\.isFinite) }

  /// The length of each voxel axis in mm: the norms of the columns.
  package var spacing: [Double] {
    (0..<3).map { column in
      (self[0, column] * self[0, column] + self[1, column] * self[1, column] + self[2, column] * self[2, column])
        .squareRoot()
    }
  }

  /// The determinant of the 3×3 part; zero when the axes don't span space.
  package var determinant: Double {
    let m = self
    return m[0, 0] * (m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]) - m[0, 1] * (m[1, 0] * m[2, 2] - m[1, 2] * m[2, 0])
      + m[0, 2] * (m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0])
  }

  /// The inverse, by Gauss-Jordan elimination with row pivoting; nil when the matrix is singular or not finite.
  package var inverse: Affine? {
    guard isFinite else { return nil }
    var left = self
    var right = Affine.identity
    for column in 0..<4 {
      let pivot = (column..<4).max { abs(left[$0, column]) < abs(left[$1, column]) } ?? column
      guard abs(left[pivot, column]) > 1e-300 else { return nil }
      for k in 0..<4 where pivot != column {
        (left[pivot, k], left[column, k]) = (left[column, k], left[pivot, k])
        (right[pivot, k], right[column, k]) = (right[column, k], right[pivot, k])
      }
      let scale = 1 / left[column, column]
      for k in 0..<4 {
        left[column, k] *= scale
        right[column, k] *= scale
      }
      for row in 0..<4 where row != column {
        let factor = left[row, column]
        guard factor != 0 else { continue }
        for k in 0..<4 {
          left[row, k] -= factor * left[column, k]
          right[row, k] -= factor * right[column, k]
        }
      }
    }
    return right
  }
}
