import Arguments
import Graphs
import Tensors

/// PyTorch's layers, each under its attribute name: the keys of its weights are `name.weight`, `name.bias`.
extension NetworkBuilder {
  /// The spatial extents of `[N, C, spatial…]`, which are always fixed.
  func spatial(of value: Value) -> [Int] { type(of: value).spatial.map { $0.constant ?? 0 } }

  /// The number of spatial axes of `[N, C, spatial…]`.
  func spatialRank(of value: Value) -> Int { type(of: value).rank - 2 }

  /// `torch.nn.Conv1d`, `Conv2d`, `Conv3d`.
  mutating func convolution(
    _ name: String, _ input: Value, outputs: Int, kernel: PerAxis, strides: PerAxis = 1, padding: PerAxis = 0,
    dilations: PerAxis = 1, groups: Int = 1, hasBias: Bool = true
  ) throws -> Value {
    let rank = spatialRank(of: input)
    let channels = channels(of: input)
    return try module(name) { builder in
      let weight = builder.weight("weight", Shape([outputs, channels / max(groups, 1)] + kernel.expanded(rank)))
      let bias = hasBias ? builder.weight("bias", [outputs]) : nil
      return try builder.emit {
        try $0.conv(
          input, weight: weight, bias: bias, strides: strides.expanded(rank), padding: padding.expanded(rank),
          dilations: dilations.expanded(rank), groups: groups)
      }
    }
  }

  /// `torch.nn.ConvTranspose1d`, `ConvTranspose2d`, `ConvTranspose3d`.
  mutating func transposedConvolution(
    _ name: String, _ input: Value, outputs: Int, kernel: PerAxis, strides: PerAxis = 1, padding: PerAxis = 0,
    outputPadding: PerAxis = 0, groups: Int = 1, hasBias: Bool = true
  ) throws -> Value {
    let rank = spatialRank(of: input)
    let channels = channels(of: input)
    return try module(name) { builder in
      let weight = builder.weight("weight", Shape([channels, outputs / max(groups, 1)] + kernel.expanded(rank)))
      let bias = hasBias ? builder.weight("bias", [outputs]) : nil
      return try builder.emit {
        try $0.convTranspose(
          input, weight: weight, bias: bias, strides: strides.expanded(rank), padding: padding.expanded(rank),
          outputPadding: outputPadding.expanded(rank), groups: groups)
      }
    }
  }

  /// `torch.nn.Linear` over the last axis.
  mutating func linear(_ name: String, _ input: Value, outputs: Int, hasBias: Bool = true) throws -> Value {
    let type = type(of: input)
    let features = type.shape.last?.constant ?? 0
    return try module(name) { builder in
      let bias = hasBias ? builder.weight("bias", [outputs]) : nil
      if type.rank == 2 {
        let weight = builder.weight("weight", [outputs, features])
        return try builder.emit { try $0.gemm(input, weight: weight, bias: bias) }
      }
      let transposed = builder.weightTensor("weight", [outputs, features]).permuted([1, 0])
      let weight = builder.graph.constant(transposed, name: builder.key("weight"))
      return try builder.emit { graph in
        let product = try graph.matmul(input, weight)
        return try bias.map { try graph.add(product, $0) } ?? product
      }
    }
  }

  /// A normalisation, or the identity for nil.
  mutating func normalize(_ name: String, _ input: Value, _ normalization: Normalization?) throws -> Value {
    guard let normalization else { return input }
    return try module(name) { try normalization.build(&$0, input) }
  }

  /// `torch.nn.LayerNorm` over the last axis.
  mutating func layerNorm(_ name: String, _ input: Value, epsilon: Float = 1e-5) throws -> Value {
    let features = type(of: input).shape.last?.constant ?? 0
    return try normalize(
      name, input, .layer(shape: [features], epsilon: epsilon, isAffine: true, hasBias: true))
  }

  /// An activation, or the identity for nil.
  mutating func activate(_ name: String, _ input: Value, _ activation: Activation?) throws -> Value {
    guard let activation else { return input }
    return try module(name) { try activation.build(&$0, input) }
  }

  mutating func relu(_ input: Value) throws -> Value { try emit { try $0.relu(input) } }
  mutating func sigmoid(_ input: Value) throws -> Value { try emit { try $0.sigmoid(input) } }
  mutating func add(_ left: Value, _ right: Value) throws -> Value { try emit { try $0.add(left, right) } }

  /// The inputs joined along the channels.
  mutating func concat(_ inputs: [Value]) throws -> Value { try emit { try $0.concat(inputs, axis: 1) } }

  /// `torch.nn.MaxPool…d`.
  mutating func maxPool(
    _ input: Value, kernel: PerAxis, strides: PerAxis? = nil, padding: PerAxis = 0, isCeiling: Bool = false
  ) throws -> Value {
    let rank = spatialRank(of: input)
    return try emit {
      try $0.maxPool(
        input, kernel: kernel.expanded(rank), strides: (strides ?? kernel).expanded(rank),
        padding: padding.expanded(rank), isCeiling: isCeiling)
    }
  }

  /// `torch.nn.AvgPool…d`.
  mutating func averagePool(
    _ input: Value, kernel: PerAxis, strides: PerAxis? = nil, padding: PerAxis = 0
  ) throws -> Value {
    let rank = spatialRank(of: input)
    return try emit {
      try $0.averagePool(
        input, kernel: kernel.expanded(rank), strides: (strides ?? kernel).expanded(rank),
        padding: padding.expanded(rank))
    }
  }

  /// The mean over all positions: `[N, C, spatial…]` to `[N, C]`.
  mutating func globalAverage(_ input: Value) throws -> Value {
    try emit { try $0.flatten($0.globalAveragePool(input)) }
  }

  /// `torch.nn.Sequential`: each layer under its number.
  mutating func sequence<Layer>(
    _ layers: [Layer], _ input: Value, _ body: (inout NetworkBuilder, Layer, Value) throws -> Value
  ) throws -> Value {
    try layers.enumerated().reduce(input) { value, layer in
      try module("\(layer.offset)") { try body(&$0, layer.element, value) }
    }
  }
}
