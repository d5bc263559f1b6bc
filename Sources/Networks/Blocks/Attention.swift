import Graphs
import Tensors

/// Multi-head attention over `[N, L, C]`: MONAI's `SABlock`, and `CrossAttentionBlock` when keys and values come from
/// a context (https://arxiv.org/abs/1706.03762).
///
/// State-dict keys: `qkv` or `to_q`, `to_k`, `to_v`; `out_proj`.
struct Attention: Sendable, Hashable {
  var heads: Int
  var headChannels: Int
  /// Whether queries, keys and values come from the queries' and keys' biased projections.
  var hasBias = false
  /// One projection for queries, keys and values together.
  var isCombined = true
  /// Whether `out_proj` follows.
  var hasOutput = true

  private var innerChannels: Int { heads * headChannels }

  func build(_ builder: inout NetworkBuilder, _ input: Value, context: Value? = nil) throws -> Value {
    let outputs = builder.type(of: input).shape.last?.constant ?? 0
    let projected: [Value]
    if isCombined {
      let combined = try builder.linear("qkv", input, outputs: 3 * innerChannels, hasBias: hasBias)
      projected = try builder.emit { try $0.split(combined, axis: 2, Array(repeating: innerChannels, count: 3)) }
    } else {
      let source = context ?? input
      projected = [
        try builder.linear("to_q", input, outputs: innerChannels, hasBias: hasBias),
        try builder.linear("to_k", source, outputs: innerChannels, hasBias: hasBias),
        try builder.linear("to_v", source, outputs: innerChannels, hasBias: hasBias),
      ]
    }
    let scale = 1 / Float(headChannels).squareRoot()
    let result = try builder.emit { graph in
      let queries = try split(&graph, projected[0], [0, 2, 1, 3])
      let keys = try split(&graph, projected[1], [0, 2, 3, 1])
      let values = try split(&graph, projected[2], [0, 2, 1, 3])
      let scores = try graph.scale(graph.matmul(queries, keys), by: scale)
      let mixed = try graph.matmul(graph.softmax(scores, axis: 3), values)
      return try graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [0, -1, innerChannels])
    }
    return hasOutput ? try builder.linear("out_proj", result, outputs: outputs) : result
  }

  /// `[N, L, heads · d]` to `[N, L, heads, d]` with the axes in the order that the product needs.
  private func split(_ graph: inout Graph, _ value: Value, _ order: [Int]) throws -> Value {
    try graph.transpose(graph.reshape(value, [0, -1, heads, headChannels]), order)
  }
}

/// `monai.networks.blocks.SpatialAttentionBlock`: attention among all positions of an image, added to it.
///
/// State-dict keys: `norm`, `attn`.
struct SpatialAttention: Sendable, Hashable {
  /// nil for one head of all channels.
  var headChannels: Int?
  var normalization: Normalization
  var isCombined: Bool
  var hasOutput: Bool

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let channels = builder.channels(of: input)
    let shape = builder.spatial(of: input)
    let width = headChannels ?? channels
    let attention = Attention(
      heads: channels / width, headChannels: width, hasBias: true, isCombined: isCombined, hasOutput: hasOutput)
    let normalized = try builder.normalize("norm", input, normalization)
    let sequence = try builder.emit { try $0.transpose($0.reshape(normalized, [0, channels, -1]), [0, 2, 1]) }
    let mixed = try builder.module("attn") { try attention.build(&$0, sequence) }
    return try builder.emit { try $0.add($0.reshape($0.transpose(mixed, [0, 2, 1]), [0, channels] + shape), input) }
  }
}
