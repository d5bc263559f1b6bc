package import Arguments
package import Graphs

/// `monai.networks.nets.BasicUNet`: the U-Net of the 3D U-Net paper with five levels
/// (https://arxiv.org/abs/1505.04597, https://doi.org/10.1038/s41592-018-0261-2).
///
/// State-dict keys: `conv_0`, `down_1` … `down_4`, `upcat_4` … `upcat_1`, `final_conv`.
package struct BasicUNet: Network {
  package static let names = ["BasicUNet", "BasicUnet", "Basicunet", "basicunet"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "features", "act", "norm", "bias", "dropout", "upsample",
  ]

  package var spatialDimensions: Int { shape.spatialDimensions }
  package var inputChannels: [Int] { shape.inputChannels }
  private let shape: BasicUNetShape

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    shape = try BasicUNetShape(&arguments)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: shape.spatialDimensions,
      channels: shape.inputChannels + shape.features + [shape.outputChannels])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var levels = [try builder.module("conv_0") { try shape.convolutions(shape.features[0]).build(&$0, inputs[0]) }]
    for level in 1...4 {
      levels.append(
        try builder.module("down_\(level)") {
          try shape.convolutions(shape.features[level]).buildDown(&$0, levels[level - 1])
        })
    }
    var features = levels[4]
    for level in (1...4).reversed() {
      let outputs = level == 1 ? shape.features[5] : shape.features[level - 1]
      features = try builder.module("upcat_\(level)") {
        try shape.upCat(from: shape.features[level], outputs: outputs, isHalved: level > 1)
          .build(&$0, features, skip: levels[level - 1])
      }
    }
    return [try builder.convolution("final_conv", features, outputs: shape.outputChannels, kernel: 1)]
  }
}

/// `monai.networks.nets.BasicUNetPlusPlus`: nested skip connections between the levels
/// (https://arxiv.org/abs/1807.10165). With `deep_supervision` it has four outputs.
///
/// State-dict keys: `conv_<level>_0`, `upcat_<level>_<column>`, `final_conv_0_<column>`.
package struct BasicUNetPlusPlus: Network {
  package static let names = ["BasicUNetPlusPlus", "BasicUnetPlusPlus", "BasicunetPlusPlus", "basicunetplusplus"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "features", "deep_supervision", "act", "norm", "bias", "dropout",
    "upsample",
  ]

  package var spatialDimensions: Int { shape.spatialDimensions }
  package var inputChannels: [Int] { shape.inputChannels }
  private let shape: BasicUNetShape
  let isDeeplySupervised: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    shape = try BasicUNetShape(&arguments)
    isDeeplySupervised = try arguments.bool("deep_supervision", default: false)
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: shape.spatialDimensions,
      channels: shape.inputChannels + shape.features + [shape.outputChannels])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    // rows[level] holds the features of that level, column by column.
    var rows: [[Value]] = [
      [try builder.module("conv_0_0") { try shape.convolutions(shape.features[0]).build(&$0, inputs[0]) }]
    ]
    for level in 1...4 {
      rows.append([
        try builder.module("conv_\(level)_0") {
          try shape.convolutions(shape.features[level]).buildDown(&$0, rows[level - 1][0])
        }
      ])
    }
    for column in 1...4 {
      for level in 0...(4 - column) {
        let outputs = level == 0 && column == 4 ? shape.features[5] : shape.features[level]
        let below = rows[level + 1][column - 1]
        let skip = rows[level].count == 1 ? rows[level][0] : try builder.concat(rows[level])
        let upCat = shape.upCat(from: shape.features[level + 1], outputs: outputs, isHalved: level > 0)
        rows[level].append(
          try builder.module("upcat_\(level)_\(column)") { try upCat.build(&$0, below, skip: skip) })
      }
    }
    let columns = isDeeplySupervised ? [1, 2, 3, 4] : [4]
    if !isDeeplySupervised { for column in 1...3 { builder.ignoreModule("final_conv_0_\(column)") } }
    return try columns.map {
      try builder.convolution("final_conv_0_\($0)", rows[0][$0], outputs: shape.outputChannels, kernel: 1)
    }
  }
}

/// The arguments that both networks have.
private struct BasicUNetShape: Sendable {
  let spatialDimensions: Int
  let inputChannels: [Int]
  let outputChannels: Int
  /// Five encoder levels from the top, then the last decoder level.
  let features: [Int]
  let hasBias: Bool
  let adn: ADN
  let upsampling: UpSample.Mode

  init(_ arguments: inout ArgumentReader) throws {
    spatialDimensions = try arguments.int("spatial_dims", default: 3)
    inputChannels = [try arguments.int("in_channels", default: 1)]
    outputChannels = try arguments.int("out_channels", default: 2)
    let features = try arguments.ints("features", default: [32, 32, 64, 128, 256, 32])
    guard features.count == 6 else {
      throw arguments.unsupported("features", "\(features.count) numbers", supported: "6 numbers")
    }
    self.features = features
    adn = ADN(
      activation: try arguments.activation("act", default: .leakyReLU(0.1)),
      normalization: try arguments.normalization("norm", default: .affineInstance))
    hasBias = try arguments.bool("bias", default: true)
    arguments.ignore("dropout")
    upsampling = try arguments.upsampleMode("upsample", default: .deconvolution)
  }

  func convolutions(_ outputs: Int) -> TwoConv { TwoConv(outputChannels: outputs, hasBias: hasBias, adn: adn) }

  func upCat(from inputs: Int, outputs: Int, isHalved: Bool) -> UpCat {
    UpCat(
      upsampling: UpSample(
        mode: upsampling, outputChannels: isHalved ? inputs / 2 : inputs,
        scale: PerAxis.all(2).expanded(spatialDimensions)),
      convolutions: convolutions(outputs))
  }
}
