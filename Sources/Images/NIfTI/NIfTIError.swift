package import Diagnostics

/// A NIfTI file can't be read or written as asked. The dispatcher that knows the path adds it as the location.
package enum NIfTIError: DiagnosedError, Equatable {
  case notNIfTI
  case truncated(expected: Int, found: Int)
  case unsupportedDatatype(name: String, code: Int)
  case invalidShape([Int])
  case emptyImage([Int])
  case invalidVoxelOffset(Double)
  case notFinite(field: String)
  case invalidQuaternion
  case missingPair(path: String)
  /// The image has more axes than its use allows, trailing ones of extent 1 not counted.
  case tooManyAxes([Int], expected: String)
  case tooLargeToWrite([Int])

  package var diagnosis: Diagnosis {
    switch self {
    case .notNIfTI:
      Diagnosis(
        .data, "not a NIfTI file: the header has neither the size nor the magic of NIfTI-1 or NIfTI-2",
        expected: "a .nii, .nii.gz or .hdr/.img image")
    case .truncated(let expected, let found):
      Diagnosis(
        .data, "the file ends too early: \(found) bytes", expected: "\(expected) bytes after its header",
        hint: "copy or download the image again")
    case .unsupportedDatatype(let name, let code):
      Diagnosis(
        .data, "voxels of type \(name) (NIfTI datatype \(code)) are not supported",
        expected: "an integer of 8 to 64 bits, float32 or float64", hint: "convert the image to a real type")
    case .invalidShape(let shape):
      Diagnosis(.data, "the header gives the impossible dimensions \(shape)", expected: "1 to 7 positive extents")
    case .emptyImage(let shape):
      Diagnosis(.data, "the image has no voxels: its dimensions are \(shape)", expected: "positive extents")
    case .invalidVoxelOffset(let offset):
      Diagnosis(
        .data, "the voxels can't begin at byte \(offset)", expected: "a whole number of bytes behind the header")
    case .notFinite(let field):
      Diagnosis(
        .data, "the header's \(field) holds a number that isn't finite",
        hint: "the image's geometry is unusable; repair its header")
    case .invalidQuaternion:
      Diagnosis(.data, "the header's qform quaternion is longer than one", expected: "a unit quaternion")
    case .missingPair(let path):
      Diagnosis(
        .noInput, "the voxels of a .hdr/.img pair are missing", expected: path, hint: "put both files side by side")
    case .tooManyAxes(let shape, let expected):
      Diagnosis(
        .data, "the image has the dimensions \(shape)", expected: expected, hint: "split the image into volumes")
    case .tooLargeToWrite(let shape):
      Diagnosis(.data, "NIfTI-1 can't hold the dimensions \(shape)", expected: "1 to 32767 voxels along each axis")
    }
  }
}
