/// A rotation as a unit quaternion `a + bi + cj + dk`, as NIfTI's qform stores it.
struct Quaternion: Equatable {
  var a: Double
  var b: Double
  var c: Double
  var d: Double

  init(a: Double, b: Double, c: Double, d: Double) {
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  /// The unit quaternion with the parts b, c, d and a positive a; nil when these are longer than one. A square of `a`
  /// within `tolerance` of zero is zero, as nibabel's `fillpositive` has it.
  init?(b: Double, c: Double, d: Double, tolerance: Double) {
    let square = 1 - (b * b + c * c + d * d)
    guard square.isFinite else { return nil }
    if abs(square) < tolerance {
      self.init(a: 0, b: b, c: c, d: d)
    } else if square < 0 {
      return nil
    } else {
      self.init(a: square.squareRoot(), b: b, c: c, d: d)
    }
  }

  /// The quaternion of an orthogonal matrix without reflection, given by columns (Bar-Itzhack 2000, as nibabel's
  /// `mat2quat`): the dominant eigenvector of a symmetric matrix, with a ≥ 0.
  init(rotation m: MatrixDecomposition.Columns) {
    // m[column][row]: the part of world axis `row` in voxel axis `column`.
    let (xx, xy, xz) = (m[0][0], m[0][1], m[0][2])
    let (yx, yy, yz) = (m[1][0], m[1][1], m[1][2])
    let (zx, zy, zz) = (m[2][0], m[2][1], m[2][2])
    let symmetric = [
      [xx - yy - zz, yx + xy, zx + xz, yz - zy],
      [yx + xy, yy - xx - zz, zy + yz, zx - xz],
      [zx + xz, zy + yz, zz - xx - yy, xy - yx],
      [yz - zy, zx - xz, xy - yx, xx + yy + zz],
    ]
    let vector = MatrixDecomposition.dominantEigenvector(symmetric)
    let sign = vector[3] < 0 ? -1.0 : 1
    self.init(a: sign * vector[3], b: sign * vector[0], c: sign * vector[1], d: sign * vector[2])
  }

  /// The rotation matrix by rows; the quaternion needn't be of length one.
  var matrix: [[Double]] {
    let norm = a * a + b * b + c * c + d * d
    guard norm >= Double.ulpOfOne else { return [[1, 0, 0], [0, 1, 0], [0, 0, 1]] }
    let s = 2 / norm
    return [
      [1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)],
      [s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b)],
      [s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c)],
    ]
  }
}
