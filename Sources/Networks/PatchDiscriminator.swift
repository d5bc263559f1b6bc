package import Arguments
package import Graphs

/// `monai.networks.nets.PatchDiscriminator`: judges each patch of an image (https://arxiv.org/abs/1611.07004). All
/// layers' features are outputs, the last is the judgement.
///
/// State-dict keys: `initial_conv`, `<i>`, `final_conv`.
package struct PatchDiscriminator: Network {
  package static let names = ["PatchDiscriminator"]
  package static let parameters = [
    "spatial_dims", "channels", "in_channels", "out_channels", "num_layers_d", "kernel_size", "activation", "norm",
    "bias", "padding", "dropout", "last_conv_kernel_size",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let channels: Int
  let layers: Int
  let kernelSize: [Int]
  let padding: [Int]
  let lastKernel: Int
  let activation: Activation?
  let normalization: Normalization?
  let hasBias: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    channels = try arguments.int("channels")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels", default: 1)
    layers = try arguments.int("num_layers_d", default: 3)
    let kernel = try arguments.int("kernel_size", default: 4)
    activation = try arguments.activation("activation", default: .leakyReLU(0.2))
    normalization = try arguments.normalization("norm", default: .batch)
    hasBias = try arguments.bool("bias", default: false)
    let padding = try arguments.ints("padding", default: [1])
    lastKernel = try arguments.int("last_conv_kernel_size", default: kernel)
    arguments.ignore("dropout")
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + [outputChannels, channels, kernel, lastKernel])
    try Self.require((0...12).contains(layers), component, "num_layers_d is \(layers)", expected: "0 to 12")
    kernelSize = PerAxis.all(kernel).expanded(spatialDimensions)
    self.padding = padding.count == 1 ? PerAxis.all(padding[0]).expanded(spatialDimensions) : padding
    try Self.require(
      self.padding.count == spatialDimensions && padding.allSatisfy { (0...4096).contains($0) }, component,
      "padding is \(padding)", expected: "a number, or \(spatialDimensions) of them")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var outputs = [
      try builder.module("initial_conv") {
        try convolution(channels, stride: 2, hasBias: true, ADN(activation: activation)).build(&$0, inputs[0])
      }
    ]
    for layer in 0..<layers {
      let adn = ADN(activation: activation, normalization: normalization)
      let next = convolution(channels << (layer + 1), stride: layer == layers - 1 ? 1 : 2, hasBias: hasBias, adn)
      outputs.append(try builder.module("\(layer)") { try next.build(&$0, outputs[layer]) })
    }
    let last = outputs[layers]
    outputs.append(
      try builder.module("final_conv") {
        try $0.convolution(
          "conv", last, outputs: outputChannels, kernel: .all(lastKernel), padding: .all((lastKernel - 1) / 2))
      })
    return outputs
  }

  private func convolution(_ outputs: Int, stride: Int, hasBias: Bool, _ adn: ADN) -> Convolution {
    Convolution(
      outputChannels: outputs, strides: PerAxis.all(stride).expanded(spatialDimensions), kernelSize: kernelSize,
      hasBias: hasBias, padding: padding, adn: adn)
  }
}
