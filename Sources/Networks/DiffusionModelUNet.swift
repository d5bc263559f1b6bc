package import Arguments
import Foundation
package import Graphs
import Tensors

/// `monai.networks.nets.DiffusionModelUNet`: a U-Net that knows the time step, and a context through cross attention
/// (https://arxiv.org/abs/2112.10752).
///
/// Inputs: the image, `timesteps` int64 `[N]`, then with `with_conditioning` the context
/// `[N, context, cross_attention_dim]`, then with `num_class_embeds` the class labels int64 `[N]`.
///
/// State-dict keys: `conv_in`, `time_embed.0`, `time_embed.2`, `class_embedding`, `down_blocks.<i>`, `middle_block`,
/// `up_blocks.<i>` (each `resnets.<j>`, `attentions.<j>`, `downsampler`, `upsampler`), `out.0`, `out.2`.
package struct DiffusionModelUNet: Network {
  package static let names = ["DiffusionModelUNet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "num_res_blocks", "channels", "attention_levels", "norm_num_groups",
    "norm_eps", "resblock_updown", "num_head_channels", "with_conditioning", "transformer_num_layers",
    "cross_attention_dim", "num_class_embeds", "upcast_attention", "dropout_cattn", "include_fc", "use_combined_linear",
    "use_flash_attention",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let residualBlocks: [Int]
  let channels: [Int]
  let attentionLevels: [Bool]
  let normalization: Normalization
  let isResamplingResidual: Bool
  let headChannels: [Int]
  /// The channels of the context; nil without one.
  let contextChannels: Int?
  let transformerLayers: Int
  let classes: Int?
  let isCombined: Bool
  let hasOutput: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    channels = try arguments.ints("channels", default: [32, 64, 64, 64])
    residualBlocks = try arguments.perLevel("num_res_blocks", default: [2, 2, 2, 2], count: channels.count)
    attentionLevels = try arguments.bools("attention_levels", default: [false, false, true, true])
    let groups = try arguments.int("norm_num_groups", default: 32)
    normalization = .group(
      groups: groups, epsilon: Float(try arguments.double("norm_eps", default: 1e-6)), isAffine: true)
    isResamplingResidual = try arguments.bool("resblock_updown", default: false)
    headChannels = try arguments.perLevel(
      "num_head_channels", default: channels.map { _ in 8 }, count: channels.count)
    let isConditioned = try arguments.bool("with_conditioning", default: false)
    transformerLayers = try arguments.int("transformer_num_layers", default: 1)
    contextChannels = try arguments.optionalInt("cross_attention_dim")
    classes = try arguments.optionalInt("num_class_embeds")
    // Attention is computed in float32 anyway.
    arguments.ignore("upcast_attention", "dropout_cattn", "use_flash_attention")
    hasOutput = try arguments.bool("include_fc", default: true)
    isCombined = try arguments.bool("use_combined_linear", default: false)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3,
      channels: inputChannels + channels
        + [outputChannels, groups, transformerLayers, contextChannels ?? 1, classes ?? 1])
    try Self.require(component, "transformer_num_layers", counts: [transformerLayers])
    try Self.require(
      isConditioned == (contextChannels != nil), component,
      "with_conditioning is \(isConditioned) and cross_attention_dim is \(contextChannels.map { "\($0)" } ?? "None")",
      expected: "both or neither")
    try Self.require(
      channels.allSatisfy { $0 % groups == 0 }, component, "channels is \(channels)",
      expected: "multiples of norm_num_groups, \(groups)")
    try Self.require(
      attentionLevels.count == channels.count && residualBlocks.count == channels.count
        && headChannels.count == channels.count, component,
      "\(channels.count) channels, \(attentionLevels.count) attention_levels, \(residualBlocks.count) num_res_blocks, "
        + "\(headChannels.count) num_head_channels", expected: "as many of each")
    // The middle block attends too, as the last level does.
    let fits = channels.indices.allSatisfy { level in
      let isAttending = attentionLevels[level] || level == channels.count - 1
      return !isAttending || (headChannels[level] > 0 && channels[level] % headChannels[level] == 0)
    }
    try Self.require(
      fits, component, "num_head_channels is \(headChannels)", expected: "divisors of channels, \(channels)")
    try Self.require(
      residualBlocks.allSatisfy { (0...64).contains($0) }, component, "num_res_blocks is \(residualBlocks)",
      expected: "0 to 64")
  }

  package func inputTypes(spatialShape: [Int]) -> [TensorType] {
    let batch = Dimension("batch")
    var types = [
      TensorType(.float32, [batch, Dimension(inputChannels[0])] + spatialShape.map { Dimension($0) }),
      TensorType(.int64, [batch]),
    ]
    if let contextChannels {
      types.append(TensorType(.float32, [batch, Dimension("context"), Dimension(contextChannels)]))
    }
    if classes != nil { types.append(TensorType(.int64, [batch])) }
    return types
  }

  /// What every block sees beside the features.
  private struct Conditions {
    /// The time step's embedding, activated, `[N, 4 · channels[0]]`.
    var embedding: Value
    var context: Value?
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let conditions = try conditions(&builder, inputs)
    var features = try builder.module("conv_in") {
      try $0.convolution("conv", inputs[0], outputs: channels[0], kernel: 3, padding: 1)
    }
    var skips = [features]
    for level in channels.indices {
      features = try builder.module("down_blocks") { builder in
        try builder.module("\(level)") { try down(&$0, features, level, conditions, &skips) }
      }
    }
    features = try builder.module("middle_block") { try middle(&$0, features, conditions) }
    for (number, level) in channels.indices.reversed().enumerated() {
      features = try builder.module("up_blocks") { builder in
        try builder.module("\(number)") { try up(&$0, features, level, conditions, &skips) }
      }
    }
    return [
      try builder.module("out") { builder in
        let normalized = try builder.normalize("0", features, normalization)
        let activated = try builder.activate("1", normalized, .swish(alpha: 1))
        return try builder.module("2") {
          try $0.convolution("conv", activated, outputs: outputChannels, kernel: 3, padding: 1)
        }
      }
    ]
  }

  private func conditions(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> Conditions {
    let width = channels[0] * 4
    let waves = try timeEmbedding(&builder, inputs[1])
    var embedding = try builder.module("time_embed") { builder in
      let first = try builder.linear("0", waves, outputs: width)
      return try builder.linear("2", builder.activate("1", first, .swish(alpha: 1)), outputs: width)
    }
    if let classes {
      let labels = inputs[inputs.count - 1]
      let entries = try builder.module("class_embedding") { builder in
        let table = builder.weight("weight", [classes, width])
        return try builder.emit { try $0.gather(table, labels, axis: 0) }
      }
      embedding = try builder.add(embedding, entries)
    }
    embedding = try builder.activate("nonlinearity", embedding, .swish(alpha: 1))
    return Conditions(embedding: embedding, context: contextChannels == nil ? nil : inputs[2])
  }

  /// Cosines and sines of the time step at `channels[0] / 2` frequencies from 1 down to 1/10000.
  private func timeEmbedding(_ builder: inout NetworkBuilder, _ steps: Value) throws -> Value {
    let half = channels[0] / 2
    let slope = Float(-log(10000.0))
    let frequencies = (0..<half).map { expf(slope * Float($0) / Float(half)) }
    let isOdd = channels[0] % 2 == 1
    return try builder.emit { graph in
      let column = try graph.unsqueeze(graph.cast(steps, to: .float32), axes: [1])
      let phases = try graph.multiply(column, graph.constant(frequencies, shape: [1, half], name: "frequencies"))
      let waves = try graph.concat([graph.cos(phases), graph.sin(phases)], axis: 1)
      return isOdd ? try graph.pad(waves, before: [0, 0], after: [0, 1]) : waves
    }
  }

  private func down(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ conditions: Conditions, _ skips: inout [Value]
  ) throws -> Value {
    var features = input
    for index in 0..<residualBlocks[level] {
      features = try block(&builder, features, level, index, conditions)
      skips.append(features)
    }
    guard level < channels.count - 1 else { return features }
    let width = channels[level]
    features = try builder.module("downsampler") { builder in
      isResamplingResidual
        ? try residual(&builder, features, width, conditions, .down)
        : try builder.module("op") {
          try $0.convolution("conv", features, outputs: width, kernel: 3, strides: 2, padding: 1)
        }
    }
    skips.append(features)
    return features
  }

  private func middle(_ builder: inout NetworkBuilder, _ input: Value, _ conditions: Conditions) throws -> Value {
    let last = channels.count - 1
    let first = try builder.module("resnet_1") { try residual(&$0, input, channels[last], conditions) }
    let attended = try builder.module("attention") { try attend(&$0, first, last, conditions) }
    return try builder.module("resnet_2") { try residual(&$0, attended, channels[last], conditions) }
  }

  private func up(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ conditions: Conditions, _ skips: inout [Value]
  ) throws -> Value {
    var features = input
    for index in 0...residualBlocks[level] {
      features = try builder.concat([features, skips.removeLast()])
      features = try block(&builder, features, level, index, conditions)
    }
    guard level > 0 else { return features }
    let upsampling = UpSample(
      mode: .nontrainable, scale: PerAxis.all(2).expanded(spatialDimensions), hasPostConvolution: true,
      interpolation: .nearest)
    return try builder.module("upsampler") { builder in
      isResamplingResidual
        ? try residual(&builder, features, channels[level], conditions, .up) : try upsampling.build(&builder, features)
    }
  }

  /// A residual block, and attention where the level has it.
  private func block(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ index: Int, _ conditions: Conditions
  ) throws -> Value {
    let features = try builder.module("resnets") { builder in
      try builder.module("\(index)") { try residual(&$0, input, channels[level], conditions) }
    }
    guard attentionLevels[level] else { return features }
    return try builder.module("attentions") { builder in
      try builder.module("\(index)") { try attend(&$0, features, level, conditions) }
    }
  }

  private enum Resampling { case none, down, up }

  /// `DiffusionUNetResnetBlock`; state-dict keys `norm1`, `conv1`, `time_emb_proj`, `norm2`, `conv2`,
  /// `skip_connection`.
  private func residual(
    _ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ conditions: Conditions,
    _ resampling: Resampling = .none
  ) throws -> Value {
    var shortcut = input
    var result = try builder.normalize("norm1", input, normalization)
    result = try builder.activate("nonlinearity", result, .swish(alpha: 1))
    if resampling != .none {
      shortcut = try resampled(&builder, shortcut, resampling)
      result = try resampled(&builder, result, resampling)
    }
    result = try convolution(&builder, "conv1", result, width)
    let projected = try builder.linear("time_emb_proj", conditions.embedding, outputs: width)
    let axes = Array(2..<2 + spatialDimensions)
    let features = result
    result = try builder.emit { try $0.add(features, $0.unsqueeze(projected, axes: axes)) }
    result = try builder.normalize("norm2", result, normalization)
    result = try builder.activate("nonlinearity", result, .swish(alpha: 1))
    result = try convolution(&builder, "conv2", result, width)
    if builder.channels(of: shortcut) != width {
      shortcut = try convolution(&builder, "skip_connection", shortcut, width, kernel: 1)
    }
    return try builder.add(shortcut, result)
  }

  private func resampled(_ builder: inout NetworkBuilder, _ input: Value, _ resampling: Resampling) throws -> Value {
    if resampling == .down { return try builder.averagePool(input, kernel: 2) }
    return try Interpolation.nearest.build(&builder, input, scales: Array(repeating: 2, count: spatialDimensions))
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, kernel: Int = 3
  ) throws -> Value {
    try builder.module(name) {
      try $0.convolution("conv", input, outputs: outputs, kernel: .all(kernel), padding: .all(kernel / 2))
    }
  }

  private func attend(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ conditions: Conditions
  ) throws -> Value {
    guard let context = conditions.context else {
      return try SpatialAttention(
        headChannels: headChannels[level], normalization: normalization, isCombined: isCombined, hasOutput: hasOutput
      ).build(&builder, input)
    }
    return try transform(&builder, input, level, context)
  }

  /// `SpatialTransformer`; state-dict keys `norm`, `proj_in`, `transformer_blocks.<i>`, `proj_out`.
  private func transform(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ context: Value
  ) throws -> Value {
    let width = channels[level] / headChannels[level] * headChannels[level]
    let shape = builder.spatial(of: input)
    let rank = spatialDimensions
    let normalized = try builder.normalize("norm", input, normalization)
    let projected = try convolution(&builder, "proj_in", normalized, width, kernel: 1)
    var sequence = try builder.emit { try $0.transpose($0.reshape(projected, [0, width, -1]), [0, 2, 1]) }
    for index in 0..<transformerLayers {
      sequence = try builder.module("transformer_blocks") { builder in
        try builder.module("\(index)") { try transformerBlock(&$0, sequence, level, context) }
      }
    }
    let result = sequence
    let image = try builder.emit {
      try $0.transpose($0.reshape(result, [0] + shape + [width]), [0, rank + 1] + Array(1...rank))
    }
    return try builder.add(convolution(&builder, "proj_out", image, channels[level], kernel: 1), input)
  }

  /// `DiffusionUNetTransformerBlock`: attention among positions, attention to the context, an MLP.
  private func transformerBlock(
    _ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ context: Value
  ) throws -> Value {
    let width = builder.type(of: input).shape[2].constant ?? 0
    var attention = Attention(
      heads: channels[level] / headChannels[level], headChannels: headChannels[level], isCombined: isCombined,
      hasOutput: hasOutput)
    var normalized = try builder.layerNorm("norm1", input)
    var result = try builder.add(builder.module("attn1") { try attention.build(&$0, normalized) }, input)
    attention.isCombined = false
    attention.hasOutput = true
    normalized = try builder.layerNorm("norm2", result)
    result = try builder.add(builder.module("attn2") { try attention.build(&$0, normalized, context: context) }, result)
    normalized = try builder.layerNorm("norm3", result)
    let mlp = MLPBlock(width: 4 * width, activation: .geglu)
    return try builder.add(builder.module("ff") { try mlp.build(&$0, normalized) }, result)
  }
}
