package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.Generator`: an image from a latent vector, by a linear layer and transposed convolutions.
///
/// State-dict keys: `linear`, `conv.layer_<i>` (`.0`, `.1` with residual units).
package struct Generator: Network {
  package static let names = ["Generator"]
  package static let parameters = [
    "latent_shape", "start_shape", "channels", "strides", "kernel_size", "num_res_units", "act", "norm", "dropout",
    "bias",
  ]

  package let spatialDimensions = 0
  package let inputChannels: [Int] = []
  let latentShape: [Int]
  let startShape: [Int]
  let channels: [Int]
  let strides: [[Int]]
  let kernelSize: [Int]
  let residualUnits: Int
  let adn: ADN
  let hasBias: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    latentShape = try arguments.ints("latent_shape")
    startShape = try arguments.ints("start_shape")
    try Self.require(
      component, spatialDimensions: startShape.count - 1, channels: latentShape + startShape)
    let dimensions = startShape.count - 1
    channels = try arguments.ints("channels")
    strides = try arguments.spatialList("strides", dimensions: dimensions)
    kernelSize = try arguments.spatial("kernel_size", default: 3, dimensions: dimensions)
    residualUnits = try arguments.int("num_res_units", default: 2)
    adn = ADN(
      activation: try arguments.activation("act", default: LayerDescription("prelu")),
      normalization: try arguments.normalization("norm", default: LayerDescription("instance")))
    arguments.ignore("dropout")
    hasBias = try arguments.bool("bias", default: true)
    try arguments.finish()
    try Self.require(component, spatialDimensions: dimensions, channels: channels)
    try Self.require(component, "num_res_units", counts: [residualUnits])
    try Self.require(
      strides.count >= channels.count, component, "\(strides.count) strides for \(channels.count) channels",
      expected: "one for each")
  }

  package func inputTypes(spatialShape: [Int]) -> [TensorType] {
    [TensorType(.float32, [Dimension("batch")] + latentShape.map { Dimension($0) })]
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let flat = try builder.emit { try $0.flatten(inputs[0]) }
    let start = try builder.linear("linear", flat, outputs: startShape.reduce(1, *))
    var features = try builder.emit { try $0.reshape(start, [0] + startShape) }
    for (index, width) in channels.enumerated() {
      features = try builder.module("conv") { builder in
        let isLast = index == channels.count - 1
        return try builder.module("layer_\(index)") { try layer(&$0, features, width, strides[index], isLast) }
      }
    }
    return [features]
  }

  private func layer(
    _ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ strides: [Int], _ isLast: Bool
  ) throws -> Value {
    let upsampling = Convolution(
      outputChannels: width, strides: strides, kernelSize: kernelSize, hasBias: hasBias, isTransposed: true,
      adn: isLast || residualUnits > 0 ? nil : adn)
    guard residualUnits > 0 else { return try upsampling.build(&builder, input) }
    let larger = try builder.module("0") { try upsampling.build(&$0, input) }
    let unit = ResidualUnit(
      outputChannels: width, strides: strides.map { _ in 1 }, kernelSize: kernelSize, subunits: residualUnits,
      hasBias: hasBias, isLastConvolutionOnly: isLast, adn: adn)
    return try builder.module("1") { try unit.build(&$0, larger) }
  }
}
