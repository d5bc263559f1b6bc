package import Tensors

/// An attribute of a node, of one of the kinds that ONNX operators have.
package enum Attribute: Sendable {
  case int(Int)
  case float(Float)
  case string(String)
  case ints([Int])
  case floats([Float])
  case tensor(Tensor)

  package enum Kind: String, Sendable { case int, float, string, ints, floats, tensor }

  package var kind: Kind {
    switch self {
    case .int: .int
    case .float: .float
    case .string: .string
    case .ints: .ints
    case .floats: .floats
    case .tensor: .tensor
    }
  }
}

extension Attribute: CustomStringConvertible {
  package var description: String {
    switch self {
    case .int(let value): "\(value)"
    case .float(let value): "\(value)"
    case .string(let value): "\"\(value)\""
    case .ints(let values): "\(values)"
    case .floats(let values): "\(values)"
    case .tensor(let tensor): "tensor \(tensor.elementType) \(tensor.shape)"
    }
  }
}
