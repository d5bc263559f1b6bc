package import Arguments
package import Graphs

/// `monai.networks.nets.AutoEncoder`: strided convolutions down and transposed ones up, without skip connections.
///
/// State-dict keys: `encode.encode_<i>`, `intermediate.inter_<i>`, `decode.decode_<i>.{conv,resunit}`.
package struct AutoEncoder: Network {
  package static let names = ["AutoEncoder"]
  package static let parameters = [
    "spatial_dims", "in_channels", "out_channels", "channels", "strides", "kernel_size", "up_kernel_size",
    "num_res_units", "inter_channels", "inter_dilations", "num_inter_units", "act", "norm", "dropout", "bias",
    "padding",
  ]

  package var spatialDimensions: Int { layers.spatialDimensions }
  package let inputChannels: [Int]
  private let layers: AutoEncoderLayers

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let dimensions = try arguments.int("spatial_dims")
    inputChannels = [try arguments.int("in_channels")]
    try Self.require(component, spatialDimensions: dimensions, channels: inputChannels)
    var layers = try AutoEncoderLayers(&arguments, spatialDimensions: dimensions)
    if arguments.present("padding") != nil {
      layers.padding = try arguments.optionalInts("padding").map {
        $0.count == 1 ? PerAxis.all($0[0]).expanded(dimensions) : $0
      }
      try Self.require(
        layers.padding?.count == dimensions && layers.padding?.allSatisfy { (0...4096).contains($0) } == true,
        component, "padding is \(layers.padding ?? [])", expected: "a number, or \(dimensions) of them")
    }
    self.layers = layers
    try arguments.finish()
    try layers.check(component)
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let encoded = try layers.encode(&builder, inputs[0])
    return [try layers.decode(&builder, layers.transform(&builder, encoded))]
  }
}

/// `monai.networks.nets.VarAutoEncoder` in evaluation, where nothing is drawn at random: the latent is μ, or
/// exp(logvar / 2) + μ unless `use_mean_at_inference` is set. Outputs: reconstruction, μ, logvar, latent.
///
/// State-dict keys: those of AutoEncoder, `mu`, `logvar`, `decodeL`.
package struct VarAutoEncoder: Network {
  package static let names = ["VarAutoEncoder"]
  package static let parameters = [
    "spatial_dims", "in_shape", "out_channels", "latent_size", "channels", "strides", "kernel_size", "up_kernel_size",
    "num_res_units", "inter_channels", "inter_dilations", "num_inter_units", "act", "norm", "dropout", "bias",
    "use_sigmoid", "use_mean_at_inference",
  ]

  package var spatialDimensions: Int { layers.spatialDimensions }
  package let inputChannels: [Int]
  package let fixedSpatialShape: [Int]?
  private let layers: AutoEncoderLayers
  let latentSize: Int
  let hasSigmoid: Bool
  let usesMean: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let dimensions = try arguments.int("spatial_dims")
    let shape = try arguments.ints("in_shape")
    try Self.require(component, spatialDimensions: dimensions, channels: shape)
    try Self.require(
      shape.count == dimensions + 1, component, "in_shape is \(shape)", expected: "channels and \(dimensions) extents")
    inputChannels = [shape[0]]
    fixedSpatialShape = Array(shape.dropFirst())
    latentSize = try arguments.int("latent_size")
    layers = try AutoEncoderLayers(&arguments, spatialDimensions: dimensions)
    hasSigmoid = try arguments.bool("use_sigmoid", default: true)
    usesMean = try arguments.bool("use_mean_at_inference", default: false)
    try arguments.finish()
    try layers.check(component)
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let encoded = try layers.transform(&builder, layers.encode(&builder, inputs[0]))
    let shape = builder.type(of: encoded).shape.dropFirst().map { $0.constant ?? 0 }
    let flat = try builder.emit { try $0.flatten(encoded) }
    let mean = try builder.linear("mu", flat, outputs: latentSize)
    let logVariance = try builder.linear("logvar", flat, outputs: latentSize)
    let latent = usesMean ? mean : try builder.emit { try $0.add($0.exp($0.scale(logVariance, by: 0.5)), mean) }
    let projected = try builder.relu(builder.linear("decodeL", latent, outputs: shape.reduce(1, *)))
    let features = try builder.emit { try $0.reshape(projected, [0] + shape) }
    var result = try layers.decode(&builder, features)
    if hasSigmoid { result = try builder.sigmoid(result) }
    return [result, mean, logVariance, latent]
  }
}

/// The layers that both have.
private struct AutoEncoderLayers: Sendable {
  let spatialDimensions: Int
  let outputChannels: Int
  let channels: [Int]
  let strides: [[Int]]
  let kernelSize: [Int]
  let upKernelSize: [Int]
  let residualUnits: Int
  let intermediateChannels: [Int]
  let intermediateDilations: [Int]
  let intermediateUnits: Int
  let adn: ADN
  let hasBias: Bool
  /// nil for same padding.
  var padding: [Int]?

