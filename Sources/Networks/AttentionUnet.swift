package import Arguments
package import Graphs

/// `monai.networks.nets.AttentionUnet`: a U-Net whose skip connections are weighted by an attention gate
/// (https://arxiv.org/abs/1804.03999).
///
/// State-dict keys: `model.0` (head), `model.1` (`submodule`, `attention`, `upconv`, `merge`, nested), `model.2`.
package struct AttentionUnet: Network {
  package static let names = ["AttentionUnet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "channels", "strides", "kernel_size", "up_kernel_size", "dropout",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let channels: [Int]
  let strides: [[Int]]
  let kernelSize: [Int]
  let upKernelSize: [Int]

  private static let batchReLU = ADN(activation: .relu, normalization: .batch(epsilon: 1e-5, isAffine: true))

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    channels = try arguments.ints("channels")
    try Self.require(
      component, spatialDimensions: spatialDimensions, channels: inputChannels + [outputChannels] + channels)
    strides = try arguments.spatialList("strides", dimensions: spatialDimensions)
    kernelSize = try arguments.spatial("kernel_size", default: 3, dimensions: spatialDimensions)
    upKernelSize = try arguments.spatial("up_kernel_size", default: 3, dimensions: spatialDimensions)
    arguments.ignore("dropout")
    try arguments.finish()
    try Self.require(
      channels.count >= 2 && strides.count >= channels.count - 1, component,
      "\(channels.count) channels and \(strides.count) strides",
      expected: "at least 2 channels, and a stride between each two")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let ones = kernelSize.map { _ in 1 }
    return [
      try builder.module("model") { builder in
        let head = try builder.module("0") { try convolutions(&$0, inputs[0], channels[0], ones) }
        let features = try builder.module("1") { try layer(&$0, head, 0) }
        return try builder.module("2") {
          try $0.convolution("conv", features, outputs: outputChannels, kernel: 1)
        }
      }
    ]
  }

  /// `AttentionLayer`: the levels below, made larger again, gate the input and are joined to it.
  private func layer(_ builder: inout NetworkBuilder, _ input: Value, _ level: Int) throws -> Value {
    let isBottom = level + 2 == channels.count
    let below = try builder.module("submodule") { builder -> Value in
      if isBottom { return try convolutions(&builder, input, channels[level + 1], strides[level]) }
      let smaller = try builder.module("0") { try convolutions(&$0, input, channels[level + 1], strides[level]) }
      return try builder.module("1") { try layer(&$0, smaller, level + 1) }
    }
    let upsampling = Convolution(
      outputChannels: channels[level], strides: strides[level], kernelSize: upKernelSize, isTransposed: true,
      adn: Self.batchReLU)
    let larger = try builder.module("upconv") { builder in
      try builder.module("up") { try upsampling.build(&$0, below) }
    }
    let gated = try builder.module("attention") { try gate(&$0, larger, input) }
    let joined = try builder.concat([gated, larger])
    // MONAI leaves norm and activation at Convolution's own defaults here.
    let merge = Convolution(
      outputChannels: channels[level], strides: kernelSize.map { _ in 1 }, kernelSize: kernelSize.map { _ in 3 },
      adn: ADN(activation: .prelu(parameters: 1), normalization: .instance(epsilon: 1e-5, isAffine: false)))
    return try builder.module("merge") { try merge.build(&$0, joined) }
  }

  /// `ConvBlock`; state-dict keys `conv.0`, `conv.1`.
  private func convolutions(
    _ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int, _ strides: [Int]
  ) throws -> Value {
    try builder.module("conv") { builder in
      try builder.sequence([strides, strides.map { _ in 1 }], input) { builder, strides, value in
        try Convolution(outputChannels: outputs, strides: strides, kernelSize: kernelSize, adn: Self.batchReLU)
          .build(&builder, value)
      }
    }
  }

  /// `AttentionBlock`: features · σ(psi(relu(W_g(gate) + W_x(features)))).
  private func gate(_ builder: inout NetworkBuilder, _ gate: Value, _ features: Value) throws -> Value {
    let width = builder.channels(of: features) / 2
    let fromGate = try projection(&builder, "W_g", gate, width)
    let fromFeatures = try projection(&builder, "W_x", features, width)
    let sum = try builder.relu(builder.add(fromGate, fromFeatures))
    let weight = try builder.sigmoid(projection(&builder, "psi", sum, 1))
    return try builder.emit { try $0.multiply(features, weight) }
  }

  private func projection(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int
  ) throws -> Value {
    try builder.module(name) { builder in
      let result = try builder.module("0") { try $0.convolution("conv", input, outputs: outputs, kernel: 1) }
      return try builder.normalize("1", result, .batch(epsilon: 1e-5, isAffine: true))
    }
  }
}
