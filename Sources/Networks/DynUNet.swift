package import Arguments
package import Graphs

/// `monai.networks.nets.DynUNet`: nnU-Net's network with kernel sizes and strides per level
/// (https://arxiv.org/abs/1904.08128).
///
/// State-dict keys: `input_block`, `downsamples.<level>`, `bottleneck`, `upsamples.<level>` from the bottom up,
/// `output_block`. Training's `deep_supervision_heads` play no part here, and `skip_layers` holds all weights a second
/// time.
package struct DynUNet: Network {
  package static let names = ["DynUNet", "DynUnet", "Dynunet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "kernel_size", "strides", "upsample_kernel_size", "filters",
    "dropout", "norm_name", "act_name", "deep_supervision", "deep_supr_num", "res_block", "trans_bias",
  ]

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  let outputChannels: Int
  /// Per level, one number per spatial axis.
  let kernelSizes: [[Int]]
  let strides: [[Int]]
  let upsampleKernelSizes: [[Int]]
  let filters: [Int]
  let normalization: Normalization?
  let activation: Activation?
  let isResidual: Bool
  let hasTransposedBias: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    outputChannels = try arguments.int("out_channels")
    try Self.require(
      component, spatialDimensions: spatialDimensions, channels: inputChannels + [outputChannels])
    kernelSizes = try arguments.spatialList("kernel_size", dimensions: spatialDimensions)
    strides = try arguments.spatialList("strides", dimensions: spatialDimensions)
    upsampleKernelSizes = try arguments.spatialList("upsample_kernel_size", dimensions: spatialDimensions)
    let widest = spatialDimensions == 3 ? 320 : 512
    let filters = try arguments.optionalInts("filters") ?? strides.indices.map { min(32 << min($0, 10), widest) }
    arguments.ignore("dropout", "deep_supervision", "deep_supr_num")
    normalization = try arguments.normalization("norm_name", default: .affineInstance)
    activation = try arguments.activation("act_name", default: .leakyReLU(0.01))
    isResidual = try arguments.bool("res_block", default: false)
    hasTransposedBias = try arguments.bool("trans_bias", default: false)
    try arguments.finish()

    try Self.require(
      kernelSizes.count == strides.count && strides.count >= 3, component,
      "\(kernelSizes.count) kernel sizes and \(strides.count) strides", expected: "as many of both, at least 3")
    try Self.require(
      upsampleKernelSizes.count == strides.count - 1, component, "\(upsampleKernelSizes.count) upsample kernel sizes",
      expected: "\(strides.count - 1)")
    try Self.require(
      filters.count >= strides.count && filters.allSatisfy { $0 > 0 }, component, "filters is \(filters)",
      expected: "\(strides.count) positive numbers")
    for (kernel, stride) in zip(kernelSizes, strides) {
      try Self.require(
        zip(kernel, stride).allSatisfy { $0 - $1 + 1 >= 0 }, component, "the stride \(stride) of the kernel \(kernel)",
        expected: "a stride of at most the kernel size plus 1")
    }
    self.filters = Array(filters.prefix(strides.count))
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    builder.ignoreModule("skip_layers")
    builder.ignoreModule("deep_supervision_heads")
    let last = strides.count - 1
    var skips = [try builder.module("input_block") { try block(0).build(&$0, inputs[0]) }]
    for level in 1..<last {
      skips.append(
        try builder.module("downsamples") { builder in
          try builder.module("\(level - 1)") { try block(level).build(&$0, skips[level - 1]) }
        })
    }
    var features = try builder.module("bottleneck") { try block(last).build(&$0, skips[last - 1]) }
    for (number, level) in (0..<last).reversed().enumerated() {
      let up = UnetUpBlock(
        upsampleKernelSize: upsampleKernelSizes[level], hasBias: hasTransposedBias,
        block: UnetBlock(
          outputChannels: filters[level], kernelSize: kernelSizes[level + 1], strides: strides[level].map { _ in 1 },
          normalization: normalization, activation: activation, isResidual: false))
      features = try builder.module("upsamples") { builder in
        try builder.module("\(number)") { try up.build(&$0, features, skip: skips[level]) }
      }
    }
    return [try builder.unetOutput("output_block", features, outputs: outputChannels)]
  }

  private func block(_ level: Int) -> UnetBlock {
    UnetBlock(
      outputChannels: filters[level], kernelSize: kernelSizes[level], strides: strides[level],
      normalization: normalization, activation: activation, isResidual: isResidual)
  }
}
