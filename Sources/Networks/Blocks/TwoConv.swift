import Graphs

/// `TwoConv` of MONAI's BasicUNet: two convolutions with padding 1, each with norm and activation.
///
/// State-dict keys: `conv_0.conv.…`, `conv_0.adn.…`, `conv_1.…`.
struct TwoConv: Sendable, Hashable {
  var outputChannels: Int
  var hasBias: Bool
  var adn: ADN

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let rank = builder.spatialRank(of: input)
    let convolution = Convolution(
      outputChannels: outputChannels, strides: PerAxis.all(1).expanded(rank), kernelSize: PerAxis.all(3).expanded(rank),
      hasBias: hasBias, adn: adn)
    let first = try builder.module("conv_0") { try convolution.build(&$0, input) }
    return try builder.module("conv_1") { try convolution.build(&$0, first) }
  }

  /// `Down`: after halving the extents by max pooling; keys `convs.…`.
  func buildDown(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let smaller = try builder.maxPool(input, kernel: 2)
    return try builder.module("convs") { try build(&$0, smaller) }
  }
}

/// `UpCat` of MONAI's BasicUNet: the input made larger and joined to the encoder's features, then two convolutions.
///
/// State-dict keys: `upsample.…`, `convs.…`.
struct UpCat: Sendable, Hashable {
  /// The channels after upsampling.
  var upsampling: UpSample
  var convolutions: TwoConv
  /// Whether the last element is repeated where the encoder's features are one longer.
  var isPadded = true

  func build(_ builder: inout NetworkBuilder, _ input: Value, skip: Value?) throws -> Value {
    var larger = try builder.module("upsample") { try upsampling.build(&$0, input) }
    if let skip {
      if isPadded {
        let missing = zip(builder.spatial(of: skip), builder.spatial(of: larger)).map { $0 != $1 ? 1 : 0 }
        let unpadded = larger
        larger = try builder.emit {
          try $0.padSpatial(unpadded, before: missing.map { _ in 0 }, after: missing, mode: .edge)
        }
      }
      larger = try builder.concat([skip, larger])
    }
    return try builder.module("convs") { try convolutions.build(&$0, larger) }
  }
}
