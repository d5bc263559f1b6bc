package import Arguments
package import Graphs
import OrderedCollections

/// `monai.networks.nets.SegResNetDS`: SegResNet with an encoder that can be anisotropic and heads for deep
/// supervision; in evaluation only the finest head is used (https://arxiv.org/abs/2209.10809).
///
/// State-dict keys: `encoder.conv_init`, `encoder.layers.<level>.{blocks.<i>,downsample}`,
/// `up_layers.<level>.{upsample,blocks.<i>,head}`.
package struct SegResNetDS: Network {
  package static let names = ["SegResNetDS"]
  package static let parameters = [
    "spatial_dims", "init_filters", "in_channels", "out_channels", "act", "norm", "blocks_down", "blocks_up", "dsdepth",
    "preprocess", "upsample_mode", "resolution",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let initialFilters: Int
  let activation: Activation?
  let normalization: Normalization?
  let blocksDown: [Int]
  let blocksUp: [Int]
  let upsampling: UpSample.Mode
  /// Per level, the stride to the next per spatial axis.
  let scales: [[Int]]
  /// Whether kernels are 1 along axes that aren't scaled.
  let isAnisotropic: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    initialFilters = try arguments.int("init_filters", default: 32)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 2)
    activation = try arguments.activation("act", default: .relu)
    normalization = try arguments.layer("norm", default: .batch).map { try Normalization(Self.affine($0)) }
    blocksDown = try arguments.ints("blocks_down", default: [1, 2, 2, 4])
    let levels = blocksDown.count
    blocksUp = try arguments.optionalInts("blocks_up") ?? Array(repeating: 1, count: max(levels - 1, 0))
    arguments.ignore("dsdepth")
    if arguments.present("preprocess") != nil {
      throw arguments.unsupported("preprocess", "a module", supported: "None")
    }
    upsampling = try arguments.upsampleMode("upsample_mode", default: .deconvolution)
    let resolution = try arguments.optionalDoubles("resolution")
    try arguments.finish()

    try Self.require(component, "blocks_down", counts: blocksDown)
    try Self.require(component, "blocks_up", counts: blocksUp)
    try Self.require(
      component, spatialDimensions: spatialDimensions, channels: inputChannels + [outputChannels, initialFilters])
    try Self.require(
      (1...12).contains(levels) && blocksUp.count == levels - 1, component,
      "\(levels) blocks_down and \(blocksUp.count) blocks_up", expected: "one fewer blocks_up than blocks_down")
    if let resolution {
      try Self.require(
        resolution.count == spatialDimensions && resolution.allSatisfy { $0 > 0 && $0.isFinite }, component,
        "resolution is \(resolution)", expected: "\(spatialDimensions) positive numbers")
      scales = Self.scales(resolution, levels: levels)
    } else {
      scales = Array(repeating: PerAxis.all(2).expanded(spatialDimensions), count: levels)
    }
    isAnisotropic = resolution != nil
  }

  /// MONAI sets `affine` where the norm has such an argument and the definition doesn't say.
  private static func affine(_ description: LayerDescription) -> LayerDescription {
    guard ["batch", "instance", "instance_nvfuser", "group", "syncbatch"].contains(description.name),
      description.arguments["affine"] == nil
    else { return description }
    var result = description
    result.arguments["affine"] = .bool(true)
    return result
  }

  /// MONAI's `scales_for_resolution`: an axis is halved only from the level on where its spacing has been reached by
  /// the finer ones.
  private static func scales(_ resolution: [Double], levels: Int) -> [[Int]] {
    let coarsest = resolution.max() ?? 1
    let delays = resolution.map { Int((coarsest / $0).exponent) }
    return (0..<levels).map { level in
      let isPastAll = level >= (delays.max() ?? 0)
      return delays.map { isPastAll || level < $0 ? 2 : 1 }
    }
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let levels = blocksDown.count
    for (axis, extent) in builder.spatial(of: inputs[0]).enumerated() {
      let factor = scales.dropLast().reduce(1) { $0 * $1[axis] }
      guard extent % factor == 0 else {
        throw NetworkError.invalidDefinition(
          network: Self.name, path: "input", reason: "spatial axis \(axis) has the extent \(extent)",
          expected: "a multiple of \(factor)")
      }
    }
    let skips = try builder.module("encoder") { try encode(&$0, inputs[0]) }
    var features = skips[levels - 1]
    for level in 0..<levels - 1 {
      features = try builder.module("up_layers") { builder in
        try builder.module("\(level)") { builder in
          let result = try up(&builder, features, skips[levels - 2 - level], level)
          if level < levels - 2 { builder.ignoreModule("head") }
          return result
        }
      }
    }
    return [
      try builder.module("up_layers") { builder in
        try builder.module("\(max(levels - 2, 0))") {
          try $0.convolution("head", features, outputs: outputChannels, kernel: 1)
        }
      }
    ]
  }

  private func kernel(_ level: Int) -> [Int] {
    scales[level].map { isAnisotropic && $0 == 1 ? 1 : 3 }
  }

  private func encode(_ builder: inout NetworkBuilder, _ input: Value) throws -> [Value] {
    var features = try convolution(&builder, "conv_init", input, initialFilters, kernel(0))
    var skips: [Value] = []
    for (level, count) in blocksDown.enumerated() {
      try builder.module("layers") { builder in
        try builder.module("\(level)") { builder in
          features = try blocks(&builder, features, count, kernel(level))
          skips.append(features)
          guard level < blocksDown.count - 1 else { return }
          features = try convolution(
            &builder, "downsample", features, initialFilters << (level + 1), kernel(level), strides: scales[level])
        }
      }
    }
    return skips
  }

  private func up(_ builder: inout NetworkBuilder, _ input: Value, _ skip: Value, _ level: Int) throws -> Value {
    let scale = blocksUp.count - level - 1
    let upsample = UpSample(
      mode: upsampling, outputChannels: builder.channels(of: input) / 2, scale: scales[scale],
      kernelSize: kernel(scale), interpolation: Interpolation(mode: .linear, alignsCorners: false), hasBias: false)
    let larger = try builder.module("upsample") { try upsample.build(&$0, input) }
    return try blocks(&builder, builder.add(larger, skip), blocksUp[level], kernel(scale))
  }

  /// `SegResBlock`s; state-dict keys `blocks.<i>.{norm1,act1,conv1,norm2,act2,conv2}`.
  private func blocks(_ builder: inout NetworkBuilder, _ input: Value, _ count: Int, _ kernel: [Int]) throws -> Value {
    let width = builder.channels(of: input)
    return try builder.module("blocks") { builder in
      try builder.sequence(Array(0..<count), input) { builder, _, value in
        var result = value
        for number in 1...2 {
          result = try builder.normalize("norm\(number)", result, normalization)
          result = try builder.activate("act\(number)", result, activation)
          result = try convolution(&builder, "conv\(number)", result, width, kernel)
        }
        return try builder.add(result, value)
      }
    }
  }

  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, _ kernel: [Int],
    strides: [Int]? = nil
  ) throws -> Value {
    try builder.convolution(
      name, input, outputs: outputs, kernel: .each(kernel), strides: strides.map { .each($0) } ?? 1,
      padding: .each(kernel.map { $0 / 2 }), hasBias: false)
  }
}
