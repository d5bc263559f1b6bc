package import Diagnostics

/// The place of an image in the world can't be used.
package enum GeometryError: DiagnosedError, Equatable {
  /// The voxel axes don't span space: two are parallel, or one has no length.
  case degenerateAffine
  case notFinite
  /// Three letters were expected, one of each of L/R, P/A, I/S.
  case invalidAxisCodes(String)

  package var diagnosis: Diagnosis {
    switch self {
    case .degenerateAffine:
      Diagnosis(
        .data, "the voxel axes of the affine don't span space", expected: "three independent axes",
        hint: "repair the image's sform or qform")
    case .notFinite:
      Diagnosis(
        .data, "the affine holds a number that isn't finite", expected: "16 finite numbers",
        hint: "repair the image's sform or qform")
    case .invalidAxisCodes(let codes):
      Diagnosis(
        .data, "\"\(codes)\" names no orientation",
        expected: "three letters, one of each of L/R, P/A and I/S, such as RAS")
    }
  }
}
