package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.ViT`: a transformer over an image's patches (https://arxiv.org/abs/2010.11929). Outputs: the
/// result, then every block's hidden state.
///
/// State-dict keys: `patch_embedding`, `blocks.<i>`, `norm`, `cls_token`, `classification_head`.
package struct ViT: Network {
  package static let names = ["ViT"]
  package static let parameters = [
    "in_channels", "img_size", "patch_size", "hidden_size", "mlp_dim", "num_layers", "num_heads", "proj_type",
    "pos_embed_type", "classification", "num_classes", "dropout_rate", "spatial_dims", "post_activation", "qkv_bias",
    "save_attn",
  ]

  package var spatialDimensions: Int { encoder.spatialDimensions }
  package let inputChannels: [Int]
  package var fixedSpatialShape: [Int]? { encoder.imageSize }
  let encoder: ViTEncoder
  /// The classes, and whether tanh follows; nil without a classification token.
  let classes: Int?
  let hasTanh: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    encoder = try ViTEncoder(&arguments)
    let position = try arguments.string("pos_embed_type", default: "learnable")
    guard ["none", "learnable", "sincos", "fourier"].contains(position) else {
      throw arguments.unsupported("pos_embed_type", "'\(position)'", supported: "none, learnable, sincos, fourier")
    }
    let count = try arguments.int("num_classes", default: 2)
    classes = try arguments.bool("classification", default: false) ? count : nil
    hasTanh = try arguments.string("post_activation", default: "Tanh") == "Tanh"
    try arguments.finish()
    try Self.require(component, spatialDimensions: spatialDimensions, channels: inputChannels + [count])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let (result, states) = try encoder.build(&builder, inputs[0], hasToken: classes != nil)
    guard let classes else { return [result] + states }
    let token = try builder.emit { try $0.squeeze($0.slice(result, axis: 1, 0..<1), axes: [1]) }
    guard hasTanh else { return [try builder.linear("classification_head", token, outputs: classes)] + states }
    let logits = try builder.module("classification_head") { builder in
      let logits = try builder.linear("0", token, outputs: classes)
      return try builder.emit { try $0.tanh(logits) }
    }
    return [logits] + states
  }
}

/// `monai.networks.nets.ViTAutoEnc`: a ViT whose patches become an image again by two transposed convolutions.
/// Outputs: the image, then every block's hidden state.
///
/// State-dict keys: those of ViT, `conv3d_transpose`, `conv3d_transpose_1`.
package struct ViTAutoEnc: Network {
  package static let names = ["ViTAutoEnc"]
  package static let parameters = [
    "in_channels", "img_size", "patch_size", "out_channels", "deconv_chns", "hidden_size", "mlp_dim", "num_layers",
    "num_heads", "proj_type", "dropout_rate", "spatial_dims", "qkv_bias", "save_attn",
  ]

  package var spatialDimensions: Int { encoder.spatialDimensions }
  package let inputChannels: [Int]
  package var fixedSpatialShape: [Int]? { encoder.imageSize }
  let encoder: ViTEncoder
  let outputChannels: Int
  let middleChannels: Int
  /// The root of the patch size per axis.
  let factors: [Int]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    inputChannels = [try arguments.int("in_channels")]
    encoder = try ViTEncoder(&arguments)
    outputChannels = try arguments.int("out_channels", default: 1)
    middleChannels = try arguments.int("deconv_chns", default: 16)
    try arguments.finish()
    factors = encoder.embedding.patchSize.map { Int(Double($0).squareRoot()) }
    try Self.require(
      component, spatialDimensions: encoder.spatialDimensions,
      channels: inputChannels + [outputChannels, middleChannels])
    try Self.require(
      zip(factors, encoder.embedding.patchSize).allSatisfy { $0 * $0 == $1 }, component,
      "patch_size is \(encoder.embedding.patchSize)", expected: "square numbers")
    try Self.require(
      zip(encoder.imageSize, encoder.embedding.patchSize).allSatisfy { $0 % $1 == 0 }, component,
      "img_size is \(encoder.imageSize)", expected: "multiples of patch_size")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let (result, states) = try encoder.build(&builder, inputs[0], hasToken: false)
    let features = try encoder.image(&builder, result)
    let middle = try builder.transposedConvolution(
      "conv3d_transpose", features, outputs: middleChannels, kernel: .each(factors), strides: .each(factors))
    let image = try builder.transposedConvolution(
      "conv3d_transpose_1", middle, outputs: outputChannels, kernel: .each(factors), strides: .each(factors))
    return [image] + states
  }
}

/// The patch embedding, the transformer blocks and the last norm of a ViT.
struct ViTEncoder: Sendable {
  let spatialDimensions: Int
  let imageSize: [Int]
  let embedding: PatchEmbedding
  let block: TransformerBlock
  let blockCount: Int

  /// The channels of a position.
  var hiddenSize: Int { embedding.hiddenSize }

  /// Reads the arguments that all ViTs have.
  init(_ arguments: inout ArgumentReader) throws {
    let dimensions = try arguments.int("spatial_dims", default: 3)
    guard (1...3).contains(dimensions) else {
      throw arguments.unsupported("spatial_dims", "\(dimensions)", supported: "1 to 3")
    }
    let patchSize = try arguments.spatial("patch_size", dimensions: dimensions)
    let layers = try arguments.int("num_layers", default: 12)
    try self.init(&arguments, patchSize: patchSize, layers: layers)
  }

  init(_ arguments: inout ArgumentReader, patchSize: [Int], layers: Int) throws {
    spatialDimensions = patchSize.count
    imageSize = try arguments.spatial("img_size", dimensions: spatialDimensions)
    let hidden = try arguments.int("hidden_size", default: 768)
    let heads = try arguments.int("num_heads", default: 12)
    let width = try arguments.int("mlp_dim", default: 3072)
    let projection = try arguments.string("proj_type", default: "conv")
    guard projection == "conv" || projection == "perceptron" else {
      throw arguments.unsupported("proj_type", "'\(projection)'", supported: "conv, perceptron")
    }
    let hasBias = try arguments.bool("qkv_bias", default: false)
    arguments.ignore("dropout_rate", "save_attn")
    let component = arguments.component
    try ViT.require(component, spatialDimensions: spatialDimensions, channels: [hidden, heads, width])
    try ViT.require(
      hidden % heads == 0, component, "hidden_size \(hidden) with \(heads) heads", expected: "a multiple of num_heads")
    try ViT.require((0...256).contains(layers), component, "num_layers is \(layers)", expected: "0 to 256")
    try ViT.require(
      zip(imageSize, patchSize).allSatisfy { $0 >= $1 && (projection == "conv" || $0 % $1 == 0) }, component,
      "patches of \(patchSize) in an image of \(imageSize)",
      expected: "patches that fit, and divide the image for proj_type perceptron")
    embedding = PatchEmbedding(hiddenSize: hidden, patchSize: patchSize, isPerceptron: projection == "perceptron")
    block = TransformerBlock(heads: heads, width: width, hasBias: hasBias)
    blockCount = layers
  }

  /// The normed result `[N, patches, hidden]` (with the token first) and every block's.
  func build(
    _ builder: inout NetworkBuilder, _ input: Value, hasToken: Bool
  ) throws -> (result: Value, states: [Value]) {
    var features = try builder.module("patch_embedding") { try embedding.build(&$0, input) }
    if hasToken { features = try withToken(&builder, features) }
    var states: [Value] = []
    for index in 0..<blockCount {
      features = try builder.module("blocks") { builder in
        try builder.module("\(index)") { try block.build(&$0, features) }
      }
      states.append(features)
    }
    return (try builder.layerNorm("norm", features), states)
  }

  /// Puts `cls_token` in front of every sample's patches: a row of zeros, to which the token is added.
  private func withToken(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let token = builder.weight("cls_token", [1, 1, hiddenSize])
    let count = builder.type(of: input).shape[1].constant ?? 0
    return try builder.emit { graph in
      let row = try graph.pad(token, before: [0, 0, 0], after: [0, count, 0])
      return try graph.add(graph.pad(input, before: [0, 1, 0], after: [0, 0, 0]), row)
    }
  }

  /// `[N, patches, hidden]` as an image `[N, hidden, grid…]`.
  func image(_ builder: inout NetworkBuilder, _ sequence: Value) throws -> Value {
    let grid = zip(imageSize, embedding.patchSize).map { $0 / $1 }
    return try builder.emit { try $0.reshape($0.transpose(sequence, [0, 2, 1]), [0, hiddenSize] + grid) }
  }
}
