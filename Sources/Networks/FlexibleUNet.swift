package import Arguments
package import Graphs

/// `monai.networks.nets.FlexibleUNet`: a U-Net decoder over an EfficientNet or ResNet encoder.
///
/// State-dict keys: `encoder.…`, `decoder.blocks.<i>.…`, `segmentation_head.0`.
package struct FlexibleUNet: Network {
  package static let names = ["FlexibleUNet", "FlexUNet"]
  package static let parameters = [
    "in_channels", "out_channels", "backbone", "pretrained", "decoder_channels", "spatial_dims", "norm", "act",
    "dropout", "decoder_bias", "upsample", "pre_conv", "interp_mode", "is_pad",
  ]

  private enum Encoder: Sendable {
    case efficientNet(EfficientNetStacks)
    case resNet(ResNetStages)
  }

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  private let encoder: Encoder
  let decoderChannels: [Int]
  let adn: ADN
  let hasBias: Bool
  let upsampling: UpSample
  let isPadded: Bool

  private static let resNets: [String: ResNetStages.Block] = [
    "resnet10": .basic, "resnet18": .basic, "resnet34": .basic, "resnet50": .bottleneck, "resnet101": .bottleneck,
    "resnet152": .bottleneck, "resnet200": .bottleneck,
  ]
  private static let resNetLayers = [
    "resnet10": [1, 1, 1, 1], "resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3], "resnet50": [3, 4, 6, 3],
    "resnet101": [3, 4, 23, 3], "resnet152": [3, 8, 36, 3], "resnet200": [3, 24, 36, 3],
  ]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    spatialDimensions = try arguments.int("spatial_dims", default: 2)
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3, channels: inputChannels + [outputChannels])
    let backbone = try arguments.string("backbone")
    // The checkpoint replaces pretrained weights.
    arguments.ignore("pretrained", "dropout")
    let norm = try EfficientNetStacks(
      backbone, spatialDimensions: spatialDimensions, Normalization(EfficientNetStacks.norm))
    if let norm {
      encoder = .efficientNet(norm)
    } else if let block = Self.resNets[backbone], let layers = Self.resNetLayers[backbone] {
      var stages = ResNetStages(spatialDimensions: spatialDimensions)
      stages.block = block
      stages.layers = layers
      let isMedicalNet = backbone == "resnet18" || backbone == "resnet34"
      stages.isShortcutPadded = isMedicalNet
      stages.hasShortcutBias = isMedicalNet
      encoder = .resNet(stages)
    } else {
      let known = EfficientNetStacks.models.keys.sorted() + Self.resNets.keys.sorted()
      throw arguments.unsupported("backbone", "'\(backbone)'", supported: known.joined(separator: ", "))
    }
    decoderChannels = Array(try arguments.ints("decoder_channels", default: [256, 128, 64, 32, 16]).prefix(5))
    adn = ADN(
      activation: try arguments.activation("act", default: .relu),
      normalization: try arguments.normalization("norm", default: .batch(epsilon: 1e-3)))
    hasBias = try arguments.bool("decoder_bias", default: false)
    let mode = try arguments.upsampleMode("upsample", default: .nontrainable)
    let convolution = arguments.value("pre_conv") ?? .string("default")
    guard convolution == .string("default") || convolution.isNull else {
      throw arguments.unsupported("pre_conv", convolution.summary, supported: "default, None")
    }
    let interpolation = try arguments.resizeMode("interp_mode", default: .nearest)
    isPadded = try arguments.bool("is_pad", default: true)
    upsampling = UpSample(
      mode: mode, scale: PerAxis.all(2).expanded(spatialDimensions), hasPreConvolution: !convolution.isNull,
      interpolation: Interpolation(mode: interpolation, alignsCorners: false))
    try arguments.finish()
    try Self.require(component, spatialDimensions: spatialDimensions, channels: decoderChannels)
    try Self.require(
      decoderChannels.count == 5, component, "decoder_channels has \(decoderChannels.count) numbers", expected: "5")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let features = try builder.module("encoder") { try encode(&$0, inputs[0]) }
    var result = features[4]
    for (index, width) in decoderChannels.enumerated() {
      let skip = index < 4 ? features[3 - index] : nil
      result = try builder.module("decoder") { builder in
        try builder.module("blocks") { builder in
          try builder.module("\(index)") { try up(&$0, result, skip, width) }
        }
      }
    }
    return [
      try builder.module("segmentation_head") {
        try $0.convolution("0", result, outputs: outputChannels, kernel: 3, padding: 1)
      }
    ]
  }

  private func encode(_ builder: inout NetworkBuilder, _ input: Value) throws -> [Value] {
    switch encoder {
    case .efficientNet(let stacks):
      for name in ["_conv_head", "_bn1", "_fc"] { builder.ignoreModule(name) }
      return try stacks.build(&builder, input)
    case .resNet(let stages): return try stages.build(&builder, input)
    }
  }

  private func up(_ builder: inout NetworkBuilder, _ input: Value, _ skip: Value?, _ width: Int) throws -> Value {
    var upsampling = upsampling
    let inputs = builder.channels(of: input)
    let isKept = skip == nil || (upsampling.mode == .nontrainable && !upsampling.hasPreConvolution)
    upsampling.outputChannels = isKept ? inputs : inputs / 2
    let upCat = UpCat(
      upsampling: upsampling, convolutions: TwoConv(outputChannels: width, hasBias: hasBias, adn: adn),
      isPadded: isPadded)
    return try upCat.build(&builder, input, skip: skip)
  }
}
