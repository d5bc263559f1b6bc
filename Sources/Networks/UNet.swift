package import Arguments
package import Graphs

/// `monai.networks.nets.UNet`: an encoder and a decoder of strided convolutions with residual units, each level's
/// features joined to the decoder's (https://link.springer.com/chapter/10.1007/978-3-030-12029-0_40).
///
/// Each level is PyTorch's `Sequential(down, SkipConnection(below), up)`, so the keys nest: `model.0` is the top's
/// down path, `model.1.submodule.0` the next level's, `model.2` the top's up path.
package struct UNet: Network {
  package static let names = ["UNet", "Unet", "CheckpointUNet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "channels", "strides", "kernel_size", "up_kernel_size",
    "num_res_units", "act", "norm", "dropout", "bias", "adn_ordering",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let channels: [Int]
  /// Per level, one number per spatial axis.
  let strides: [[Int]]
  let kernelSize: [Int]
  let upKernelSize: [Int]
  let residualUnits: Int
  let hasBias: Bool
  let adn: ADN

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    channels = try arguments.ints("channels")
    kernelSize = try arguments.spatial("kernel_size", default: 3, dimensions: spatialDimensions)
    upKernelSize = try arguments.spatial("up_kernel_size", default: 3, dimensions: spatialDimensions)
    strides = try arguments.spatialList("strides", dimensions: spatialDimensions)
    residualUnits = try arguments.int("num_res_units", default: 0)
    hasBias = try arguments.bool("bias", default: true)
    let activation = try arguments.layer("act", default: LayerDescription("prelu"))
    let normalization = try arguments.layer("norm", default: LayerDescription("instance"))
    let ordering = try arguments.string("adn_ordering", default: "NDA")
    arguments.ignore("dropout")
    try arguments.finish()

    try Self.require(component, "num_res_units", counts: [residualUnits])
    guard (1...3).contains(spatialDimensions) else {
      throw Self.invalid(component, "spatial_dims is \(spatialDimensions)", expected: "1, 2 or 3")
    }
    guard channels.count >= 2, (channels + inputChannels + [outputChannels]).allSatisfy({ $0 > 0 }) else {
      throw Self.invalid(component, "channels is \(channels)", expected: "at least two positive numbers")
    }
    guard strides.count >= channels.count - 1 else {
      throw Self.invalid(
        component, "\(strides.count) strides", expected: "\(channels.count - 1), one fewer than channels")
    }
    guard ADN.isValid(ordering) else {
      throw Self.invalid(component, "adn_ordering is '\(ordering)'", expected: "the letters A, D, N, each at most once")
    }
    adn = ADN(
      ordering: ordering, activation: try activation.map { try Activation($0) },
      normalization: try normalization.map { try Normalization($0) })
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    [try builder.module("model") { try level(&$0, inputs[0], 0, outputChannels) }]
  }

  /// The level `index` and all below it; gives `outputs` channels.
  private func level(_ builder: inout NetworkBuilder, _ input: Value, _ index: Int, _ outputs: Int) throws -> Value {
    let width = channels[index]
    let isTop = index == 0
    let encoded = try builder.module("0") { try down(&$0, input, width, strides[index]) }
    let below = try builder.module("1") { builder in
      try builder.module("submodule") { builder in
        index + 2 < channels.count
          ? try level(&builder, encoded, index + 1, width)
          : try down(&builder, encoded, channels[index + 1], kernelSize.map { _ in 1 })
      }
    }
    let joined = try builder.emit { try $0.concat([encoded, below], axis: 1) }
    return try builder.module("2") { try up(&$0, joined, outputs, strides[index], isTop) }
  }

  private func down(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ strides: [Int]) throws -> Value {
    guard residualUnits > 0 else {
      return try Convolution(
        outputChannels: width, strides: strides, kernelSize: kernelSize, hasBias: hasBias, adn: adn
      ).build(&builder, input)
    }
    return try ResidualUnit(
      outputChannels: width, strides: strides, kernelSize: kernelSize, subunits: residualUnits, hasBias: hasBias,
      adn: adn
    ).build(&builder, input)
  }

  private func up(
    _ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ strides: [Int], _ isTop: Bool
  ) throws -> Value {
    let upsampling = Convolution(
      outputChannels: width, strides: strides, kernelSize: upKernelSize, hasBias: hasBias, isTransposed: true,
      adn: isTop && residualUnits == 0 ? nil : adn)
    guard residualUnits > 0 else { return try upsampling.build(&builder, input) }
    let larger = try builder.module("0") { try upsampling.build(&$0, input) }
    let unit = ResidualUnit(
      outputChannels: width, strides: strides.map { _ in 1 }, kernelSize: kernelSize, subunits: 1, hasBias: hasBias,
      isLastConvolutionOnly: isTop, adn: adn)
    return try builder.module("1") { try unit.build(&$0, larger) }
  }
}
