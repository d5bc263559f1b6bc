package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.SegResNet`: residual blocks with pre-activation, downsampling by strided convolutions, and
/// features added, not joined, on the way up (https://arxiv.org/abs/1810.11654).
///
/// State-dict keys: `convInit.conv`, `down_layers.<level>.<block>`, `up_samples.<level>`, `up_layers.<level>.<block>`,
/// `conv_final`.
package struct SegResNet: Network {
  package static let names = ["SegResNet"]
  package static let parameters = [
    "spatial_dims", "init_filters", "in_channels", "out_channels", "dropout_prob", "act", "norm", "norm_name",
    "num_groups", "use_conv_final", "blocks_down", "blocks_up", "upsample_mode",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let initialFilters: Int
  let blocksDown: [Int]
  let blocksUp: [Int]
  let hasFinalConvolution: Bool
  let normalization: Normalization?
  let activation: Activation?
  let upsampling: UpSample.Mode

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    try self.init(&arguments)
    try arguments.finish()
  }

  /// Reads the arguments that SegResNet shares with SegResNetVAE.
  init(_ arguments: inout ArgumentReader) throws {
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    initialFilters = try arguments.int("init_filters", default: 8)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 2)
    arguments.ignore("dropout_prob")
    activation = try arguments.activation("act", default: .relu)
    let groups = try arguments.int("num_groups", default: 8)
    var normalization = try arguments.layer("norm", default: .group(8))
    if let name = try arguments.optionalString("norm_name"), !name.isEmpty {
      guard name.lowercased() == "group" else {
        throw arguments.unsupported("norm_name", "'\(name)'", supported: "group")
      }
      normalization = .group(groups)
    }
    self.normalization = try normalization.map { try Normalization($0) }
    hasFinalConvolution = try arguments.bool("use_conv_final", default: true)
    blocksDown = try arguments.ints("blocks_down", default: [1, 2, 2, 4])
    blocksUp = try arguments.ints("blocks_up", default: [1, 1, 1])
    upsampling = try arguments.upsampleMode("upsample_mode", default: .nontrainable)
    let component = arguments.component
    try Self.require(component, "blocks_down", counts: blocksDown)
    try Self.require(component, "blocks_up", counts: blocksUp)
    try Self.require(
      component, spatialDimensions: spatialDimensions, in: 2...3,
      channels: inputChannels + [outputChannels, initialFilters])
    try Self.require(
      !blocksDown.isEmpty && blocksDown.count <= 12 && blocksUp.count < blocksDown.count, component,
      "\(blocksUp.count) blocks_up for \(blocksDown.count) blocks_down", expected: "fewer blocks_up than blocks_down")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    // The activation of conv_final is registered here once more.
    builder.ignoreModule("act_mod")
    var features = try convolution(&builder, "convInit", inputs[0], initialFilters)
    var skips: [Value] = []
    for (level, count) in blocksDown.enumerated() {
      features = try builder.module("down_layers") { builder in
        try builder.module("\(level)") { try down(&$0, features, level, count) }
      }
      skips.append(features)
    }
    for (level, count) in blocksUp.enumerated() {
      let width = initialFilters << (blocksUp.count - level - 1)
      let larger = try builder.module("up_samples") { builder in
        try builder.module("\(level)") { try up(&$0, features, width) }
      }
      let joined = try builder.add(larger, skips[skips.count - 2 - level])
      features = try builder.module("up_layers") { builder in
        try builder.module("\(level)") { try blocks(&$0, joined, 0..<count) }
      }
    }
    guard hasFinalConvolution else {
      builder.ignoreModule("conv_final")
      return [features]
    }
    return [
      try builder.module("conv_final") { builder in
        let normalized = try builder.normalize("0", features, normalization)
        let activated = try builder.activate("1", normalized, activation)
        return try convolution(&builder, "2", activated, outputChannels, kernel: 1, hasBias: true)
      }
    ]
  }

  private func down(_ builder: inout NetworkBuilder, _ input: Value, _ level: Int, _ count: Int) throws -> Value {
    let smaller =
      level == 0 ? input : try convolution(&builder, "0", input, initialFilters << level, stride: 2)
    return try blocks(&builder, smaller, 1..<1 + count)
  }

  private func up(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int) throws -> Value {
    let narrower = try convolution(&builder, "0", input, width, kernel: 1)
    let upsample = UpSample(
      mode: upsampling, scale: PerAxis.all(2).expanded(spatialDimensions),
      interpolation: Interpolation(mode: .linear, alignsCorners: false))
    return try builder.module("1") { try upsample.build(&$0, narrower) }
  }

  /// `ResBlock`s in a row, under the numbers of `range`.
  private func blocks(_ builder: inout NetworkBuilder, _ input: Value, _ range: Range<Int>) throws -> Value {
    try range.reduce(input) { value, number in try builder.module("\(number)") { try block(&$0, value) } }
  }

  /// State-dict keys: `norm1`, `act`, `conv1.conv`, `norm2`, `conv2.conv`.
  private func block(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let width = builder.channels(of: input)
    var result = input
    for number in 1...2 {
      result = try builder.normalize("norm\(number)", result, normalization)
      result = try builder.activate("act", result, activation)
      result = try convolution(&builder, "conv\(number)", result, width)
    }
    return try builder.add(result, input)
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, kernel: Int = 3, stride: Int = 1,
    hasBias: Bool = false
  ) throws -> Value {
    try builder.module(name) {
      try $0.convolution(
        "conv", input, outputs: outputs, kernel: .all(kernel), strides: .all(stride), padding: .all((kernel - 1) / 2),
        hasBias: hasBias)
    }
  }
}

/// `monai.networks.nets.SegResNetVAE` in evaluation, where its autoencoder branch is silent.
package struct SegResNetVAE: Network {
  package static let names = ["SegResNetVAE"]
  package static let parameters = [
    "input_image_size", "vae_estimate_std", "vae_default_std", "vae_nz", "spatial_dims", "init_filters", "in_channels",
    "out_channels", "dropout_prob", "act", "norm", "use_conv_final", "blocks_down", "blocks_up", "upsample_mode",
  ]

  let network: SegResNet
  package var spatialDimensions: Int { network.spatialDimensions }
  package var inputChannels: [Int] { network.inputChannels }

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    _ = try arguments.ints("input_image_size")
    arguments.ignore("vae_estimate_std", "vae_default_std", "vae_nz")
    network = try SegResNet(&arguments)
    try arguments.finish()
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    for name in ["vae_down", "vae_fc1", "vae_fc2", "vae_fc3", "vae_fc_up_sample", "vae_conv_final"] {
      builder.ignoreModule(name)
    }
    return try network.build(&builder, inputs)
  }
}
