import Graphs
import Tensors

/// `monai.networks.blocks.MLPBlock`: wider, an activation, and back; state-dict keys `linear1`, `linear2`.
struct MLPBlock: Sendable, Hashable {
  var width: Int
  var activation = Activation.gelu(isApproximate: false)

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let outputs = builder.type(of: input).shape.last?.constant ?? 0
    let wider = try builder.linear("linear1", input, outputs: activation == .geglu ? 2 * width : width)
    let activated = try builder.activate("fn", wider, activation)
    return try builder.linear("linear2", activated, outputs: outputs)
  }
}

/// `monai.networks.blocks.TransformerBlock` without cross attention: attention and an MLP, each with norm before and
/// the input added after.
///
/// State-dict keys: `norm1`, `attn`, `norm2`, `mlp`; `norm_cross_attn` isn't used.
struct TransformerBlock: Sendable, Hashable {
  var heads: Int
  var width: Int
  var hasBias: Bool

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    builder.ignoreModule("norm_cross_attn")
    let channels = builder.type(of: input).shape.last?.constant ?? 0
    let attention = Attention(heads: heads, headChannels: channels / heads, hasBias: hasBias)
    let normalized = try builder.layerNorm("norm1", input)
    let attended = try builder.add(input, builder.module("attn") { try attention.build(&$0, normalized) })
    let again = try builder.layerNorm("norm2", attended)
    return try builder.add(attended, builder.module("mlp") { try MLPBlock(width: width).build(&$0, again) })
  }
}

/// `monai.networks.blocks.PatchEmbeddingBlock`: an image as a sequence of patches `[N, patches, hidden]`, each with its
/// position's embedding.
///
/// State-dict keys: `patch_embeddings` (`.1` for "perceptron"), `position_embeddings`.
struct PatchEmbedding: Sendable, Hashable {
  var hiddenSize: Int
  /// Per spatial axis.
  var patchSize: [Int]
  /// Whether patches are flattened and projected, rather than convolved; the same arithmetic with other keys.
  var isPerceptron: Bool

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let grid = zip(builder.spatial(of: input), patchSize).map { $0 / $1 }
    let channels = builder.channels(of: input)
    let patches: Value
    if isPerceptron {
      let rank = grid.count
      let flat = try builder.emit { graph in
        let split = try graph.reshape(input, [0, channels] + zip(grid, patchSize).flatMap { [$0, $1] })
        let order = [0] + (0..<rank).map { 2 + 2 * $0 } + (0..<rank).map { 3 + 2 * $0 } + [1]
        return try graph.reshape(
          graph.transpose(split, order), [0, grid.reduce(1, *), patchSize.reduce(channels, *)])
      }
      patches = try builder.module("patch_embeddings") { try $0.linear("1", flat, outputs: hiddenSize) }
    } else {
      let embedded = try builder.convolution(
        "patch_embeddings", input, outputs: hiddenSize, kernel: .each(patchSize), strides: .each(patchSize))
      patches = try builder.emit { try $0.transpose($0.reshape(embedded, [0, hiddenSize, -1]), [0, 2, 1]) }
    }
    let positions = builder.weight("position_embeddings", [1, grid.reduce(1, *), hiddenSize])
    return try builder.add(patches, positions)
  }
}
