import Graphs

/// `UnetBasicBlock` and `UnetResBlock` of MONAI's dynunet_block: two convolutions, each with norm and activation, and
/// for the residual form the input added before the last activation.
///
/// State-dict keys: `conv1.conv.weight`, `norm1.…`, `lrelu.…` (one activation for all places), `conv2.…`, `norm2.…`,
/// `conv3.…`, `norm3.…`.
struct UnetBlock: Sendable, Hashable {
  var outputChannels: Int
  var kernelSize: [Int]
  var strides: [Int]
  var normalization: Normalization?
  var activation: Activation? = .leakyReLU(slope: 0.01)
  var isResidual: Bool

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let ones = strides.map { _ in 1 }
    let isProjected = builder.channels(of: input) != outputChannels || strides != ones
    var result = try step(&builder, "1", input, kernelSize, strides)
    result = try builder.activate("lrelu", result, activation)
    result = try step(&builder, "2", result, kernelSize, ones)
    if isResidual {
      let residual = isProjected ? try step(&builder, "3", input, ones, strides) : input
      result = try builder.add(result, residual)
    }
    return try builder.activate("lrelu", result, activation)
  }

  private func step(
    _ builder: inout NetworkBuilder, _ number: String, _ input: Value, _ kernel: [Int], _ strides: [Int]
  ) throws -> Value {
    let convolution = Convolution.padded(outputChannels: outputChannels, strides: strides, kernelSize: kernel)
    let result = try builder.module("conv\(number)") { try convolution.build(&$0, input) }
    return try builder.normalize("norm\(number)", result, normalization)
  }
}

/// `UnetUpBlock` and `UnetrUpBlock`: a transposed convolution, the skip connection joined, then a block.
///
/// State-dict keys: `transp_conv.conv.weight`, `conv_block.…`.
struct UnetUpBlock: Sendable, Hashable {
  /// The kernel and stride of the transposed convolution.
  var upsampleKernelSize: [Int]
  var hasBias = false
  var block: UnetBlock

  func build(_ builder: inout NetworkBuilder, _ input: Value, skip: Value) throws -> Value {
    let upsampling = Convolution.padded(
      outputChannels: block.outputChannels, strides: upsampleKernelSize, kernelSize: upsampleKernelSize,
      hasBias: hasBias, isTransposed: true)
    let larger = try builder.module("transp_conv") { try upsampling.build(&$0, input) }
    let joined = try builder.concat([larger, skip])
    return try builder.module("conv_block") { try block.build(&$0, joined) }
  }
}

extension NetworkBuilder {
  /// `UnetOutBlock`: a 1×1 convolution; state-dict keys `conv.conv.weight`, `conv.conv.bias`.
  mutating func unetOutput(_ name: String, _ input: Value, outputs: Int) throws -> Value {
    try module(name) { try $0.module("conv") { try $0.convolution("conv", input, outputs: outputs, kernel: 1) } }
  }
}
