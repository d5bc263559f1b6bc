/// Decompositions of the small matrices that geometry needs, by Jacobi's rotations (Golub and Van Loan, Matrix
/// Computations, 8.5 and 8.6.3): slow for large matrices, exact to the last bits for small ones.
enum MatrixDecomposition {
  /// A 3×3 matrix by columns: `matrix[column][row]`.
  typealias Columns = [[Double]]

  /// The orthogonal factor of the polar decomposition: `U·Vᵀ` of the singular value decomposition, restricted to the
  /// singular values above `largest · 3 · ε`, as nibabel's `io_orientation` does it.
  static func polarFactor(_ matrix: Columns) -> Columns {
    let (left, singularValues, right) = singularValueDecomposition(matrix)
    let tolerance = (singularValues.max() ?? 0) * 3 * Double.ulpOfOne
    var factor = Columns(repeating: [0, 0, 0], count: 3)
    for k in 0..<3 where singularValues[k] > tolerance {
      for column in 0..<3 {
        for row in 0..<3 { factor[column][row] += left[k][row] * right[k][column] }
      }
    }
    return factor
  }

  /// One-sided Jacobi: rotates the columns until they are orthogonal. Gives the columns of U (zero where the singular
  /// value is zero), the singular values in no order, and the columns of V.
  static func singularValueDecomposition(_ matrix: Columns) -> (left: Columns, values: [Double], right: Columns) {
    var work = matrix
    var right: Columns = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    for _ in 0..<60 {
      var hasRotated = false
      for (p, q) in [(0, 1), (0, 2), (1, 2)] {
        let alpha = dot(work[p], work[p])
        let beta = dot(work[q], work[q])
        let gamma = dot(work[p], work[q])
        guard abs(gamma) > Double.ulpOfOne * (alpha * beta).squareRoot(), gamma != 0 else { continue }
        hasRotated = true
        let zeta = (beta - alpha) / (2 * gamma)
        let tangent = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
        let cosine = 1 / (1 + tangent * tangent).squareRoot()
        rotate(&work, p, q, cosine, cosine * tangent)
        rotate(&right, p, q, cosine, cosine * tangent)
      }
      if !hasRotated { break }
    }
    let values = work.map { dot($0, $0).squareRoot() }
    let left = zip(work, values).map { column, value in value > 0 ? column.map { $0 / value } : column }
    return (left, values, right)
  }

  /// The eigenvector of the largest eigenvalue of a symmetric matrix (rows of equal length), of length one.
  static func dominantEigenvector(_ symmetric: [[Double]]) -> [Double] {
    var work = symmetric
    let size = work.count
    var vectors = (0..<size).map { row in (0..<size).map { $0 == row ? 1.0 : 0 } }
    for _ in 0..<60 {
      var hasRotated = false
      for p in 0..<size {
        for q in p + 1..<size where abs(work[p][q]) > 1e-300 {
          hasRotated = true
          let theta = (work[q][q] - work[p][p]) / (2 * work[p][q])
          let tangent = (theta < 0 ? -1 : 1) / (abs(theta) + (1 + theta * theta).squareRoot())
          let cosine = 1 / (1 + tangent * tangent).squareRoot()
          let sine = cosine * tangent
          for k in 0..<size {
            (work[k][p], work[k][q]) = (
              cosine * work[k][p] - sine * work[k][q], sine * work[k][p] + cosine * work[k][q]
            )
          }
          for k in 0..<size {
            (work[p][k], work[q][k]) = (
              cosine * work[p][k] - sine * work[q][k], sine * work[p][k] + cosine * work[q][k]
            )
          }
          work[p][q] = 0
          work[q][p] = 0
          rotate(&vectors, p, q, cosine, sine)
        }
      }
      if !hasRotated { break }
    }
    let dominant = (0..<size).reduce(0) { work[$1][$1] > work[$0][$0] ? $1 : $0 }
    return vectors[dominant]
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  private static func rotate(_ columns: inout [[Double]], _ p: Int, _ q: Int, _ cosine: Double, _ sine: Double) {
    for k in columns[p].indices {
      let (a, b) = (columns[p][k], columns[q][k])
      columns[p][k] = cosine * a - sine * b
      columns[q][k] = sine * a + cosine * b
    }
  }
}
