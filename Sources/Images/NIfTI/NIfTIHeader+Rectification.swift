extension NIfTIHeader {
  /// The affine that MONAI's `LoadImage` works with. It differs from ``affine`` only when that one's spacing
  /// contradicts pixdim and the other of sform and qform agrees with it: then the other one counts
  /// (`correct_nifti_header_if_necessary`, for images of up to four axes).
  package var rectifiedAffine: Affine {
    guard shape.count < 5, !agrees(affine) else { return affine }
    let isSformRight = agrees(sform)
    let isQformRight = qform.map(agrees) ?? false
    if sformCode != 0 {
      guard !isSformRight, isQformRight, let qform else { return affine }
      return stored(qform)
    }
    if qformCode != 0, !isQformRight, isSformRight { return qform(encoding: sform) ?? affine }
    return affine
  }

  /// Whether the columns of `candidate` are as long as pixdim says, compared over as many rows and columns as the image
  /// has axes and with numpy's `allclose` tolerance.
  private func agrees(_ candidate: Affine) -> Bool {
    (0..<shape.count).allSatisfy { column in
      let square = (0..<shape.count).reduce(0.0) { $0 + candidate[$1, column] * candidate[$1, column] }
      let length = square == 0 ? 1 : square.squareRoot()
      return abs(length - pixdim[column + 1]) <= 1e-8 + 1e-5 * abs(pixdim[column + 1])
    }
  }

  /// `affine` as this version of the header stores it: NIfTI-1 rounds to float32.
  private func stored(_ affine: Affine) -> Affine {
    guard version == .one else { return affine }
    return Affine(rows: (0..<4).map { row in (0..<4).map { Double(Float(affine[row, $0])) } })
  }

  /// The affine that a qform made of `affine` describes; nil when its axes don't span space.
  private func qform(encoding affine: Affine) -> Affine? {
    guard let parts = QformParts(affine) else { return nil }
    let round: (Double) -> Double = { version == .one ? Double(Float($0)) : $0 }
    let tolerance = 3 * (version == .one ? Double(Float.ulpOfOne) : Double.ulpOfOne)
    let stored = Quaternion(
      b: round(parts.quaternion.b), c: round(parts.quaternion.c), d: round(parts.quaternion.d), tolerance: tolerance)
    guard let rotation = stored?.matrix else { return nil }
    let scales = [round(parts.spacing[0]), round(parts.spacing[1]), round(parts.spacing[2]) * parts.handedness]
    return Affine(
      rows: (0..<3).map { row in
        (0..<3).map { rotation[row][$0] * scales[$0] } + [round(affine[row, 3])]
      } + [[0, 0, 0, 1]])
  }
}

/// What a qform stores of an affine: its shears are lost.
struct QformParts {
  var quaternion: Quaternion
  /// 1, or -1 when the third axis is reversed to make a right-handed system.
  var handedness: Double
  var spacing: [Double]

  /// Nil when the axes of `affine` don't span space.
  init?(_ affine: Affine) {
    let spacing = affine.spacing
    guard affine.isFinite, spacing.allSatisfy({ $0 > 0 }) else { return nil }
    var columns = (0..<3).map { column in (0..<3).map { affine[$0, column] / spacing[column] } }
    self.spacing = spacing
    handedness = affine.determinant > 0 ? 1 : -1
    if handedness < 0 { columns[2] = columns[2].map { -$0 } }
    quaternion = Quaternion(rotation: MatrixDecomposition.polarFactor(columns))
  }
}
