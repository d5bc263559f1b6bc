package import Arguments
package import Graphs

/// `monai.networks.nets.AutoencoderKL` (https://arxiv.org/abs/2112.10752). Outputs: reconstruction, μ, σ.
///
/// PyTorch draws the latent at random from N(μ, σ); here the reconstruction is that of μ, as MONAI's `reconstruct`
/// gives it.
///
/// State-dict keys: `encoder.blocks.<i>`, `quant_conv_mu`, `quant_conv_log_sigma`, `post_quant_conv`,
/// `decoder.blocks.<i>`.
package struct AutoencoderKL: Network {
  package static let names = ["AutoencoderKL"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "num_res_blocks", "channels", "attention_levels", "latent_channels",
    "norm_num_groups", "norm_eps", "with_encoder_nonlocal_attn", "with_decoder_nonlocal_attn", "use_checkpoint",
    "use_convtranspose", "include_fc", "use_combined_linear", "use_flash_attention",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let channels: [Int]
  let residualBlocks: [Int]
  let attentionLevels: [Bool]
  let latentChannels: Int
  let normalization: Normalization
  let hasEncoderAttention: Bool
  let hasDecoderAttention: Bool
  let isTransposed: Bool
  let attention: SpatialAttention

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 1)
    channels = try arguments.ints("channels", default: [32, 64, 64, 64])
    residualBlocks = try arguments.perLevel("num_res_blocks", default: [2, 2, 2, 2], count: channels.count)
    attentionLevels = try arguments.bools("attention_levels", default: [false, false, true, true])
    latentChannels = try arguments.int("latent_channels", default: 3)
    let groups = try arguments.int("norm_num_groups", default: 32)
    normalization = .group(
      groups: groups, epsilon: Float(try arguments.double("norm_eps", default: 1e-6)), isAffine: true)
    hasEncoderAttention = try arguments.bool("with_encoder_nonlocal_attn", default: true)
    hasDecoderAttention = try arguments.bool("with_decoder_nonlocal_attn", default: true)
    isTransposed = try arguments.bool("use_convtranspose", default: false)
    attention = SpatialAttention(
      normalization: normalization, isCombined: try arguments.bool("use_combined_linear", default: false),
      hasOutput: try arguments.bool("include_fc", default: true))
    arguments.ignore("use_checkpoint", "use_flash_attention")
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + channels + [outputChannels, latentChannels, groups])
    try Self.require(
      channels.allSatisfy { $0 % groups == 0 }, component, "channels is \(channels)",
      expected: "multiples of norm_num_groups, \(groups)")
    try Self.require(
      attentionLevels.count == channels.count && residualBlocks.count == channels.count, component,
      "\(channels.count) channels, \(attentionLevels.count) attention_levels, \(residualBlocks.count) num_res_blocks",
      expected: "as many of each")
    try Self.require(
      residualBlocks.allSatisfy { (0...64).contains($0) }, component, "num_res_blocks is \(residualBlocks)",
      expected: "0 to 64")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let encoded = try builder.module("encoder") { try $0.module("blocks") { try encode(&$0, inputs[0]) } }
    let mean = try convolution(&builder, "quant_conv_mu", encoded, latentChannels, kernel: 1)
    let logVariance = try convolution(&builder, "quant_conv_log_sigma", encoded, latentChannels, kernel: 1)
    let deviation = try builder.emit { try $0.exp($0.scale($0.clip(logVariance, -30...20), by: 0.5)) }
    let latent = try convolution(&builder, "post_quant_conv", mean, latentChannels, kernel: 1)
    let decoded = try builder.module("decoder") { try $0.module("blocks") { try decode(&$0, latent) } }
    return [decoded, mean, deviation]
  }

  private func encode(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var blocks = NumberedBlocks(features: input)
    try blocks.add(&builder) { try stem(&$0, $1, channels[0]) }
    for (level, width) in channels.enumerated() {
      try residuals(&builder, &blocks, width, count: residualBlocks[level], hasAttention: attentionLevels[level])
      if level < channels.count - 1 { try blocks.add(&builder) { try down(&$0, $1) } }
    }
    if hasEncoderAttention { try middle(&builder, &blocks, channels[channels.count - 1]) }
    try blocks.add(&builder) { try normalization.build(&$0, $1) }
    try blocks.add(&builder) { try stem(&$0, $1, latentChannels) }
    return blocks.features
  }

  private func decode(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var blocks = NumberedBlocks(features: input)
    let last = channels.count - 1
    try blocks.add(&builder) { try stem(&$0, $1, channels[last]) }
    if hasDecoderAttention { try middle(&builder, &blocks, channels[last]) }
    for level in (0...last).reversed() {
      try residuals(
        &builder, &blocks, channels[level], count: residualBlocks[level], hasAttention: attentionLevels[level])
      if level > 0 { try blocks.add(&builder) { try up(&$0, $1) } }
    }
    try blocks.add(&builder) { try normalization.build(&$0, $1) }
    try blocks.add(&builder) { try stem(&$0, $1, outputChannels) }
    return blocks.features
  }

  private func residuals(
    _ builder: inout NetworkBuilder, _ blocks: inout NumberedBlocks, _ width: Int, count: Int, hasAttention: Bool
  ) throws {
    for _ in 0..<count {
      try blocks.add(&builder) { try residual(&$0, $1, width) }
      if hasAttention { try blocks.add(&builder) { try attention.build(&$0, $1) } }
    }
  }

  private func middle(_ builder: inout NetworkBuilder, _ blocks: inout NumberedBlocks, _ width: Int) throws {
    try blocks.add(&builder) { try residual(&$0, $1, width) }
    try blocks.add(&builder) { try attention.build(&$0, $1) }
    try blocks.add(&builder) { try residual(&$0, $1, width) }
  }

  /// `AEKLResBlock`; state-dict keys `norm1`, `conv1`, `norm2`, `conv2`, `nin_shortcut`.
  private func residual(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int) throws -> Value {
    var result = input
    for number in 1...2 {
      result = try builder.normalize("norm\(number)", result, normalization)
      result = try builder.activate("act", result, .swish(alpha: 1))
      result = try convolution(&builder, "conv\(number)", result, width, kernel: 3, padding: 1)
    }
    let isProjected = builder.channels(of: input) != width
    let shortcut = isProjected ? try convolution(&builder, "nin_shortcut", input, width, kernel: 1) : input
    return try builder.add(shortcut, result)
  }

  /// `AEKLDownsample`: a zero behind each axis, then a strided convolution.
  private func down(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let ones = PerAxis.all(1).expanded(spatialDimensions)
    let padded = try builder.emit { try $0.padSpatial(input, before: ones.map { _ in 0 }, after: ones) }
    return try convolution(&builder, "conv", padded, builder.channels(of: input), kernel: 3, stride: 2)
  }

  private func up(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try UpSample(
      mode: isTransposed ? .deconvolution : .nontrainable, scale: PerAxis.all(2).expanded(spatialDimensions),
      hasPostConvolution: !isTransposed, interpolation: .nearest
    ).build(&builder, input)
  }

  /// A 3-wide convolution as a block of its own; state-dict key `conv`.
  private func stem(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    try builder.convolution("conv", input, outputs: outputs, kernel: 3, padding: 1)
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, kernel: Int, stride: Int = 1,
    padding: Int = 0
  ) throws -> Value {
    try builder.module(name) {
      try $0.convolution(
        "conv", input, outputs: outputs, kernel: .all(kernel), strides: .all(stride), padding: .all(padding))
    }
  }
}

