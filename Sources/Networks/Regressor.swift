package import Arguments
package import Graphs

/// `monai.networks.nets.Regressor`, and the `Classifier`, `Discriminator` and `Critic` that derive from it:
/// strided convolutions, then one linear layer (for the critic the mean of all features).
///
/// State-dict keys: `net.layer_<i>`, `final.1`, `final.lastact`.
package struct Regressor: Network {
  package static let names = ["Regressor", "Classifier", "Discriminator", "Critic"]
  package static let parameters = [
    "in_shape", "out_shape", "channels", "strides", "kernel_size", "num_res_units", "act", "norm", "dropout", "bias",
  ]

  package static func parameters(of name: String) -> [String] {
    switch name {
    case "Classifier":
      [
        "in_shape", "classes", "channels", "strides", "kernel_size", "num_res_units", "act", "norm", "dropout", "bias",
        "last_act",
      ]
    case "Discriminator":
      [
        "in_shape", "channels", "strides", "kernel_size", "num_res_units", "act", "norm", "dropout", "bias", "last_act",
      ]
    case "Critic":
      [
        "in_shape", "channels", "strides", "kernel_size", "num_res_units", "act", "norm", "dropout", "bias",
      ]
    default: parameters
    }
  }

  package let spatialDimensions: Int
  package let inputChannels: [Int]
  package let fixedSpatialShape: [Int]?
  /// nil for the critic.
  let outputShape: [Int]?
  let channels: [Int]
  let strides: [[Int]]
  let kernelSize: [Int]
  let residualUnits: Int
  let adn: ADN
  let hasBias: Bool
  let lastActivation: Activation?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let shape = try arguments.ints("in_shape")
    try Self.require(component, spatialDimensions: shape.count - 1, channels: shape)
    spatialDimensions = shape.count - 1
    inputChannels = [shape[0]]
    fixedSpatialShape = Array(shape.dropFirst())
    switch component.className {
    case "Regressor": outputShape = try arguments.ints("out_shape")
    case "Classifier": outputShape = [try arguments.int("classes")]
    case "Discriminator": outputShape = [1]
    default: outputShape = nil
    }
    channels = try arguments.ints("channels")
    strides = try arguments.spatialList("strides", dimensions: spatialDimensions)
    kernelSize = try arguments.spatial("kernel_size", default: 3, dimensions: spatialDimensions)
    residualUnits = try arguments.int("num_res_units", default: 2)
    adn = ADN(
      activation: try arguments.activation("act", default: LayerDescription("prelu")),
      normalization: try arguments.normalization("norm", default: LayerDescription("instance")))
    arguments.ignore("dropout")
    hasBias = try arguments.bool("bias", default: true)
    switch component.className {
    case "Classifier": lastActivation = try arguments.activation("last_act", default: nil)
    case "Discriminator":
      lastActivation = try arguments.activation("last_act", default: LayerDescription("sigmoid"))
    default: lastActivation = nil
    }
    try arguments.finish()
    try Self.require(
      component, spatialDimensions: spatialDimensions, channels: channels + (outputShape ?? []))
    try Self.require(component, "num_res_units", counts: [residualUnits])
    try Self.require(
      strides.count >= channels.count, component, "\(strides.count) strides for \(channels.count) channels",
      expected: "one for each")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    var features = inputs[0]
    for (index, width) in channels.enumerated() {
      features = try builder.module("net") { builder in
        try builder.module("layer_\(index)") { try layer(&$0, features, width, index) }
      }
    }
    let flat = try builder.emit { try $0.flatten(features) }
    guard let outputShape else {
      return [try builder.emit { try $0.reduceMean(flat, axes: [1]) }]
    }
    let result = try builder.module("final") { builder in
      let result = try builder.linear("1", flat, outputs: outputShape.reduce(1, *))
      return try builder.activate("lastact", result, lastActivation)
    }
    return [outputShape.count == 1 ? result : try builder.emit { try $0.reshape(result, [0] + outputShape) }]
  }

  private func layer(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int, _ index: Int) throws -> Value {
    let isLast = index == channels.count - 1
    guard residualUnits > 0 else {
      return try Convolution(
        outputChannels: width, strides: strides[index], kernelSize: kernelSize, hasBias: hasBias,
        adn: isLast ? nil : adn
      ).build(&builder, input)
    }
    return try ResidualUnit(
      outputChannels: width, strides: strides[index], kernelSize: kernelSize, subunits: residualUnits,
      hasBias: hasBias, isLastConvolutionOnly: isLast, adn: adn
    ).build(&builder, input)
  }
}
