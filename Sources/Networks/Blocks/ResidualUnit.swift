import Graphs
import Tensors

/// `monai.networks.blocks.ResidualUnit`: convolutions in a row, and the input added to their result.
///
/// State-dict keys: `conv.unit0.…`, `conv.unit1.…`, and `residual.weight`, `residual.bias` where the input has to
/// change its channels or size.
struct ResidualUnit: Sendable, Hashable {
  var outputChannels: Int
  var strides: [Int]
  var kernelSize: [Int]
  var subunits: Int
  var hasBias: Bool
  var isLastConvolutionOnly = false
  var dilation: [Int]?
  /// nil for MONAI's same padding.
  var padding: [Int]?
  var adn: ADN

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let ones = strides.map { _ in 1 }
    let count = max(1, subunits)
    let features = try builder.module("conv") { builder in
      var features = input
      for index in 0..<count {
        let isBare = isLastConvolutionOnly && index == count - 1
        let unit = Convolution(
          outputChannels: outputChannels, strides: index == 0 ? strides : ones, kernelSize: kernelSize,
          dilation: dilation, hasBias: hasBias, padding: padding, adn: isBare ? nil : adn)
        features = try builder.module("unit\(index)") { try unit.build(&$0, features) }
      }
      return features
    }
    let residual = try shortcut(&builder, input)
    return try builder.emit { try $0.add(features, residual) }
  }

  /// The input itself, or a convolution that gives it the result's channels and size: with a 1×1 kernel where only
  /// the channels change.
  private func shortcut(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let channels = builder.channels(of: input)
    let isStrided = strides.contains { $0 != 1 }
    guard isStrided || channels != outputChannels else { return input }
    let kernel = isStrided ? kernelSize : kernelSize.map { _ in 1 }
    let reach = dilation ?? kernelSize.map { _ in 1 }
    let samePadding = zip(kernelSize, reach).map { ($0 - 1) / 2 * $1 }
    let padding = isStrided ? padding ?? samePadding : kernelSize.map { _ in 0 }
    return try builder.module("residual") { builder in
      let weight = builder.weight("weight", Shape([outputChannels, channels] + kernel))
      let bias = hasBias ? builder.weight("bias", [outputChannels]) : nil
      return try builder.emit {
        try $0.conv(input, weight: weight, bias: bias, strides: strides, padding: padding)
      }
    }
  }
}