  init(_ arguments: inout ArgumentReader, spatialDimensions: Int) throws {
    self.spatialDimensions = spatialDimensions
    outputChannels = try arguments.int("out_channels")
    channels = try arguments.ints("channels")
    strides = try arguments.spatialList("strides", dimensions: spatialDimensions)
    kernelSize = try arguments.spatial("kernel_size", default: 3, dimensions: spatialDimensions)
    upKernelSize = try arguments.spatial("up_kernel_size", default: 3, dimensions: spatialDimensions)
    residualUnits = try arguments.int("num_res_units", default: 0)
    intermediateChannels = try arguments.ints("inter_channels", default: [])
    let dilations = try arguments.ints("inter_dilations", default: [])
    intermediateDilations = dilations.isEmpty ? intermediateChannels.map { _ in 1 } : dilations
    intermediateUnits = try arguments.int("num_inter_units", default: 2)
    adn = ADN(
      activation: try arguments.activation("act", default: LayerDescription("prelu")),
      normalization: try arguments.normalization("norm", default: LayerDescription("instance")))
    arguments.ignore("dropout")
    hasBias = try arguments.bool("bias", default: true)
  }

  func check(_ component: Component) throws {
    try AutoEncoder.require(
      !channels.isEmpty && channels.count == strides.count, component,
      "\(channels.count) channels and \(strides.count) strides", expected: "as many of both")
    try AutoEncoder.require(
      component, spatialDimensions: spatialDimensions, channels: [outputChannels] + channels + intermediateChannels)
    try AutoEncoder.require(component, "the numbers of units", counts: [residualUnits, intermediateUnits])
    try AutoEncoder.require(
      intermediateDilations.allSatisfy { (1...4096).contains($0) }, component,
      "inter_dilations is \(intermediateDilations)", expected: "positive numbers")
  }

  func encode(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.module("encode") { builder in
      try channels.indices.reduce(input) { value, index in
        try builder.module("encode_\(index)") { builder in
          guard residualUnits > 0 else {
            return try convolution(channels[index], strides[index], adn: adn).build(&builder, value)
          }
          return try residual(channels[index], strides[index], units: residualUnits).build(&builder, value)
        }
      }
    }
  }

  func transform(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let ones = kernelSize.map { _ in 1 }
    return try builder.module("intermediate") { builder in
      try zip(intermediateChannels, intermediateDilations).enumerated().reduce(input) { value, layer in
        let (width, dilation) = layer.element
        let dilations = kernelSize.map { _ in dilation }
        return try builder.module("inter_\(layer.offset)") { builder in
          guard intermediateUnits > 0 else {
            return try convolution(width, ones, dilations: dilations, adn: adn).build(&builder, value)
          }
          return try residual(width, ones, units: intermediateUnits, dilations: dilations).build(&builder, value)
        }
      }
    }
  }

  func decode(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let widths = channels.dropLast().reversed() + [outputChannels]
    return try builder.module("decode") { builder in
      try widths.enumerated().reduce(input) { value, layer in
        let isLast = layer.offset == widths.count - 1
        return try builder.module("decode_\(layer.offset)") { builder in
          let upsampling = Convolution(
            outputChannels: layer.element, strides: strides[strides.count - 1 - layer.offset],
            kernelSize: upKernelSize, hasBias: hasBias, isTransposed: true, padding: padding,
            adn: isLast && residualUnits == 0 ? nil : adn)
          let larger = try builder.module("conv") { try upsampling.build(&$0, value) }
          guard residualUnits > 0 else { return larger }
          var unit = residual(layer.element, kernelSize.map { _ in 1 }, units: 1)
          unit.isLastConvolutionOnly = isLast
          return try builder.module("resunit") { try unit.build(&$0, larger) }
        }
      }
    }
  }

  private func convolution(_ outputs: Int, _ strides: [Int], dilations: [Int]? = nil, adn: ADN?) -> Convolution {
    Convolution(
      outputChannels: outputs, strides: strides, kernelSize: kernelSize, dilation: dilations, hasBias: hasBias,
      padding: padding, adn: adn)
  }

  private func residual(_ outputs: Int, _ strides: [Int], units: Int, dilations: [Int]? = nil) -> ResidualUnit {
    // MONAI's ResidualUnit takes a padding of 0 as none given.
    ResidualUnit(
      outputChannels: outputs, strides: strides, kernelSize: kernelSize, subunits: units, hasBias: hasBias,
      dilation: dilations, padding: padding, adn: adn)
  }
}
