package import Arguments
package import Graphs

/// `monai.networks.nets.SwinUNETR`: a Swin transformer as the encoder of a U-Net (https://arxiv.org/abs/2201.01266);
/// version 2 has a residual block before each stage.
///
/// State-dict keys: `swinViT`, `encoder1`, `encoder2`, `encoder3`, `encoder4`, `encoder10` (each `.layer`), `decoder5`
/// … `decoder1`, `out`.
package struct SwinUNETR: Network {
  package static let names = ["SwinUNETR"]
  package static let parameters = [
    "in_channels", "out_channels", "patch_size", "depths", "num_heads", "window_size", "qkv_bias", "mlp_ratio",
    "feature_size", "norm_name", "drop_rate", "attn_drop_rate", "dropout_path_rate", "normalize", "norm_layer",
    "patch_norm", "use_checkpoint", "spatial_dims", "downsample", "use_v2", "use_hyena", "hyena_stages",
    "hyena_kernel_size", "hyena_kernel_mlp_dim", "hyena_kernel_layers", "hyena_mask_max_attenuation",
    "hyena_fft_padding", "hyena_grid_type", "hyena_use_chunked_fft", "hyena_use_fft_short_conv", "hyena_omega_0",
    "hyena_l_cache", "hyena_short_conv_fft_chunks", "use_flash_attention",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let patchSize: Int
  let features: Int
  let normalization: Normalization?
  let transformer: SwinTransformer

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    patchSize = try arguments.int("patch_size", default: 2)
    features = try arguments.int("feature_size", default: 24)
    normalization = try arguments.normalization("norm_name", default: LayerDescription("instance"))
    let depths = try arguments.ints("depths", default: [2, 2, 2, 2])
    let heads = try arguments.ints("num_heads", default: [3, 6, 12, 24])
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3,
      channels: inputChannels + depths + heads + [outputChannels, patchSize, features])
    try Self.require(component, "depths", counts: depths)
    let windowSize = try arguments.spatial("window_size", default: 7, dimensions: spatialDimensions)
    let merging = try arguments.string("downsample", default: "merging")
    guard merging == "merging" || merging == "mergingv2" else {
      throw arguments.unsupported("downsample", "'\(merging)'", supported: "merging, mergingv2")
    }
    let ratio = try arguments.double("mlp_ratio", default: 4)
    transformer = SwinTransformer(
      features: features, patchSize: PerAxis.all(patchSize).expanded(spatialDimensions), windowSize: windowSize,
      depths: depths, heads: heads, mlpRatio: ratio, hasBias: try arguments.bool("qkv_bias", default: true),
      isNormalized: try arguments.bool("normalize", default: true),
      hasPatchNorm: try arguments.bool("patch_norm", default: false),
      isSecondVersion: try arguments.bool("use_v2", default: false), isSecondMerging: merging == "mergingv2")
    if try arguments.bool("use_hyena", default: false) || arguments.present("hyena_stages") != nil {
      throw arguments.unsupported("use_hyena", "True", supported: "False")
    }
    Self.ignoreWithoutEffect(&arguments)
    try arguments.finish()
    try Self.require(features % 12 == 0, component, "feature_size is \(features)", expected: "a multiple of 12")
    try Self.require(
      depths.count == 4 && heads.count == 4, component, "\(depths.count) depths and \(heads.count) num_heads",
      expected: "4 of both")
    try Self.require(
      heads.enumerated().allSatisfy { (features << $0.offset) % $0.element == 0 }, component, "num_heads is \(heads)",
      expected: "divisors of feature_size · 2^stage")
    try Self.require((0.01...64).contains(ratio), component, "mlp_ratio is \(ratio)", expected: "0.01 to 64")
  }

  private static func ignoreWithoutEffect(_ arguments: inout ArgumentReader) {
    arguments.ignore("drop_rate", "attn_drop_rate", "dropout_path_rate", "use_checkpoint", "use_flash_attention")
    // LayerNorm is the only one that works.
    arguments.ignore("norm_layer")
    // Arguments of hyena blocks, which are off.
    arguments.ignore(
      "hyena_kernel_size", "hyena_kernel_mlp_dim", "hyena_kernel_layers", "hyena_mask_max_attenuation",
      "hyena_fft_padding", "hyena_grid_type", "hyena_use_chunked_fft", "hyena_use_fft_short_conv", "hyena_omega_0",
      "hyena_l_cache", "hyena_short_conv_fft_chunks")
    // MONAI before 1.5 asked for the image size and only checked it.
    arguments.ignore("img_size")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let factor = patchSize * patchSize * patchSize * patchSize * patchSize
    let shape = builder.spatial(of: inputs[0])
    guard shape.allSatisfy({ $0 % factor == 0 }) else {
      throw NetworkError.invalidDefinition(
        network: Self.name, path: "input", reason: "the spatial shape \(shape)", expected: "multiples of \(factor)")
    }
    let states = try builder.module("swinViT") { try transformer.build(&$0, inputs[0]) }
    var skips = [try encode(&builder, 1, inputs[0], features)]
    for level in 0..<3 { skips.append(try encode(&builder, level + 2, states[level], features << level)) }
    skips.append(states[3])
    var decoded = try encode(&builder, 10, states[4], features << 4)
    for number in (1...5).reversed() {
      let up = UnetUpBlock(upsampleKernelSize: all(2), block: block(features << max(number - 2, 0)))
      decoded = try builder.module("decoder\(number)") { try up.build(&$0, decoded, skip: skips[number - 1]) }
    }
    return [try builder.unetOutput("out", decoded, outputs: outputChannels)]
  }

  private func all(_ value: Int) -> [Int] { PerAxis.all(value).expanded(spatialDimensions) }

  private func block(_ outputs: Int) -> UnetBlock {
    UnetBlock(
      outputChannels: outputs, kernelSize: all(3), strides: all(1), normalization: normalization, isResidual: true)
  }

  private func encode(
    _ builder: inout NetworkBuilder, _ number: Int, _ input: Value, _ outputs: Int
  ) throws -> Value {
    try builder.module("encoder\(number)") { builder in
      try builder.module("layer") { try block(outputs).build(&$0, input) }
    }
  }
}
