package import Arguments
package import Graphs

/// `monai.networks.nets.RegUNet` and `LocalNet`: U-Nets for registration, with residual blocks and outputs from
/// several levels averaged (https://arxiv.org/abs/1711.01666).
///
/// State-dict keys: `encode_convs.<i>`, `encode_pools.<i>.layer`, `bottom_block`, `decode_deconvs.<i>`,
/// `decode_convs.<i>`, `output_block.layers.<i>`.
package struct RegUNet: Network {
  package static let names = ["RegUNet", "LocalNet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "num_channel_initial", "depth", "out_kernel_initializer", "out_activation",
    "out_channels", "extract_levels", "pooling", "concat_skip", "encode_kernel_sizes",
  ]

  package static func parameters(of name: String) -> [String] {
    guard name == "LocalNet" else { return parameters }
    return [
      "spatial_dims", "in_channels", "num_channel_initial", "extract_levels", "out_kernel_initializer",
      "out_activation", "out_channels", "pooling", "use_additive_sampling", "concat_skip", "mode", "align_corners",
    ]
  }

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  let initialChannels: Int
  let depth: Int
  let extractLevels: [Int]
  let isPooled: Bool
  let isSkipConcatenated: Bool
  let encodeKernels: [Int]
  let outputActivation: Activation?
  let isLocalNet: Bool
  /// LocalNet's interpolation beside each transposed convolution; nil for none.
  let additiveUpsampling: Interpolation?

  private static let batch = Normalization.batch(epsilon: 1e-5, isAffine: true)

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    isLocalNet = component.className == "LocalNet"
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    initialChannels = try arguments.int("num_channel_initial")
    outputChannels = try arguments.int("out_channels", default: 3)
    arguments.ignore("out_kernel_initializer")
    outputActivation = try arguments.activation("out_activation", default: nil)
    isPooled = try arguments.bool("pooling", default: true)
    isSkipConcatenated = try arguments.bool("concat_skip", default: false)
    let depth: Int
    if isLocalNet {
      extractLevels = try arguments.ints("extract_levels")
      depth = extractLevels.max() ?? 0
      encodeKernels = [7] + Array(repeating: 3, count: min(max(depth, 0), 16))
      let isAdditive = try arguments.bool("use_additive_sampling", default: true)
      let mode = try arguments.resizeMode("mode", default: .nearest)
      let alignsCorners = try arguments.bool("align_corners", default: false)
      additiveUpsampling = isAdditive ? Interpolation(mode: mode, alignsCorners: alignsCorners) : nil
    } else {
      depth = try arguments.int("depth")
      let levels = try arguments.ints("extract_levels", default: [])
      extractLevels = levels.isEmpty ? [depth] : levels
      let kernels = try arguments.ints("encode_kernel_sizes", default: [3])
      encodeKernels = kernels.count == 1 ? Array(repeating: kernels[0], count: min(max(depth, 0), 16) + 1) : kernels
      additiveUpsampling = nil
    }
    self.depth = depth
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions,
      channels: inputChannels + encodeKernels + [initialChannels, outputChannels])
    try Self.require((1...12).contains(depth), component, "the depth is \(depth)", expected: "1 to 12")
    try Self.require(
      extractLevels.max() == depth && extractLevels.allSatisfy { $0 >= 0 }, component,
      "extract_levels is \(extractLevels)", expected: "levels from 0 to the depth, \(depth), which is among them")
    try Self.require(
      encodeKernels.count == depth + 1, component, "\(encodeKernels.count) encode_kernel_sizes",
      expected: "\(depth + 1)")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let size = builder.spatial(of: inputs[0])
    for extent in size where extent % (1 << depth) != 0 {
      throw NetworkError.invalidDefinition(
        network: isLocalNet ? "LocalNet" : "RegUNet", path: "input", reason: "the spatial shape \(size)",
        expected: "multiples of \(1 << depth)")
    }
    var skips: [Value] = []
    var features = inputs[0]
    for level in 0..<depth {
      skips.append(
        try module(&builder, "encode_convs", level) {
          try convolutions(&$0, features, width(level), encodeKernels[level])
        })
      features = try module(&builder, "encode_pools", level) { try down(&$0, skips[level]) }
    }
    features = try builder.module("bottom_block") { builder in
      isLocalNet
        ? try convolution(width(depth), encodeKernels[depth]).build(&builder, features)
        : try convolutions(&builder, features, width(depth), encodeKernels[depth])
    }
    var levels = [depth: features]
    for (number, level) in (min(extractLevels.min() ?? 0, depth)..<depth).reversed().enumerated() {
      features = try module(&builder, "decode_deconvs", number) { try up(&$0, features, width(level)) }
      features =
        isSkipConcatenated ? try builder.concat([features, skips[level]]) : try builder.add(features, skips[level])
      features = try module(&builder, "decode_convs", number) { try convolutions(&$0, features, width(level), 3) }
      levels[level] = features
    }
    return [try builder.module("output_block") { try extract(&$0, levels, size) }]
  }

  private func width(_ level: Int) -> Int { initialChannels << level }

  private func module(
    _ builder: inout NetworkBuilder, _ list: String, _ index: Int, _ body: (inout NetworkBuilder) throws -> Value
  ) throws -> Value {
    try builder.module(list) { try $0.module("\(index)", body) }
  }

  private func convolution(
    _ outputs: Int, _ kernel: Int, stride: Int = 1, padding: Int? = nil
  ) -> Convolution {
    Convolution(
      outputChannels: outputs, strides: PerAxis.all(stride).expanded(spatialDimensions),
      kernelSize: PerAxis.all(kernel).expanded(spatialDimensions), hasBias: false,
      padding: padding.map { PerAxis.all($0).expanded(spatialDimensions) },
      adn: ADN(activation: .relu, normalization: Self.batch))
  }

  /// A convolution, then `RegistrationResidualConvBlock`; state-dict keys `0`, `1.layers.<i>`, `1.norms.<i>`.
  private func convolutions(
    _ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int, _ kernel: Int
  ) throws -> Value {
    let first = try builder.module("0") { try convolution(outputs, kernel).build(&$0, input) }
    var bare = convolution(outputs, kernel)
    bare.adn = nil
    return try builder.module("1") { builder in
      var result = first
      for index in 0..<2 {
        result = try module(&builder, "layers", index) { try bare.build(&$0, result) }
        result = try builder.module("norms") { try $0.normalize("\(index)", result, Self.batch) }
        if index == 1 { result = try builder.add(result, first) }
        result = try builder.relu(result)
      }
      return result
    }
  }

  private func down(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    if isPooled { return try builder.maxPool(input, kernel: 2) }
    let strided = convolution(builder.channels(of: input), 2, stride: 2, padding: 0)
    return try builder.module("layer") { try strided.build(&$0, input) }
  }

  private func up(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    var deconvolution = convolution(outputs, 3, stride: 2, padding: 1)
    deconvolution.isTransposed = true
    guard let additiveUpsampling else { return try deconvolution.build(&builder, input) }
    let larger = try builder.module("deconv") { try deconvolution.build(&$0, input) }
    let resized = try additiveUpsampling.build(&builder, input, scales: Array(repeating: 2, count: spatialDimensions))
    return try builder.emit { graph in
      let halves = try graph.split(resized, axis: 1, [outputs, outputs])
      return try graph.add(larger, graph.add(halves[0], halves[1]))
    }
  }

  /// `RegistrationExtractionBlock`: a convolution per level, brought to the image's size, their mean.
  private func extract(_ builder: inout NetworkBuilder, _ levels: [Int: Value], _ size: [Int]) throws -> Value {
    var outputs: [Value] = []
    for (index, level) in extractLevels.enumerated() {
      guard let features = levels[level] else { continue }
      var head = convolution(outputChannels, 3)
      head.adn = ADN(activation: outputActivation)
      let output = try module(&builder, "layers", index) { try head.build(&$0, features) }
      outputs.append(try Interpolation.nearest.build(&builder, output, sizes: size))
    }
    guard outputs.count > 1 else { return outputs[0] }
    let sum = try outputs.dropFirst().reduce(outputs[0]) { try builder.add($0, $1) }
    return try builder.emit { try $0.scale(sum, by: 1 / Float(outputs.count)) }
  }
}