/// Blocks of a `ModuleList` that are applied one after the other, numbered as they come.
private struct NumberedBlocks {
  var features: Value
  private var count = 0

  init(features: Value) { self.features = features }

  mutating func add(
    _ builder: inout NetworkBuilder, _ body: (inout NetworkBuilder, Value) throws -> Value
  ) throws {
    let input = features
    features = try builder.module("\(count)") { try body(&$0, input) }
    count += 1
  }
}

extension ArgumentReader {
  /// One integer per level; a single one stands for all levels.
  mutating func perLevel(_ name: String, default fallback: [Int], count: Int) throws -> [Int] {
    guard let value = present(name) else { return fallback }
    guard let numbers = value.asInts, !numbers.isEmpty || fallback.isEmpty else {
      throw wrongKind(name, value, expected: "an integer, or one for each level")
    }
    if case .list = value { return numbers }
    return Array(repeating: numbers[0], count: count)
  }

  /// A list of truth values.
  mutating func bools(_ name: String, default fallback: [Bool]) throws -> [Bool] {
    guard let value = present(name) else { return fallback }
    guard case .list(let items) = value else { throw wrongKind(name, value, expected: "a list of true and false") }
    return try items.map { item in
      guard let bool = item.asBool else { throw wrongKind(name, item, expected: "true or false") }
      return bool
    }
  }
}
