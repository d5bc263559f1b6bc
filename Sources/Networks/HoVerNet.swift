package import Arguments
package import Graphs

/// `monai.networks.nets.HoVerNet`: segments and classifies nuclei by three branches over one residual encoder
/// (https://arxiv.org/abs/1812.06499). Its size of input is fixed: 256 × 256 in the mode "fast", 270 × 270 in
/// "original". Outputs: `nucleus_prediction`, `horizontal_vertical` and, with classes, `type_prediction`.
///
/// State-dict keys: `conv0`, `res_blocks.d<i>`, `bottleneck.conv_bottleneck`, and per branch
/// `decoder_blocks.decoderblock<i>` and `output_features.decoderblock<i>`.
package struct HoVerNet: Network {
  package static let names = ["HoVerNet", "Hovernet", "HoVernet", "HoverNet"]
  package static let parameters = [
    "mode", "in_channels", "np_out_channels", "out_classes", "act", "norm", "decoder_padding", "dropout_prob",
    "pretrained_url", "adapt_standard_resnet", "pretrained_state_dict_key", "freeze_encoder",
  ]

  package let spatialDimensions = 2
  package let inputChannels: [Int]
  package let fixedSpatialShape: [Int]?
  package var outputNames: [String] { branches.map(\.name) }
  let isFast: Bool
  let activation: Activation?
  let normalization: Normalization?
  let isDecoderPadded: Bool
  private let branches: [(name: String, outputs: Int)]

  private static let batch = Normalization.batch(epsilon: 1e-5, isAffine: true)

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let mode = try arguments.string("mode", default: "fast").lowercased()
    guard mode == "fast" || mode == "original" else {
      throw arguments.unsupported("mode", "'\(mode)'", supported: "fast, original")
    }
    isFast = mode == "fast"
    fixedSpatialShape = isFast ? [256, 256] : [270, 270]
    inputChannels = [try arguments.int("in_channels", default: 3)]
    let nuclei = try arguments.int("np_out_channels", default: 2)
    let classes = try arguments.int("out_classes", default: 0)
    activation = try arguments.activation("act", default: .relu)
    normalization = try arguments.normalization("norm", default: .batch)
    isDecoderPadded = try arguments.bool("decoder_padding", default: false)
    // The checkpoint replaces pretrained weights.
    arguments.ignore(
      "dropout_prob", "pretrained_url", "adapt_standard_resnet", "pretrained_state_dict_key", "freeze_encoder")
    try arguments.finish()
    try Self.require(component, spatialDimensions: 2, channels: inputChannels + [nuclei])
    try Self.require(
      classes == 0 || (2...128).contains(classes), component, "out_classes is \(classes)", expected: "0, or 2 to 128")
    branches =
      [("nucleus_prediction", nuclei), ("horizontal_vertical", 2)] + (classes > 0 ? [("type_prediction", classes)] : [])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var features = try builder.module("conv0") { builder in
      let result = try builder.convolution(
        "conv", inputs[0], outputs: 64, kernel: 7, padding: .all(isFast ? 3 : 0), hasBias: false)
      return try builder.activate("relu", builder.normalize("bn", result, normalization), activation)
    }
    var skips: [Value] = []
    for (index, count) in [3, 4, 6, 3].enumerated() {
      features = try builder.module("res_blocks") { builder in
        try builder.module("d\(index)") { try residualBlock(&$0, features, index, count) }
      }
      if index <= 2 { skips.append(features) }
    }
    features = try builder.module("bottleneck") {
      try $0.convolution("conv_bottleneck", features, outputs: 1024, kernel: 1, hasBias: false)
    }
    let larger = try doubled(&builder, features)
    return try branches.map { branch in
      try builder.module(branch.name) { try decode(&$0, larger, skips, branch.outputs) }
    }
  }

  private func doubled(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try Interpolation(mode: .linear, alignsCorners: true).build(&builder, input, scales: [2, 2])
  }

  /// `features[:, :, first:-last, first:-last]`.
  private func trimmed(_ builder: inout NetworkBuilder, _ input: Value, first: Int, last: Int) throws -> Value {
    let shape = builder.spatial(of: input)
    return try builder.emit { graph in
      let rows = try graph.slice(input, axis: 2, first..<max(shape[0] - last, first))
      return try graph.slice(rows, axis: 3, first..<max(shape[1] - last, first))
    }
  }

  /// `_ResidualBlock`: bottlenecks, each added to what the one before gave.
  private func residualBlock(
    _ builder: inout NetworkBuilder, _ input: Value, _ index: Int, _ count: Int
  ) throws -> Value {
    let isFirst = index == 0
    var shortcut = try builder.convolution(
      "shortcut", input, outputs: 256 << index, kernel: 1, strides: isFirst ? 1 : 2, padding: isFirst ? 0 : 1,
      hasBias: false)
    if !isFirst { shortcut = try trimmed(&builder, shortcut, first: 0, last: 1) }
    var features = input
    for number in 0..<count {
      features = try builder.module("layers") { builder in
        try builder.module("denselayer_\(number)") { builder in
          try builder.module("layers") {
            try bottleneck(&$0, features, index, isFirst: number == 0, isStrided: number == 0 && !isFirst)
          }
        }
      }
      if builder.spatial(of: features) != builder.spatial(of: shortcut) {
        features = try trimmed(&builder, features, first: 0, last: 1)
      }
      features = try builder.add(features, shortcut)
      shortcut = features
    }
    return try builder.module("bna_block") {
      try $0.activate("relu", $0.normalize("bn", features, normalization), activation)
    }
  }

  /// `_DenseLayer`.
  private func bottleneck(
    _ builder: inout NetworkBuilder, _ input: Value, _ index: Int, isFirst: Bool, isStrided: Bool
  ) throws -> Value {
    let width = 64 << index
    var result = input
    if !isFirst {
      result = try builder.normalize("preact/bn", result, normalization)
      result = try builder.activate("preact/relu", result, activation)
    }
    result = try builder.convolution("conv1", result, outputs: width, kernel: 1, hasBias: false)
    result = try builder.normalize("conv1/bn", result, normalization)
    result = try builder.activate("conv1/relu", result, activation)
    result = try builder.convolution(
      "conv2", result, outputs: width, kernel: 3, strides: isStrided ? 2 : 1, padding: isStrided ? 2 : 1,
      hasBias: false)
    result = try builder.normalize("conv2/bn", result, normalization)
    result = try builder.activate("conv2/relu", result, activation)
    return try builder.convolution("conv3", result, outputs: 256 << index, kernel: 1, hasBias: false)
  }

  /// `_DecoderBranch`. Norm and activation are batch norm and ReLU here, whatever the definition says.
  private func decode(
    _ builder: inout NetworkBuilder, _ input: Value, _ skips: [Value], _ outputs: Int
  ) throws -> Value {
    let kernel = isFast ? 3 : 5
    var features = try builder.add(input, skips[2])
    for (index, count) in [8, 4].enumerated() {
      features = try builder.module("decoder_blocks") { builder in
        try builder.module("decoderblock\(index + 1)") { try decoderBlock(&$0, features, count, kernel) }
      }
      features = try doubled(&builder, features)
      let skip = skips[1 - index]
      let trim = (builder.spatial(of: skip)[1] - builder.spatial(of: features)[1]) / 2
      // Without anything to trim MONAI doesn't add the skip connection at all.
      if trim > 0 {
        features = try builder.add(features, trimmed(&builder, skip, first: trim, last: trim))
      }
    }
    return try builder.module("output_features") { builder in
      let first = try builder.module("decoderblock3") {
        try $0.convolution(
          "conva", features, outputs: 64, kernel: .all(kernel), padding: .all(kernel / 2), hasBias: false)
      }
      return try builder.module("decoderblock4") { builder in
        let activated = try builder.relu(builder.normalize("bn", first, Self.batch))
        return try builder.convolution("conv", activated, outputs: outputs, kernel: 1)
      }
    }
  }

  /// `_DecoderBlock`: a convolution, densely joined layers, norm, activation, a convolution.
  private func decoderBlock(
    _ builder: inout NetworkBuilder, _ input: Value, _ count: Int, _ kernel: Int
  ) throws -> Value {
    let padding = isDecoderPadded ? kernel / 2 : 0
    var features = try builder.convolution(
      "conva", input, outputs: builder.channels(of: input) / 4, kernel: .all(kernel), padding: .all(padding),
      hasBias: false)
    for number in 1...count {
      features = try builder.module("denselayerdecoder\(number)") {
        try denseLayer(&$0, features, kernel, padding)
      }
    }
    let activated = try builder.module("bna_block") { try $0.relu($0.normalize("bn", features, Self.batch)) }
    return try builder.convolution(
      "convf", activated, outputs: builder.channels(of: features), kernel: 1, hasBias: false)
  }

  /// `_DenseLayerDecoder`: 32 more channels.
  private func denseLayer(
    _ builder: inout NetworkBuilder, _ input: Value, _ kernel: Int, _ padding: Int
  ) throws -> Value {
    let added = try builder.module("layers") { builder in
      var result = try builder.relu(builder.normalize("preact_bna/bn", input, Self.batch))
      result = try builder.convolution("conv1", result, outputs: 128, kernel: 1, hasBias: false)
      result = try builder.relu(builder.normalize("conv1/norm", result, Self.batch))
      return try builder.convolution(
        "conv2", result, outputs: 32, kernel: .all(kernel), padding: .all(padding), groups: 4, hasBias: false)
    }
    let trim = (builder.spatial(of: input)[1] - builder.spatial(of: added)[1]) / 2
    let kept = trim == 0 ? input : try trimmed(&builder, input, first: trim, last: trim)
    return try builder.concat([kept, added])
  }
}
