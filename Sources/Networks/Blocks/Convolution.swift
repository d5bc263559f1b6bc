import Graphs
import Tensors

/// `monai.networks.blocks.Convolution`: a (transposed) convolution, then activation, dropout and normalisation.
///
/// State-dict keys: `conv.weight`, `conv.bias`, `adn.…`.
struct Convolution: Sendable, Hashable {
  var outputChannels: Int
  /// One number per spatial axis.
  var strides: [Int]
  var kernelSize: [Int]
  var dilation: [Int]
  var groups = 1
  var hasBias = true
  var isTransposed = false
  /// nil for MONAI's same padding, (kernel - 1) / 2 · dilation.
  var padding: [Int]?
  /// For transposed convolutions; nil for MONAI's stride - 1.
  var outputPadding: [Int]?
  /// nil for `conv_only`.
  var adn: ADN?

  init(
    outputChannels: Int, strides: [Int], kernelSize: [Int], dilation: [Int]? = nil, groups: Int = 1,
    hasBias: Bool = true, isTransposed: Bool = false, padding: [Int]? = nil, outputPadding: [Int]? = nil,
    adn: ADN? = nil
  ) {
    self.outputChannels = outputChannels
    self.strides = strides
    self.kernelSize = kernelSize
    self.dilation = dilation ?? kernelSize.map { _ in 1 }
    self.groups = groups
    self.hasBias = hasBias
    self.isTransposed = isTransposed
    self.padding = padding
    self.outputPadding = outputPadding
    self.adn = adn
  }

  /// MONAI's `get_conv_layer` of the DynUNet blocks: padding (kernel - stride + 1) / 2, and for a transposed
  /// convolution the output padding that makes it multiply the extents by the stride.
  static func padded(
    outputChannels: Int, strides: [Int], kernelSize: [Int], hasBias: Bool = false, isTransposed: Bool = false
  ) -> Convolution {
    let padding = zip(kernelSize, strides).map { max(($0 - $1 + 1) / 2, 0) }
    let rest = zip(padding, zip(strides, kernelSize)).map { 2 * $0 + $1.0 - $1.1 }
    return Convolution(
      outputChannels: outputChannels, strides: strides, kernelSize: kernelSize, hasBias: hasBias,
      isTransposed: isTransposed, padding: padding, outputPadding: rest)
  }

  /// (kernel - 1) / 2 · dilation per axis; nil where that is no whole number, which MONAI refuses.
  static func samePadding(kernelSize: [Int], dilation: [Int]) -> [Int]? {
    let reach = zip(kernelSize, dilation).map { ($0 - 1) * $1 }
    return reach.allSatisfy { $0 % 2 == 0 } ? reach.map { $0 / 2 } : nil
  }

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    guard let padding = padding ?? Self.samePadding(kernelSize: kernelSize, dilation: dilation) else {
      throw NetworkError.invalidDefinition(
        network: "Convolution", path: builder.key("conv"), reason: "no same padding for the kernel \(kernelSize)",
        expected: "odd kernel sizes")
    }
    let result = try builder.module("conv") { builder in
      let channels = builder.channels(of: input)
      let weightShape =
        isTransposed ? [channels, outputChannels / groups] : [outputChannels, channels / groups]
      let weight = builder.weight("weight", Shape(weightShape + kernelSize))
      let bias = hasBias ? builder.weight("bias", [outputChannels]) : nil
      return try builder.emit { graph in
        isTransposed
          ? try graph.convTranspose(
            input, weight: weight, bias: bias, strides: strides, padding: padding,
            outputPadding: outputPadding ?? strides.map { $0 - 1 }, dilations: dilation, groups: groups)
          : try graph.conv(
            input, weight: weight, bias: bias, strides: strides, padding: padding, dilations: dilation, groups: groups)
      }
    }
    guard let adn, !adn.isEmpty else { return result }
    return try builder.module("adn") { try adn.build(&$0, result) }
  }
}
