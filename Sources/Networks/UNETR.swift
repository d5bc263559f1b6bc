package import Arguments
package import Graphs

/// `monai.networks.nets.UNETR`: a ViT of twelve blocks as the encoder of a U-Net (https://arxiv.org/abs/2103.10504).
///
/// State-dict keys: `vit`, `encoder1.layer`, `encoder2` … `encoder4`, `decoder5` … `decoder2`, `out`.
package struct UNETR: Network {
  package static let names = ["UNETR"]
  package static let parameters = [
    "in_channels", "out_channels", "img_size", "feature_size", "hidden_size", "mlp_dim", "num_heads", "proj_type",
    "norm_name", "conv_block", "res_block", "dropout_rate", "spatial_dims", "qkv_bias", "save_attn",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  package var fixedSpatialShape: [Int]? { encoder.imageSize }
  let outputChannels: Int
  let encoder: ViTEncoder
  let features: Int
  let normalization: Normalization?
  let hasConvolutionBlock: Bool
  let isResidual: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    features = try arguments.int("feature_size", default: 16)
    normalization = try arguments.normalization("norm_name", default: LayerDescription("instance"))
    hasConvolutionBlock = try arguments.bool("conv_block", default: true)
    isResidual = try arguments.bool("res_block", default: true)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3,
      channels: inputChannels + [outputChannels, features])
    encoder = try ViTEncoder(
      &arguments, patchSize: PerAxis.all(16).expanded(spatialDimensions), layers: 12)
    try arguments.finish()
    try Self.require(
      encoder.imageSize.allSatisfy { $0 % 16 == 0 }, component, "img_size is \(encoder.imageSize)",
      expected: "multiples of 16")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let (result, states) = try builder.module("vit") { try encoder.build(&$0, inputs[0], hasToken: false) }
    var skips = [
      try builder.module("encoder1") { builder in
        try builder.module("layer") { try block(features).build(&$0, inputs[0]) }
      }
    ]
    for (number, state) in [3, 6, 9].enumerated() {
      let image = try encoder.image(&builder, states[state])
      skips.append(
        try builder.module("encoder\(number + 2)") { try projectUp(&$0, image, features << (number + 1), 2 - number) })
    }
    var decoded = try encoder.image(&builder, result)
    for number in (2...5).reversed() {
      let up = UnetUpBlock(upsampleKernelSize: all(2), block: block(features << (number - 2)))
      decoded = try builder.module("decoder\(number)") { try up.build(&$0, decoded, skip: skips[number - 2]) }
    }
    return [try builder.unetOutput("out", decoded, outputs: outputChannels)]
  }

  private func all(_ value: Int) -> [Int] { PerAxis.all(value).expanded(spatialDimensions) }

  private func block(_ outputs: Int) -> UnetBlock {
    UnetBlock(
      outputChannels: outputs, kernelSize: all(3), strides: all(1), normalization: normalization,
      isResidual: isResidual)
  }

  /// `UnetrPrUpBlock`: a transposed convolution, then `count` more, each with a block.
  private func projectUp(
    _ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int, _ count: Int
  ) throws -> Value {
    let up = Convolution.padded(
      outputChannels: outputs, strides: all(2), kernelSize: all(2), isTransposed: true)
    var result = try builder.module("transp_conv_init") { try up.build(&$0, input) }
    for index in 0..<count {
      result = try builder.module("blocks") { builder in
        try builder.module("\(index)") { builder in
          guard hasConvolutionBlock else { return try up.build(&builder, result) }
          let larger = try builder.module("0") { try up.build(&$0, result) }
          return try builder.module("1") { try block(outputs).build(&$0, larger) }
        }
      }
    }
    return result
  }
}
