import Arguments
import Graphs
import Tensors

/// MONAI's normalisation factory (`monai.networks.layers.Norm`) in evaluation mode, with PyTorch's state-dict keys
/// `weight`, `bias`, `running_mean`, `running_var`.
package enum Normalization: Sendable, Hashable {
  /// The given statistics per channel; also instance norm that tracks running statistics.
  case batch(epsilon: Float, isAffine: Bool)
  /// The statistics of each sample's channel.
  case instance(epsilon: Float, isAffine: Bool)
  /// The statistics of each sample's group of channels.
  case group(groups: Int, epsilon: Float, isAffine: Bool)
  case layer(shape: [Int], epsilon: Float, isAffine: Bool, hasBias: Bool)
  case localResponse(size: Int, alpha: Float, beta: Float, bias: Float)

  /// Reads the description with PyTorch's argument names and defaults.
  /// - Throws: `ArgumentError`.
  init(_ description: LayerDescription) throws {
    var arguments = description.reader
    arguments.ignore("momentum", "process_group", "num_features", "num_channels", "device", "dtype")
    switch description.name {
    case "batch", "syncbatch":
      let epsilon = Float(try arguments.double("eps", default: 1e-5))
      let isAffine = try arguments.bool("affine", default: true)
      // Without running statistics PyTorch takes those of the batch, in evaluation too.
      guard try arguments.bool("track_running_stats", default: true) else {
        throw arguments.unsupported(
          "track_running_stats", "false", supported: "true: statistics of the whole batch tie its samples together")
      }
      self = .batch(epsilon: epsilon, isAffine: isAffine)
    case "instance", "instance_nvfuser":
      let epsilon = Float(try arguments.double("eps", default: 1e-5))
      let isAffine = try arguments.bool("affine", default: false)
      let isTracking = try arguments.bool("track_running_stats", default: false)
      self = isTracking ? .batch(epsilon: epsilon, isAffine: isAffine) : .instance(epsilon: epsilon, isAffine: isAffine)
    case "group":
      self = .group(
        groups: try arguments.int("num_groups"), epsilon: Float(try arguments.double("eps", default: 1e-5)),
        isAffine: try arguments.bool("affine", default: true))
    case "layer":
      let isAffine = try arguments.bool("elementwise_affine", default: true)
      let shape = try arguments.ints("normalized_shape")
      guard !shape.isEmpty, shape.count <= 8, shape.allSatisfy({ (1...1 << 20).contains($0) }),
        shape.reduce(1.0, { $0 * Double($1) }) <= 0x1p28
      else { throw arguments.unsupported("normalized_shape", "\(shape)", supported: "positive numbers") }
      self = .layer(
        shape: shape, epsilon: Float(try arguments.double("eps", default: 1e-5)),
        isAffine: isAffine, hasBias: try arguments.bool("bias", default: true) && isAffine)
    case "localresponse":
      self = .localResponse(
        size: try arguments.int("size"), alpha: Float(try arguments.double("alpha", default: 1e-4)),
        beta: Float(try arguments.double("beta", default: 0.75)), bias: Float(try arguments.double("k", default: 1)))
    default:
      throw arguments.unsupported(
        "name", "'\(description.name)'",
        supported: "batch, instance, instance_nvfuser, group, layer, localresponse, syncbatch")
    }
    try arguments.finish()
  }

  /// Applies the normalisation to `[N, C, …]` in the current module.
  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let channels = builder.channels(of: input)
    switch self {
    case .batch(let epsilon, let isAffine):
      let (scale, bias) = parameters(&builder, [channels], isAffine)
      let mean = builder.weight("running_mean", [channels])
      let variance = builder.weight("running_var", [channels])
      return try builder.emit {
        try $0.batchNormalization(input, scale: scale, bias: bias, mean: mean, variance: variance, epsilon: epsilon)
      }
    case .instance(let epsilon, let isAffine):
      let (scale, bias) = parameters(&builder, [channels], isAffine)
      return try builder.emit { try $0.instanceNormalization(input, scale: scale, bias: bias, epsilon: epsilon) }
    case .group(let groups, let epsilon, let isAffine):
      let scale = isAffine ? builder.weight("weight", [channels]) : nil
      let bias = isAffine ? builder.weight("bias", [channels]) : nil
      return try builder.emit {
        try $0.groupNormalization(input, groups: groups, scale: scale, bias: bias, epsilon: epsilon)
      }
    case .layer(let shape, let epsilon, let isAffine, let hasBias):
      let scale =
        isAffine
        ? builder.weight("weight", Shape(shape)) : builder.graph.constant(ones(shape), name: builder.key("weight"))
      let bias = hasBias ? builder.weight("bias", Shape(shape)) : nil
      let axis = builder.type(of: input).rank - shape.count
      return try builder.emit {
        try $0.layerNormalization(input, scale: scale, bias: bias, axis: axis, epsilon: epsilon)
      }
    case .localResponse(let size, let alpha, let beta, let bias):
      return try builder.emit {
        try $0.localResponseNormalization(input, size: size, alpha: alpha, beta: beta, bias: bias)
      }
    }
  }

  /// Scale and bias from the weights, or ones and zeros for a layer without them.
  private func parameters(_ builder: inout NetworkBuilder, _ shape: Shape, _ isAffine: Bool) -> (Value, Value) {
    if isAffine { return (builder.weight("weight", shape), builder.weight("bias", shape)) }
    return (
      builder.graph.constant(ones(shape.dimensions), name: builder.key("ones")),
      builder.graph.constant(Tensor(.float32, shape), name: builder.key("zeros"))
    )
  }

  private func ones(_ shape: [Int]) -> Tensor {
    Tensor(Array(repeating: Float(1), count: shape.reduce(1, *)), Shape(shape))
  }
}
