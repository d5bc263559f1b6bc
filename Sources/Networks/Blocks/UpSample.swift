import Arguments
import Graphs
import Tensors

/// `monai.networks.blocks.UpSample`: larger extents by a transposed convolution, by interpolation, or by moving
/// channels to positions.
///
/// State-dict keys: `deconv.…`, `deconvgroup.…`, `preconv.…`, `postconv.…` or `pixelshuffle.conv_block.…`.
struct UpSample: Sendable, Hashable {
  enum Mode: String, Sendable, Hashable, CaseIterable {
    case deconvolution = "deconv"
    case groupedDeconvolution = "deconvgroup"
    case nontrainable
    case pixelShuffle = "pixelshuffle"
  }

  var mode: Mode
  /// nil for as many as come in.
  var outputChannels: Int?
  /// The factor per spatial axis.
  var scale: [Int]
  /// nil for a kernel as large as the factor.
  var kernelSize: [Int]?
  /// Whether a convolution changes the channels before (MONAI's `pre_conv` "default").
  var hasPreConvolution = true
  /// Whether `postconv`, a MONAI Convolution with a 3-wide kernel, follows an interpolation.
  var hasPostConvolution = false
  var interpolation = Interpolation(mode: .linear, alignsCorners: true)
  var hasBias = true
  var isPadPooled = true

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let outputs = outputChannels ?? builder.channels(of: input)
    switch mode {
    case .deconvolution: return try deconvolution(&builder, "deconv", input, outputs, groups: 1)
    case .groupedDeconvolution:
      let groups = builder.channels(of: input) % outputs == 0 ? outputs : 1
      return try deconvolution(&builder, "deconvgroup", input, outputs, groups: groups)
    case .nontrainable:
      var result = input
      if hasPreConvolution, outputs != builder.channels(of: input) {
        result = try builder.convolution("preconv", result, outputs: outputs, kernel: 1, hasBias: hasBias)
      }
      result = try interpolation.build(&builder, result, scales: scale.map { Double($0) })
      guard hasPostConvolution else { return result }
      let convolution = Convolution(
        outputChannels: outputs, strides: scale.map { _ in 1 }, kernelSize: scale.map { _ in 3 })
      return try builder.module("postconv") { try convolution.build(&$0, result) }
    case .pixelShuffle: return try builder.module("pixelshuffle") { try pixelShuffle(&$0, input, outputs) }
    }
  }

  private func deconvolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, groups: Int
  ) throws -> Value {
    let kernel = kernelSize ?? scale
    let padding = kernelSize == nil ? scale.map { _ in 0 } : kernel.map { ($0 - 1) / 2 }
    let outputPadding = kernelSize == nil ? padding : zip(scale, kernel).map { $0 - 1 - ($1 - 1) % 2 }
    return try builder.transposedConvolution(
      name, input, outputs: outputs, kernel: .each(kernel), strides: .each(scale), padding: .each(padding),
      outputPadding: .each(outputPadding), groups: groups, hasBias: hasBias)
  }

  /// `SubpixelUpsample`: a convolution, channels rearranged to positions (https://arxiv.org/abs/1609.05158), and a
  /// mean over each position and its predecessors against checkerboards.
  private func pixelShuffle(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    let factor = scale[0]
    let rank = scale.count
    var result = input
    if hasPreConvolution {
      let channels = outputs * scale.reduce(1) { product, _ in product * factor }
      result = try builder.convolution(
        "conv_block", result, outputs: channels, kernel: 3, padding: 1, hasBias: hasBias)
    }
    let shuffled = result
    let extents = builder.spatial(of: shuffled)
    return try builder.emit { graph in
      let split = try graph.reshape(shuffled, [0, outputs] + scale.map { _ in factor } + extents)
      let order = [0, 1] + (0..<rank).flatMap { [2 + rank + $0, 2 + $0] }
      let larger = try graph.reshape(graph.transpose(split, order), [0, outputs] + extents.map { $0 * factor })
      guard isPadPooled else { return larger }
      let padded = try graph.padSpatial(larger, before: scale.map { _ in factor - 1 }, after: scale.map { _ in 0 })
      return try graph.averagePool(padded, kernel: scale.map { _ in factor }, strides: scale.map { _ in 1 })
    }
  }
}

extension ArgumentReader {
  /// MONAI's `UpsampleMode`.
  mutating func upsampleMode(_ name: String, default fallback: UpSample.Mode) throws -> UpSample.Mode {
    guard let text = try optionalString(name) else { return fallback }
    guard let mode = UpSample.Mode(rawValue: text.lowercased()) else {
      throw unsupported(name, "'\(text)'", supported: UpSample.Mode.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return mode
  }
}
