package import Arguments
package import Graphs

/// `monai.networks.nets.DenseNet` and its named variants: each layer sees the features of all before it
/// (https://arxiv.org/abs/1608.06993).
///
/// State-dict keys: `features.conv0`, `features.norm0`, `features.denseblock<i>.denselayer<j>.layers.…`,
/// `features.transition<i>.…`, `features.norm5`, `class_layers.out`.
package struct DenseNet: Network {
  package static let names =
    ["DenseNet", "Densenet"] + variants.keys.flatMap { ["DenseNet\($0)", "Densenet\($0)", "densenet\($0)"] }
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "init_features", "growth_rate", "block_config", "bn_size", "act",
    "norm", "dropout_prob",
  ]

  package static func parameters(of name: String) -> [String] {
    guard variants.keys.contains(where: name.hasSuffix) else { return parameters }
    return [
      "spatial_dims", "in_channels", "out_channels", "init_features", "growth_rate", "block_config", "pretrained",
      "progress",
    ]
  }

  private static let variants = [
    "121": [6, 12, 24, 16], "169": [6, 12, 32, 32], "201": [6, 12, 48, 32], "264": [6, 12, 64, 48],
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let layers: DenseNetLayers

  package init(_ component: Component) throws {
    let variant = Self.variants.first { component.className.hasSuffix($0.key) }
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    layers = DenseNetLayers(
      initialFeatures: try arguments.int("init_features", default: 64),
      growthRate: try arguments.int("growth_rate", default: 32),
      blocks: try arguments.ints("block_config", default: variant?.value ?? [6, 12, 24, 16]),
      bottleneckFactor: try arguments.int("bn_size", default: 4),
      activation: try arguments.activation("act", default: .relu),
      normalization: try arguments.normalization("norm", default: .batch))
    arguments.ignore("dropout_prob")
    // The checkpoint replaces pretrained weights.
    if variant != nil { arguments.ignore("pretrained", "progress") }
    try arguments.finish()
    try Self.require(component, "block_config", counts: layers.blocks)
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + layers.blocks
        + [outputChannels, layers.initialFeatures, layers.growthRate, layers.bottleneckFactor])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let features = try builder.module("features") { try layers.build(&$0, inputs[0]) }
    return [
      try builder.module("class_layers") { builder in
        let activated = try builder.activate("relu", features, layers.activation)
        return try builder.linear("out", builder.globalAverage(activated), outputs: outputChannels)
      }
    ]
  }

}

/// The convolutional part of a densely connected network: dense blocks with transitions between them.
struct DenseNetLayers: Sendable {
  var initialFeatures: Int
  var growthRate: Int
  var blocks: [Int]
  var bottleneckFactor: Int
  var activation: Activation?
  var normalization: Normalization?
  /// Whether a dense layer's parts are under `layers`, as in MONAI.
  var isNested = true

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = try builder.convolution(
      "conv0", input, outputs: initialFeatures, kernel: 7, strides: 2, padding: 3, hasBias: false)
    result = try builder.normalize("norm0", result, normalization)
    result = try builder.activate("relu0", result, activation)
    result = try builder.maxPool(result, kernel: 3, strides: 2, padding: 1)
    for (index, count) in blocks.enumerated() {
      result = try builder.module("denseblock\(index + 1)") { builder in
        try (1...count).reduce(result) { value, number in
          try builder.module("denselayer\(number)") { try denseLayer(&$0, value) }
        }
      }
      guard index < blocks.count - 1 else { break }
      result = try builder.module("transition\(index + 1)") { try transition(&$0, result) }
    }
    return try builder.normalize("norm5", result, normalization)
  }

  private func denseLayer(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let added =
      isNested ? try builder.module("layers") { try newFeatures(&$0, input) } : try newFeatures(&builder, input)
    return try builder.concat([input, added])
  }

  private func newFeatures(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = try builder.normalize("norm1", input, normalization)
    result = try builder.activate("relu1", result, activation)
    result = try builder.convolution(
      "conv1", result, outputs: bottleneckFactor * growthRate, kernel: 1, hasBias: false)
    result = try builder.normalize("norm2", result, normalization)
    result = try builder.activate("relu2", result, activation)
    return try builder.convolution("conv2", result, outputs: growthRate, kernel: 3, padding: 1, hasBias: false)
  }

  private func transition(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = try builder.normalize("norm", input, normalization)
    result = try builder.activate("relu", result, activation)
    result = try builder.convolution(
      "conv", result, outputs: builder.channels(of: input) / 2, kernel: 1, hasBias: false)
    return try builder.averagePool(result, kernel: 2)
  }
}
