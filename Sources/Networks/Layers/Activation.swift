import Arguments
import Graphs
import Tensors

/// MONAI's activation factory (`monai.networks.layers.Act`) in evaluation mode.
package enum Activation: Sendable, Hashable {
  case elu(alpha: Float)
  case relu
  case leakyReLU(slope: Float)
  /// One learned slope, or one per channel; state-dict key `weight`.
  case prelu(parameters: Int)
  case relu6
  case selu
  case celu(alpha: Float)
  case gelu(isApproximate: Bool)
  case sigmoid
  case tanh
  /// nil for PyTorch's implicit axis: 1, or 0 for tensors of rank 3.
  case softmax(axis: Int?)
  case logSoftmax(axis: Int?)
  /// x · sigmoid(alpha · x)
  case swish(alpha: Float)
  case mish
  /// The first half of the last axis times the GELU of the second.
  case geglu

  /// Reads the description with PyTorch's argument names and defaults.
  /// - Throws: `ArgumentError`.
  init(_ description: LayerDescription) throws {
    var arguments = description.reader
    arguments.ignore("inplace")
    switch description.name {
    case "elu": self = .elu(alpha: Float(try arguments.double("alpha", default: 1)))
    case "relu": self = .relu
    case "leakyrelu": self = .leakyReLU(slope: Float(try arguments.double("negative_slope", default: 0.01)))
    case "prelu":
      arguments.ignore("init")
      let count = try arguments.int("num_parameters", default: 1)
      guard (1...1 << 20).contains(count) else {
        throw arguments.unsupported("num_parameters", "\(count)", supported: "a positive number")
      }
      self = .prelu(parameters: count)
    case "relu6": self = .relu6
    case "selu": self = .selu
    case "celu": self = .celu(alpha: Float(try arguments.double("alpha", default: 1)))
    case "gelu":
      let form = try arguments.string("approximate", default: "none")
      guard form == "none" || form == "tanh" else {
        throw arguments.unsupported("approximate", "'\(form)'", supported: "none, tanh")
      }
      self = .gelu(isApproximate: form == "tanh")
    case "sigmoid": self = .sigmoid
    case "tanh": self = .tanh
    case "softmax": self = .softmax(axis: try arguments.optionalInt("dim"))
    case "logsoftmax": self = .logSoftmax(axis: try arguments.optionalInt("dim"))
    case "swish": self = .swish(alpha: Float(try arguments.double("alpha", default: 1)))
    case "memswish": self = .swish(alpha: 1)
    case "mish": self = .mish
    case "geglu": self = .geglu
    default:
      throw arguments.unsupported(
        "name", "'\(description.name)'",
        supported: "elu, relu, leakyrelu, prelu, relu6, selu, celu, gelu, sigmoid, tanh, softmax, logsoftmax, swish, "
          + "memswish, mish, geglu")
    }
    try arguments.finish()
  }

  /// Applies the activation in the current module.
  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    switch self {
    case .prelu(let parameters):
      // [parameters] → [parameters, 1, …], so that it broadcasts along the channels.
      let slope = builder.weightTensor("weight", [parameters])
      let shape = Shape([parameters] + Array(repeating: 1, count: builder.type(of: input).rank - 2))
      let constant = builder.graph.constant(slope.reshaped(shape), name: builder.key("weight"))
      return try builder.emit { try $0.prelu(input, slope: constant) }
    default:
      return try builder.emit { try build(&$0, input) }
    }
  }

  private func build(_ graph: inout Graph, _ input: Value) throws -> Value {
    switch self {
    case .elu(let alpha): return try graph.elu(input, alpha: alpha)
    case .relu, .prelu: return try graph.relu(input)
    case .leakyReLU(let slope): return try graph.leakyRelu(input, slope: slope)
    case .relu6: return try graph.clip(input, 0...6)
    case .selu: return try graph.selu(input)
    case .celu(let alpha): return try graph.celu(input, alpha: alpha)
    case .gelu(let isApproximate): return try graph.gelu(input, isApproximate: isApproximate)
    case .sigmoid: return try graph.sigmoid(input)
    case .tanh: return try graph.tanh(input)
    case .softmax(let axis):
      return try graph.softmax(input, axis: axis ?? (graph.type(of: input).rank == 3 ? 0 : 1))
    case .logSoftmax(let axis):
      return try graph.logSoftmax(input, axis: axis ?? (graph.type(of: input).rank == 3 ? 0 : 1))
    case .swish(let alpha):
      var scaled = input
      if alpha != 1 { scaled = try graph.multiply(input, graph.constant([alpha], shape: [], name: "alpha")) }
      return try graph.multiply(input, graph.sigmoid(scaled))
    case .mish: return try graph.mish(input)
    case .geglu:
      let axis = graph.type(of: input).rank - 1
      guard let extent = graph.type(of: input).shape[axis].constant, extent % 2 == 0 else {
        throw GraphError.invalidNode(
          node: "geglu", operator: "Slice", reason: "the last axis of \(graph.type(of: input)) can't be halved",
          expected: "an even, fixed extent")
      }
      let value = try graph.slice(input, axis: axis, 0..<extent / 2)
      let gate = try graph.slice(input, axis: axis, extent / 2..<extent)
      return try graph.multiply(value, graph.gelu(gate))
    }
  }
}
