import Tensors

/// Why a safetensors file can't be read.
package enum SafetensorsProblem: ArchiveProblem {
  case headerOutsideFile(size: UInt64)
  case malformedHeader(String)
  case unsupportedType(tensor: String, name: String)
  case outsideFile(tensor: String)
  case wrongSize(tensor: String, shape: [Int], bytes: Int)

  package var what: String {
    switch self {
    case .headerOutsideFile(let size): "the safetensors header should have \(size) bytes, more than the file"
    case .malformedHeader(let reason): "the safetensors header is malformed: \(reason)"
    case .unsupportedType(let tensor, let name):
      "tensor \(tensor.quotedForMessage) has the type \(name.quotedForMessage), which is not supported"
    case .outsideFile(let tensor): "tensor \(tensor.quotedForMessage) reaches outside the file"
    case .wrongSize(let tensor, let shape, let bytes):
      "tensor \(tensor.quotedForMessage) has \(bytes) bytes, which don't fit its shape \(shape.prefix(16))"
    }
  }

  package var expected: String? {
    switch self {
    case .unsupportedType: "one of \(Safetensors.elementTypes.keys.sorted().joined(separator: ", "))"
    default: nil
    }
  }

  package var hint: String? {
    switch self {
    case .unsupportedType: "convert the tensor and save the file again"
    default: "the file is damaged or incomplete; get it again from its source"
    }
  }
}
