package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.ResNet` and its named variants (https://arxiv.org/abs/1512.03385).
///
/// State-dict keys: `conv1`, `bn1`, `act`, `layer<i>.<block>.…`, `fc`.
package struct ResNet: Network {
  package static let names = [
    "ResNet", "resnet10", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200",
  ]
  package static let parameters = [
    "block", "layers", "block_inplanes", "spatial_dims", "n_input_channels", "conv1_t_size", "conv1_t_stride",
    "no_max_pool", "shortcut_type", "widen_factor", "num_classes", "feed_forward", "bias_downsample", "act", "norm",
  ]

  /// The variants pass everything else on by name.
  package static func parameters(of name: String) -> [String] {
    variants[name] == nil ? parameters : ["pretrained", "progress"]
  }

  package var spatialDimensions: Int { stages.spatialDimensions }
  package let inputChannels: [Int]
  let stages: ResNetStages
  /// nil without the final linear layer.
  let classes: Int?

  private static let variants: [String: (ResNetStages.Block, [Int])] = [
    "resnet10": (.basic, [1, 1, 1, 1]), "resnet18": (.basic, [2, 2, 2, 2]), "resnet34": (.basic, [3, 4, 6, 3]),
    "resnet50": (.bottleneck, [3, 4, 6, 3]), "resnet101": (.bottleneck, [3, 4, 23, 3]),
    "resnet152": (.bottleneck, [3, 8, 36, 3]), "resnet200": (.bottleneck, [3, 24, 36, 3]),
  ]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let spatialDimensions = try arguments.int("spatial_dims", default: 3)
    inputChannels = [try arguments.int("n_input_channels", default: 3)]
    try Self.require(component, spatialDimensions: spatialDimensions, channels: inputChannels)
    var stages = ResNetStages(spatialDimensions: spatialDimensions)
    if let (block, layers) = Self.variants[component.className] {
      // The checkpoint replaces pretrained weights.
      arguments.ignore("pretrained", "progress")
      stages.block = block
      stages.layers = layers
    } else {
      let block = try arguments.string("block")
      guard let known = ResNetStages.Block(rawValue: block) else {
        throw arguments.unsupported("block", "'\(block)'", supported: "basic, bottleneck")
      }
      stages.block = known
      stages.layers = try arguments.ints("layers")
      stages.widths = try arguments.ints("block_inplanes")
    }
    let factor = try arguments.double("widen_factor", default: 1)
    stages.widths = stages.widths.map { Int(saturating: Double($0) * factor) }
    stages.stemKernel = try arguments.spatial("conv1_t_size", default: 7, dimensions: spatialDimensions)
    stages.stemStride = try arguments.spatial("conv1_t_stride", default: 1, dimensions: spatialDimensions)
    stages.hasMaxPool = !(try arguments.bool("no_max_pool", default: false))
    let shortcut = try arguments.string("shortcut_type", default: "B")
    guard shortcut == "A" || shortcut == "B" else {
      throw arguments.unsupported("shortcut_type", "'\(shortcut)'", supported: "A, B")
    }
    stages.isShortcutPadded = shortcut == "A"
    stages.hasShortcutBias = try arguments.bool("bias_downsample", default: true)
    stages.activation = try arguments.activation("act", default: .relu)
    stages.normalization = try arguments.normalization("norm", default: .batch)
    let count = try arguments.int("num_classes", default: 400)
    classes = try arguments.bool("feed_forward", default: true) ? count : nil
    try arguments.finish()
    try Self.require(component, "layers", counts: stages.layers)
    try Self.require(
      stages.layers.count == 4 && stages.widths.count == 4
        && (stages.layers + stages.widths + [count]).allSatisfy { (1...1 << 16).contains($0) },
      component, "layers is \(stages.layers) and block_inplanes is \(stages.widths)",
      expected: "four positive numbers each")
    self.stages = stages
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let features = try stages.build(&builder, inputs[0])
    let pooled = try builder.globalAverage(features[4])
    guard let classes else { return [pooled] }
    return [try builder.linear("fc", pooled, outputs: classes)]
  }
}

/// The convolutional part of a residual network: the stem and four stages, each with half the extents of the one
/// before. Gives the stem's features and each stage's.
struct ResNetStages: Sendable {
  enum Block: String, Sendable {
    case basic, bottleneck
    /// The channels that come out of a block, over its width.
    var expansion: Int { self == .basic ? 1 : 4 }
  }

  var spatialDimensions: Int
  var block = Block.basic
  var layers: [Int] = []
  var widths = [64, 128, 256, 512]
  var stemKernel: [Int] = []
  var stemStride: [Int] = []
  var hasMaxPool = true
  /// Shortcut type A, pooled and padded with zero channels; else type B, a convolution with norm.
  var isShortcutPadded = false
  var hasShortcutBias = true
  /// Activation and norm of the stem; the blocks always have ReLU and batch norm.
  var activation: Activation? = .relu
  var normalization: Normalization? = ResNetStages.batch

  /// What the stem and the stages are called.
  var names = Names.named

  enum Names: Sendable {
    /// `conv1`, `bn1`, `layer1` …
    case named
    /// `0`, `1`, `4` …: the places among the children, when they stand in a Sequential.
    case numbered
  }

  private static let batch = Normalization.batch(epsilon: 1e-5, isAffine: true)

  init(spatialDimensions: Int) {
    self.spatialDimensions = spatialDimensions
    stemKernel = PerAxis.all(7).expanded(spatialDimensions)
    stemStride = PerAxis.all(2).expanded(spatialDimensions)
  }

  /// - Parameter last: the last stage that is needed.
  func build(_ builder: inout NetworkBuilder, _ input: Value, last: Int = 4) throws -> [Value] {
    let isNamed = names == .named
    var result = try builder.convolution(
      isNamed ? "conv1" : "0", input, outputs: widths[0], kernel: .each(stemKernel), strides: .each(stemStride),
      padding: .each(stemKernel.map { $0 / 2 }), hasBias: false)
    result = try builder.normalize(isNamed ? "bn1" : "1", result, normalization)
    result = try builder.activate("act", result, activation)
    var features = [result]
    if hasMaxPool { result = try builder.maxPool(result, kernel: 3, strides: 2, padding: 1) }
    for stage in 0..<last {
      let stride = stage == 0 ? 1 : 2
      result = try builder.module(isNamed ? "layer\(stage + 1)" : "\(stage + 4)") { builder in
        try builder.sequence(Array(0..<layers[stage]), result) { builder, index, value in
          try residual(&builder, value, width: widths[stage], stride: index == 0 ? stride : 1, isFirst: index == 0)
        }
      }
      features.append(result)
    }
    return features
  }

  private func residual(
    _ builder: inout NetworkBuilder, _ input: Value, width: Int, stride: Int, isFirst: Bool
  ) throws -> Value {
    let outputs = width * block.expansion
    var result = input
    switch block {
    case .basic:
      result = try step(&builder, 1, result, width, kernel: 3, stride: stride)
      result = try builder.relu(result)
      result = try step(&builder, 2, result, width, kernel: 3)
    case .bottleneck:
      result = try builder.relu(step(&builder, 1, result, width, kernel: 1))
      result = try builder.relu(step(&builder, 2, result, width, kernel: 3, stride: stride))
      result = try step(&builder, 3, result, outputs, kernel: 1)
    }
    let isProjected = isFirst && (stride != 1 || builder.channels(of: input) != outputs)
    let shortcut = isProjected ? try self.shortcut(&builder, input, outputs, stride) : input
    return try builder.relu(builder.add(result, shortcut))
  }

  private func step(
    _ builder: inout NetworkBuilder, _ number: Int, _ input: Value, _ outputs: Int, kernel: Int, stride: Int = 1
  ) throws -> Value {
    let result = try builder.convolution(
      "conv\(number)", input, outputs: outputs, kernel: .all(kernel), strides: .all(stride),
      padding: .all(kernel / 2), hasBias: false)
    return try builder.normalize("bn\(number)", result, Self.batch)
  }

  /// State-dict keys `downsample.0`, `downsample.1` for type B.
  private func shortcut(
    _ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int, _ stride: Int
  ) throws -> Value {
    guard isShortcutPadded else {
      return try builder.module("downsample") { builder in
        let result = try builder.convolution(
          "0", input, outputs: outputs, kernel: 1, strides: .all(stride), hasBias: hasShortcutBias)
        return try builder.normalize("1", result, Self.batch)
      }
    }
    let missing = outputs - builder.channels(of: input)
    let pooled = stride == 1 ? input : try builder.averagePool(input, kernel: 1, strides: .all(stride))
    let none = Array(repeating: 0, count: spatialDimensions)
    return try builder.emit { try $0.pad(pooled, before: [0, 0] + none, after: [0, missing] + none) }
  }
}
