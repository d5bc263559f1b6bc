package import Tensors

/// Why an array file can't be read or written.
package enum NpyProblem: ArchiveProblem {
  case notNpy
  case unsupportedVersion(Int, Int)
  case truncatedHeader
  case malformedHeader(String)
  /// Elements of another kind than real numbers and booleans: complex, text, objects, records.
  case unsupportedType(String)
  case impossibleShape([Int])
  case wrongSize(expected: Int, found: Int)
  /// The format has no such element type.
  case cannotHold(ElementType)

  package var what: String {
    switch self {
    case .notNpy: "the file is no .npy array"
    case .unsupportedVersion(let major, let minor): "the .npy file has version \(major).\(minor)"
    case .truncatedHeader: "the .npy file is cut off in its header"
    case .malformedHeader(let reason): "the .npy header is malformed: \(reason)"
    case .unsupportedType(let type): "the array's type \(type.quotedForMessage) is not supported"
    case .impossibleShape(let shape): "the array has the impossible shape \(shape.prefix(16))"
    case .wrongSize(_, let found): "the .npy file has \(found) bytes of elements"
    case .cannotHold(let type): "a .npy file can't hold \(type)"
    }
  }

  package var expected: String? {
    switch self {
    case .unsupportedVersion: "1.0, 2.0 or 3.0"
    case .malformedHeader: "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}"
    case .unsupportedType: "real numbers of 1 to 8 bytes, or booleans"
    case .wrongSize(let expected, _): "\(expected) bytes, as its header says"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .notNpy, .unsupportedVersion: "write it with numpy.save"
    case .unsupportedType: "convert it with array.astype before numpy.save"
    case .cannotHold: "convert the tensor to float32 first"
    default: "the file is damaged or incomplete; write it again with numpy.save"
    }
  }
}
