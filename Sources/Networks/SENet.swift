package import Arguments
package import Graphs

/// `monai.networks.nets.SENet` and its named variants: residual networks whose blocks weigh their channels
/// (https://arxiv.org/abs/1709.01507).
///
/// State-dict keys: `layer0.conv1` …, `layer<i>.<block>.{conv1,conv2,conv3,se_layer.fc,project}`, `last_linear`.
package struct SENet: Network {
  package static let names =
    ["SENet", "SEnet", "Senet"]
    + variants.flatMap { variant in variant.names }
  package static let parameters = [
    "spatial_dims", "in_channels", "block", "layers", "groups", "reduction", "dropout_prob", "dropout_dim", "inplanes",
    "downsample_kernel_size", "input_3x3", "num_classes",
  ]

  /// The variants pass everything else on by name.
  package static func parameters(of name: String) -> [String] {
    guard let variant = variants.first(where: { $0.names.contains(name) }) else { return parameters }
    let own = ["layers", "groups", "reduction"]
    let shape = ["inplanes", "downsample_kernel_size", "input_3x3"]
    let loading = ["pretrained", "progress"]
    if variant.block == .bottleneck { return own + loading }
    return own + (variant.hasDropout ? ["dropout_prob"] : []) + shape + loading
  }

  private enum Block: String, Sendable, CaseIterable {
    case bottleneck = "se_bottleneck"
    case residual = "se_resnet_bottleneck"
    case residualNext = "se_resnetxt_bottleneck"
  }

  private struct Variant: Sendable {
    var names: [String]
    var block: Block
    var layers: [Int]
    var groups: Int
    var isDeepStem = false
    var inplanes = 64
    var downsampleKernel = 1
    /// Whether `dropout_prob` is among the parameters that MONAI spells out.
    var hasDropout = true
  }

  private static let variants = [
    Variant(
      names: ["SENet154", "SEnet154", "Senet154", "senet154"], block: .bottleneck, layers: [3, 8, 36, 3], groups: 64,
      isDeepStem: true, inplanes: 128, downsampleKernel: 3),
    Variant(
      names: ["SEResNet50", "SEresnet50", "Seresnet50", "seresnet50"], block: .residual, layers: [3, 4, 6, 3],
      groups: 1),
    Variant(
      names: ["SEResNet101", "SEresnet101", "Seresnet101", "seresnet101"], block: .residual, layers: [3, 4, 23, 3],
      groups: 1, hasDropout: false),
    Variant(
      names: ["SEResNet152", "SEresnet152", "Seresnet152", "seresnet152"], block: .residual, layers: [3, 8, 36, 3],
      groups: 1, hasDropout: false),
    Variant(
      names: ["SEResNext50", "SEResNeXt50", "SEresnext50", "Seresnext50", "seresnext50"], block: .residualNext,
      layers: [3, 4, 6, 3], groups: 32),
    Variant(
      names: ["SEResNext101", "SEResNeXt101", "SEresnext101", "Seresnext101", "seresnext101"], block: .residualNext,
      layers: [3, 4, 23, 3], groups: 32),
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  private let block: Block
  let layers: [Int]
  let groups: Int
  let reduction: Int
  let inplanes: Int
  let downsampleKernel: Int
  let isDeepStem: Bool
  let classes: Int

  private static let batch = Normalization.batch(epsilon: 1e-5, isAffine: true)

  package init(_ component: Component) throws {
    let variant = Self.variants.first { $0.names.contains(component.className) }
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    if let variant {
      block = variant.block
      layers = try arguments.ints("layers", default: variant.layers)
      groups = try arguments.int("groups", default: variant.groups)
      reduction = try arguments.int("reduction", default: 16)
      // The checkpoint replaces pretrained weights.
      arguments.ignore("pretrained", "progress")
    } else {
      let name = try arguments.string("block")
      guard let known = Block(rawValue: name) else {
        throw arguments.unsupported(
          "block", "'\(name)'", supported: Block.allCases.map(\.rawValue).joined(separator: ", "))
      }
      block = known
      layers = try arguments.ints("layers")
      groups = try arguments.int("groups")
      reduction = try arguments.int("reduction")
    }
    arguments.ignore("dropout_prob", "dropout_dim")
    inplanes = try arguments.int("inplanes", default: variant?.inplanes ?? 128)
    downsampleKernel = try arguments.int("downsample_kernel_size", default: variant?.downsampleKernel ?? 3)
    isDeepStem = try arguments.bool("input_3x3", default: variant?.isDeepStem ?? true)
    classes = try arguments.int("num_classes", default: 1000)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + layers + [groups, reduction, inplanes, downsampleKernel, classes])
    try Self.require(component, "layers", counts: layers)
    try Self.require(layers.count == 4, component, "layers has \(layers.count) numbers", expected: "4")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var features = try builder.module("layer0") { try stem(&$0, inputs[0]) }
    for (stage, count) in layers.enumerated() {
      features = try builder.module("layer\(stage + 1)") { builder in
        try builder.sequence(Array(0..<count), features) { builder, index, value in
          let stride = stage > 0 && index == 0 ? 2 : 1
          let kernel = stage == 0 ? 1 : downsampleKernel
          return try residual(
            &builder, value, planes: 64 << stage, stride: stride, shortcutKernel: index == 0 ? kernel : nil)
        }
      }
    }
    return [try builder.linear("last_linear", builder.globalAverage(features), outputs: classes)]
  }

  private func stem(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = input
    let steps = isDeepStem ? [(64, 3, 2), (64, 3, 1), (inplanes, 3, 1)] : [(inplanes, 7, 2)]
    for (index, (width, kernel, stride)) in steps.enumerated() {
      result = try builder.convolution(
        "conv\(index + 1)", result, outputs: width, kernel: .all(kernel), strides: .all(stride),
        padding: .all(kernel / 2), hasBias: false)
      result = try builder.normalize("bn\(index + 1)", result, Self.batch)
      result = try builder.relu(result)
    }
    return try builder.maxPool(result, kernel: 3, strides: 2, isCeiling: true)
  }

  /// `SEBlock`: three convolutions, the channels weighted, the shortcut added.
  private func residual(
    _ builder: inout NetworkBuilder, _ input: Value, planes: Int, stride: Int, shortcutKernel: Int?
  ) throws -> Value {
    let outputs = 4 * planes
    let (first, second): (Int, Int) =
      switch block {
      case .bottleneck: (2 * planes, 4 * planes)
      case .residual: (planes, planes)
      case .residualNext: (planes / 16 * groups, planes / 16 * groups)
      }
    let firstStride = block == .residual ? stride : 1
    let shortcut: Value
    if let shortcutKernel, stride != 1 || builder.channels(of: input) != outputs {
      shortcut = try convolution(
        &builder, "project", input, outputs, kernel: shortcutKernel, stride: stride, isActivated: false)
    } else {
      shortcut = input
    }
    var result = try convolution(&builder, "conv1", input, first, kernel: 1, stride: firstStride)
    result = try convolution(
      &builder, "conv2", result, second, kernel: 3, stride: block == .residual ? 1 : stride, groups: groups)
    result = try convolution(&builder, "conv3", result, outputs, kernel: 1, isActivated: false)
    result = try builder.module("se_layer") { try weighChannels(&$0, result) }
    return try builder.relu(builder.add(result, shortcut))
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, kernel: Int, stride: Int = 1,
    groups: Int = 1, isActivated: Bool = true
  ) throws -> Value {
    let convolution = Convolution(
      outputChannels: outputs, strides: PerAxis.all(stride).expanded(spatialDimensions),
      kernelSize: PerAxis.all(kernel).expanded(spatialDimensions), groups: groups, hasBias: false,
      adn: ADN(activation: isActivated ? .relu : nil, normalization: Self.batch))
    return try builder.module(name) { try convolution.build(&$0, input) }
  }

  /// `ChannelSELayer`; state-dict keys `fc.0`, `fc.2`.
  private func weighChannels(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let channels = builder.channels(of: input)
    let pooled = try builder.globalAverage(input)
    let weights = try builder.module("fc") { builder in
      let squeezed = try builder.relu(builder.linear("0", pooled, outputs: channels / reduction))
      return try builder.sigmoid(builder.linear("2", squeezed, outputs: channels))
    }
    return try builder.emit {
      try $0.multiply(input, $0.reshape(weights, [0, channels] + Array(repeating: 1, count: spatialDimensions)))
    }
  }
}
