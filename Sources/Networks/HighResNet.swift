package import Arguments
package import Graphs
import OrderedCollections

/// `monai.networks.nets.HighResNet`: dilated residual blocks at full resolution (https://arxiv.org/abs/1707.01992).
///
/// State-dict keys: `blocks.<i>`: the first and the last two are MONAI Convolutions, the others `HighResBlock`s with
/// `layers.<i>` and `chn_pad.project`.
package struct HighResNet: Network {
  package static let names = ["HighResNet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "norm_type", "acti_type", "dropout_prob", "bias", "layer_params",
    "channel_matching",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let normalization: Normalization?
  let activation: Activation?
  let hasBias: Bool
  let isProjected: Bool
  /// The first and the last but one convolution: channels and kernel; the last one: kernel.
  let first: (features: Int, kernel: Int)
  let residuals: [Residual]
  let next: (features: Int, kernel: Int)
  let lastKernel: Int

  /// Blocks of one dilation.
  struct Residual: Sendable {
    var features: Int
    var kernels: [Int]
    var count: Int
  }

  private static let defaultResiduals = [
    Residual(features: 16, kernels: [3, 3], count: 3), Residual(features: 32, kernels: [3, 3], count: 3),
    Residual(features: 64, kernels: [3, 3], count: 3),
  ]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 1)
    normalization = try arguments.normalization("norm_type", default: .batch)
    activation = try arguments.activation("acti_type", default: .relu)
    arguments.ignore("dropout_prob")
    hasBias = try arguments.bool("bias", default: false)
    let matching = try arguments.string("channel_matching", default: "pad").lowercased()
    guard matching == "pad" || matching == "project" else {
      throw arguments.unsupported("channel_matching", "'\(matching)'", supported: "pad, project")
    }
    isProjected = matching == "project"
    if let value = arguments.present("layer_params") {
      guard case .list(let layers) = value, layers.count >= 3 else {
        throw arguments.wrongKind("layer_params", value, expected: "a list of at least 3 dictionaries")
      }
      var readers = try layers.enumerated().map { index, layer in
        guard case .dictionary(let entries) = layer else {
          throw arguments.wrongKind("layer_params", layer, expected: "a list of dictionaries")
        }
        let path = "\(component.path)#layer_params#\(index)"
        var reader = ArgumentReader(Component(target: "HighResNet layer", arguments: entries, path: path))
        reader.ignore("name")
        return reader
      }
      let last = readers.count - 1
      first = (try readers[0].int("n_features"), try readers[0].int("kernel_size"))
      residuals = try (1..<max(last - 1, 1)).map { index in
        Residual(
          features: try readers[index].int("n_features"), kernels: try readers[index].ints("kernels"),
          count: try readers[index].int("repeat"))
      }
      next = (try readers[last - 1].int("n_features"), try readers[last - 1].int("kernel_size"))
      lastKernel = try readers[last].int("kernel_size")
      readers[last].ignore("n_features")
      for reader in readers { try reader.finish() }
    } else {
      first = (16, 3)
      residuals = Self.defaultResiduals
      next = (80, 1)
      lastKernel = 1
    }
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + [outputChannels, first.features, first.kernel, next.features, next.kernel, lastKernel]
        + residuals.flatMap { [$0.features, $0.count] + $0.kernels })
    try Self.require(component, "repeat", counts: residuals.map(\.count))
    try Self.require(residuals.count < 16, component, "\(residuals.count) residual layers", expected: "fewer than 16")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    [try builder.module("blocks") { try blocks(&$0, inputs[0]) }]
  }

  private func blocks(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = try convolution(&builder, "0", input, first.features, first.kernel)
    var number = 1
    for (index, residual) in residuals.enumerated() {
      for _ in 0..<residual.count {
        result = try builder.module("\(number)") { try block(&$0, result, residual, dilation: 1 << index) }
        number += 1
      }
    }
    result = try convolution(&builder, "\(number)", result, next.features, next.kernel)
    return try convolution(&builder, "\(number + 1)", result, outputChannels, lastKernel)
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, _ kernel: Int
  ) throws -> Value {
    let convolution = Convolution(
      outputChannels: outputs, strides: PerAxis.all(1).expanded(spatialDimensions),
      kernelSize: PerAxis.all(kernel).expanded(spatialDimensions), hasBias: hasBias,
      adn: ADN(ordering: "NA", activation: activation, normalization: normalization))
    return try builder.module(name) { try convolution.build(&$0, input) }
  }

  /// `HighResBlock`: norm and activation before each convolution.
  private func block(
    _ builder: inout NetworkBuilder, _ input: Value, _ residual: Residual, dilation: Int
  ) throws -> Value {
    let adn = ADN(ordering: "NA", activation: activation, normalization: normalization)
    let features = try builder.module("layers") { builder in
      var result = input
      for (index, kernel) in residual.kernels.enumerated() {
        result = try builder.module("\(2 * index)") { try adn.build(&$0, result) }
        let convolution = Convolution(
          outputChannels: residual.features, strides: PerAxis.all(1).expanded(spatialDimensions),
          kernelSize: PerAxis.all(kernel).expanded(spatialDimensions),
          dilation: PerAxis.all(dilation).expanded(spatialDimensions), hasBias: hasBias)
        result = try builder.module("\(2 * index + 1)") { try convolution.build(&$0, result) }
      }
      return result
    }
    return try builder.add(features, matched(&builder, input, residual.features))
  }

  /// `ChannelPad`: the input with as many channels as the block gives.
  private func matched(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    let missing = outputs - builder.channels(of: input)
    if missing == 0 { return input }
    if isProjected {
      return try builder.module("chn_pad") { try $0.convolution("project", input, outputs: outputs, kernel: 1) }
    }
    let none = Array(repeating: 0, count: spatialDimensions)
    return try builder.emit {
      try $0.pad(input, before: [0, missing / 2] + none, after: [0, missing - missing / 2] + none)
    }
  }
}
