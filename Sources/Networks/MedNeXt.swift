package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.MedNeXt` and its variants S, B, M, L: a U-Net of ConvNeXt blocks
/// (https://arxiv.org/abs/2303.09975).
///
/// State-dict keys: `stem`, `enc_stages.<i>.<j>`, `down_blocks.<i>`, `bottleneck.<j>`, `up_blocks.<i>`,
/// `dec_stages.<i>.<j>`, `out_0.conv_out`.
package struct MedNeXt: Network {
  package static let names =
    ["MedNeXt", "MedNext"]
    + variants.flatMap { variant in ["MedNeXt", "MedNext"].flatMap { [$0 + variant.letter, $0 + variant.word] } }
  package static let parameters = [
    "spatial_dims", "init_filters", "in_channels", "out_channels", "encoder_expansion_ratio", "decoder_expansion_ratio",
    "bottleneck_expansion_ratio", "kernel_size", "deep_supervision", "use_residual_connection", "blocks_down",
    "blocks_bottleneck", "blocks_up", "norm_type", "global_resp_norm",
  ]

  /// The variants take everything by name.
  package static func parameters(of name: String) -> [String] {
    ["MedNeXt", "MedNext"].contains(name) ? parameters : []
  }

  private struct Variant: Sendable {
    var letter: String
    var word: String
    var encoder: [Int]
    var decoder: [Int]
    var bottleneck: Int
    var down: [Int]
    var up: [Int]
    var middle: Int
  }

  private static let variants = [
    Variant(
      letter: "S", word: "Small", encoder: [2, 2, 2, 2], decoder: [2, 2, 2, 2], bottleneck: 2, down: [2, 2, 2, 2],
      up: [2, 2, 2, 2], middle: 2),
    Variant(
      letter: "B", word: "Base", encoder: [2, 3, 4, 4], decoder: [4, 4, 3, 2], bottleneck: 4, down: [2, 2, 2, 2],
      up: [2, 2, 2, 2], middle: 2),
    Variant(
      letter: "M", word: "Medium", encoder: [2, 3, 4, 4], decoder: [4, 4, 3, 2], bottleneck: 4, down: [3, 4, 4, 4],
      up: [4, 4, 4, 3], middle: 4),
    Variant(
      letter: "L", word: "Large", encoder: [3, 4, 8, 8], decoder: [8, 8, 4, 3], bottleneck: 8, down: [3, 4, 8, 8],
      up: [8, 8, 4, 3], middle: 8),
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let initialFilters: Int
  let encoderExpansion: [Int]
  let decoderExpansion: [Int]
  let bottleneckExpansion: Int
  let kernelSize: Int
  let isResidual: Bool
  let blocksDown: [Int]
  let blocksMiddle: Int
  let blocksUp: [Int]
  let hasResponseNorm: Bool

  package init(_ component: Component) throws {
    let name = component.className
    let variant = Self.variants.first { name.hasSuffix("t" + $0.letter) || name.hasSuffix($0.word) }
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 2)
    kernelSize = try arguments.int("kernel_size", default: variant == nil ? 7 : 3)
    arguments.ignore("deep_supervision")
    if let variant {
      initialFilters = 32
      (encoderExpansion, decoderExpansion, bottleneckExpansion) = (variant.encoder, variant.decoder, variant.bottleneck)
      (blocksDown, blocksMiddle, blocksUp) = (variant.down, variant.middle, variant.up)
      isResidual = true
      hasResponseNorm = false
    } else {
      initialFilters = try arguments.int("init_filters", default: 32)
      blocksDown = try arguments.ints("blocks_down", default: [2, 2, 2, 2])
      blocksMiddle = try arguments.int("blocks_bottleneck", default: 2)
      blocksUp = try arguments.ints("blocks_up", default: [2, 2, 2, 2])
      encoderExpansion = Self.each(try arguments.ints("encoder_expansion_ratio", default: [2]), blocksDown.count)
      decoderExpansion = Self.each(try arguments.ints("decoder_expansion_ratio", default: [2]), blocksUp.count)
      bottleneckExpansion = try arguments.int("bottleneck_expansion_ratio", default: 2)
      isResidual = try arguments.bool("use_residual_connection", default: false)
      let norm = try arguments.string("norm_type", default: "group")
      guard norm == "group" else { throw arguments.unsupported("norm_type", "'\(norm)'", supported: "group") }
      hasResponseNorm = try arguments.bool("global_resp_norm", default: false)
    }
    try arguments.finish()
    try Self.require(component, "the numbers of blocks", counts: blocksDown + [blocksMiddle] + blocksUp)
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3,
      channels: inputChannels + blocksDown + encoderExpansion + decoderExpansion
        + [outputChannels, initialFilters, bottleneckExpansion, kernelSize])
    try Self.require(
      blocksDown.count == blocksUp.count && blocksDown.count <= 12 && encoderExpansion.count >= blocksDown.count
        && decoderExpansion.count >= blocksUp.count && blocksUp.allSatisfy { $0 >= 0 } && blocksMiddle >= 0,
      component, "blocks_down is \(blocksDown) and blocks_up is \(blocksUp)",
      expected: "as many of both, with an expansion ratio each")
    try Self.require(kernelSize % 2 == 1, component, "kernel_size is \(kernelSize)", expected: "an odd number")
  }

  private static func each(_ values: [Int], _ count: Int) -> [Int] {
    values.count == 1 ? Array(repeating: values[0], count: count) : values
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    builder.ignoreModule("out_blocks")
    var features = try builder.convolution("stem", inputs[0], outputs: initialFilters, kernel: 1)
    var skips: [Value] = []
    for (level, count) in blocksDown.enumerated() {
      let ratio = encoderExpansion[level]
      features = try builder.module("enc_stages") { builder in
        try builder.module("\(level)") { try stage(&$0, features, count, ratio) }
      }
      skips.append(features)
      features = try builder.module("down_blocks") { builder in
        try builder.module("\(level)") { try resampling(&$0, features, ratio, isUp: false) }
      }
    }
    features = try builder.module("bottleneck") { try stage(&$0, features, blocksMiddle, bottleneckExpansion) }
    for (number, count) in blocksUp.enumerated() {
      let ratio = decoderExpansion[number]
      features = try builder.module("up_blocks") { builder in
        try builder.module("\(number)") { try resampling(&$0, features, ratio, isUp: true) }
      }
      features = try builder.add(features, skips[skips.count - 1 - number])
      features = try builder.module("dec_stages") { builder in
        try builder.module("\(number)") { try stage(&$0, features, count, ratio) }
      }
    }
    return [
      try builder.module("out_0") {
        try $0.transposedConvolution("conv_out", features, outputs: outputChannels, kernel: 1)
      }
    ]
  }

  /// `MedNeXtBlock`s in a row.
  private func stage(_ builder: inout NetworkBuilder, _ input: Value, _ count: Int, _ ratio: Int) throws -> Value {
    let width = builder.channels(of: input)
    return try builder.sequence(Array(0..<count), input) { builder, _, value in
      let mixed = try builder.convolution(
        "conv1", value, outputs: width, kernel: .all(kernelSize), padding: .all(kernelSize / 2), groups: width)
      let result = try expanded(&builder, mixed, outputs: width, ratio, hasResponseNorm: hasResponseNorm)
      return isResidual ? try builder.add(value, result) : result
    }
  }

  /// `MedNeXtDownBlock` and `MedNeXtUpBlock`: the block with half or twice the extents.
  private func resampling(
    _ builder: inout NetworkBuilder, _ input: Value, _ ratio: Int, isUp: Bool
  ) throws -> Value {
    let width = builder.channels(of: input)
    let outputs = isUp ? width / 2 : width * 2
    let mixed =
      isUp
      ? try builder.transposedConvolution(
        "conv1", input, outputs: width, kernel: .all(kernelSize), strides: 2, padding: .all(kernelSize / 2),
        groups: width)
      : try builder.convolution(
        "conv1", input, outputs: width, kernel: .all(kernelSize), strides: 2, padding: .all(kernelSize / 2),
        groups: width)
    var result = try expanded(&builder, mixed, outputs: outputs, ratio, hasResponseNorm: isUp && hasResponseNorm)
    if isUp { result = try padded(&builder, result) }
    guard isResidual else { return result }
    var shortcut =
      isUp
      ? try builder.transposedConvolution("res_conv", input, outputs: outputs, kernel: 1, strides: 2)
      : try builder.convolution("res_conv", input, outputs: outputs, kernel: 1, strides: 2)
    if isUp { shortcut = try padded(&builder, shortcut) }
    return try builder.add(result, shortcut)
  }

  /// A zero in front of each spatial axis.
  private func padded(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let ones = Array(repeating: 1, count: spatialDimensions)
    return try builder.emit { try $0.padSpatial(input, before: ones, after: ones.map { _ in 0 }) }
  }

  /// What follows the first convolution: a norm per channel, wider, GELU, narrower.
  private func expanded(
    _ builder: inout NetworkBuilder, _ input: Value, outputs: Int, _ ratio: Int, hasResponseNorm: Bool
  ) throws -> Value {
    let width = builder.channels(of: input)
    var result = try builder.normalize("norm", input, .group(groups: width, epsilon: 1e-5, isAffine: true))
    result = try builder.convolution("conv2", result, outputs: ratio * width, kernel: 1)
    result = try builder.activate("act", result, .gelu(isApproximate: false))
    if hasResponseNorm { result = try responseNorm(&builder, result) }
    return try builder.convolution("conv3", result, outputs: outputs, kernel: 1)
  }

  /// Global response normalisation (https://arxiv.org/abs/2301.00808).
  private func responseNorm(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let shape = Shape([1, builder.channels(of: input)] + Array(repeating: 1, count: spatialDimensions))
    let gamma = builder.weight("global_resp_gamma", shape)
    let beta = builder.weight("global_resp_beta", shape)
    let axes = Array(2..<2 + spatialDimensions)
    return try builder.emit { graph in
      let response = try graph.reduceL2(input, axes: axes)
      let epsilon = graph.constant([Float(1e-6)], shape: [], name: "epsilon")
      let mean = try graph.add(graph.reduceMean(response, axes: [1]), epsilon)
      let weighted = try graph.multiply(input, graph.divide(response, mean))
      return try graph.add(graph.add(graph.multiply(gamma, weighted), beta), input)
    }
  }
}
