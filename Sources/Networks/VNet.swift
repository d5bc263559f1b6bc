package import Arguments
package import Graphs
import OrderedCollections

/// `monai.networks.nets.VNet` (https://arxiv.org/abs/1606.04797).
///
/// State-dict keys: `in_tr`, `down_tr32` … `down_tr256`, `up_tr256` … `up_tr32`, `out_tr`.
package struct VNet: Network {
  package static let names = ["VNet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "act", "dropout_prob", "dropout_prob_down", "dropout_prob_up",
    "dropout_dim", "bias",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let act: LayerDescription
  let hasBias: Bool

  private static let batch = Normalization.batch(epsilon: 1e-5, isAffine: true)

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 1)
    guard let act = try arguments.layer("act", default: LayerDescription("elu")) else {
      throw arguments.unsupported("act", "None", supported: "an activation")
    }
    self.act = act
    _ = try Activation(act)
    hasBias = try arguments.bool("bias", default: false)
    arguments.ignore("dropout_prob", "dropout_prob_down", "dropout_prob_up", "dropout_dim")
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3, channels: inputChannels + [outputChannels])
    try Self.require(
      16 % inputChannels[0] == 0, component, "in_channels is \(inputChannels[0])", expected: "a divisor of 16")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let skips = try builder.module("in_tr") { [try entry(&$0, inputs[0])] }
    var levels = skips
    for (width, count) in [(32, 1), (64, 2), (128, 3), (256, 2)] {
      levels.append(try builder.module("down_tr\(width)") { try down(&$0, levels[levels.count - 1], width, count) })
    }
    var features = levels[4]
    for (index, (width, count)) in [(256, 2), (128, 2), (64, 1), (32, 1)].enumerated() {
      let skip = levels[3 - index]
      features = try builder.module("up_tr\(width)") { try up(&$0, features, skip, width, count) }
    }
    return [try builder.module("out_tr") { try exit(&$0, features) }]
  }

  private func entry(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let features = try convolution(&builder, "conv_block", input, 16, hasBias)
    let copies = Array(repeating: input, count: 16 / inputChannels[0])
    let repeated = copies.count == 1 ? input : try builder.concat(copies)
    return try activate(&builder, "act_function", builder.add(features, repeated))
  }

  private func down(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ count: Int) throws -> Value {
    var smaller = try builder.convolution(
      "down_conv", input, outputs: width, kernel: 2, strides: 2, hasBias: hasBias)
    smaller = try builder.normalize("bn1", smaller, Self.batch)
    smaller = try activate(&builder, "act_function1", smaller)
    let result = try operations(&builder, smaller, count, hasBias)
    return try activate(&builder, "act_function2", builder.add(result, smaller))
  }

  private func up(
    _ builder: inout NetworkBuilder, _ input: Value, _ skip: Value, _ width: Int, _ count: Int
  ) throws -> Value {
    var larger = try builder.transposedConvolution("up_conv", input, outputs: width / 2, kernel: 2, strides: 2)
    larger = try builder.normalize("bn1", larger, Self.batch)
    larger = try activate(&builder, "act_function1", larger)
    let joined = try builder.concat([larger, skip])
    let result = try operations(&builder, joined, count, false)
    return try activate(&builder, "act_function2", builder.add(result, joined))
  }

  private func exit(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let features = try convolution(&builder, "conv_block", input, outputChannels, hasBias)
    let activated = try activate(&builder, "act_function1", features)
    return try builder.convolution("conv2", activated, outputs: outputChannels, kernel: 1)
  }

  /// `LUConv`s in a row; state-dict keys `ops.<i>.conv_block`, `ops.<i>.act_function`.
  private func operations(
    _ builder: inout NetworkBuilder, _ input: Value, _ count: Int, _ hasBias: Bool
  ) throws -> Value {
    try builder.module("ops") { builder in
      try builder.sequence(Array(0..<count), input) { builder, _, value in
        let width = builder.channels(of: value)
        let features = try convolution(&builder, "conv_block", value, width, hasBias)
        return try activate(&builder, "act_function", features)
      }
    }
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, _ hasBias: Bool
  ) throws -> Value {
    let convolution = Convolution(
      outputChannels: outputs, strides: PerAxis.all(1).expanded(spatialDimensions),
      kernelSize: PerAxis.all(5).expanded(spatialDimensions), hasBias: hasBias, adn: ADN(normalization: Self.batch))
    return try builder.module(name) { try convolution.build(&$0, input) }
  }

  /// A bare "prelu" has one slope per channel here.
  private func activate(_ builder: inout NetworkBuilder, _ name: String, _ input: Value) throws -> Value {
    let activation =
      act.name == "prelu" && act.arguments.isEmpty
      ? Activation.prelu(parameters: builder.channels(of: input)) : try Activation(act)
    return try builder.activate(name, input, activation)
  }
}
