import Graphs
import Tensors

/// Attention, and the layers that PyTorch runs as one operator in evaluation.
let attentionOperators: [ATenOperator] = [
  .value(
    """
    scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, \
    float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor
    """
  ) { call in
    let query = try call.value("query")
    var (key, value) = (try call.value("key"), try call.value("value"))
    if try call.bool("enable_gqa") {
      key = try repeatedHeads(call, key, as: query)
      value = try repeatedHeads(call, value, as: query)
    }
    var mask = try call.optionalValue("attn_mask")
    if try call.bool("is_causal") { mask = try causalMask(call, query, key) }
    return try attention(call, query, key, value, mask: mask, scale: call.optionalDouble("scale")).result
  },
  .any(
    """
    _scaled_dot_product_flash_attention(Tensor query, Tensor key, Tensor value, float dropout_p=0., \
    bool is_causal=False, bool return_debug_mask=False, *, float? scale=None) -> (Tensor, Tensor)
    """
  ) { call in
    let mask = try call.bool("is_causal") ? causalMask(call, call.value("query"), call.value("key")) : nil
    return .tuple([call.result(try chosenAttention(call, mask)), .none])
  },
  .any(
    """
    _scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0., \
    bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)
    """
  ) { call in
    let mask =
      try call.bool("is_causal")
      ? causalMask(call, call.value("query"), call.value("key")) : call.optionalValue("attn_mask")
    return .tuple([call.result(try chosenAttention(call, mask)), .none])
  },
  .any(
    """
    _native_multi_head_attention(Tensor query, Tensor key, Tensor value, SymInt embed_dim, SymInt num_head, \
    Tensor qkv_weight, Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, Tensor? mask=None, \
    bool need_weights=True, bool average_attn_weights=True, int? mask_type=None) -> (Tensor, Tensor)
    """
  ) { call in
    let (result, weights) = try multiHead(
      call, call.value("query"), call.value("key"), call.value("value"),
      mask: call.optionalValue("mask"), maskKind: call.optionalInt("mask_type"))
    guard try call.bool("need_weights") else { return .tuple([call.result(result), .none]) }
    let shown =
      try call.bool("average_attn_weights")
      ? call.graph.reduceMean(weights, axes: [1], keepsAxes: false) : weights
    return .tuple([call.result(result), call.result(shown)])
  },
  .value(
    """
    _transformer_encoder_layer_fwd(Tensor src, SymInt embed_dim, SymInt num_heads, Tensor qkv_weight, \
    Tensor qkv_bias, Tensor proj_weight, Tensor proj_bias, bool use_gelu, bool norm_first, float eps, \
    Tensor norm_weight_1, Tensor norm_bias_1, Tensor norm_weight_2, Tensor norm_bias_2, Tensor ffn_weight_1, \
    Tensor ffn_bias_1, Tensor ffn_weight_2, Tensor ffn_bias_2, Tensor? mask=None, int? mask_type=None) -> Tensor
    """, encoderLayer),
]

/// The attention of an operator that chooses how PyTorch computes it.
private func chosenAttention(_ call: ATenCall, _ mask: Value?) throws -> Value {
  try attention(
    call, call.value("query"), call.value("key"), call.value("value"), mask: mask, scale: call.optionalDouble("scale")
  ).result
}

/// softmax(q · kᵀ · scale + mask) · v over the last two axes; and the weights.
private func attention(
  _ call: ATenCall, _ query: Value, _ key: Value, _ value: Value, mask: Value?, scale: Double? = nil
) throws -> (result: Value, weights: Value) {
  let type = call.type(query)
  let rank = type.rank
  guard rank >= 2, call.type(key).rank == rank, let width = type.shape[rank - 1].constant, width > 0 else {
    throw call.unsupported("the queries are \(type)", expected: "[…, L, E] with a fixed E")
  }
  let scale = scale ?? 1 / Double(width).squareRoot()
  let order = Array(0..<rank - 2) + [rank - 1, rank - 2]
  var scores = try call.graph.matmul(query, call.transpose(key, order))
  scores = try call.graph.multiply(scores, call.scalar(scale, type.elementType))
  guard let mask else {
    let weights = try call.graph.softmax(scores, axis: rank - 1)
    return (try call.graph.matmul(weights, value), weights)
  }
  guard call.type(mask).elementType == .bool else {
    scores = try call.graph.add(scores, call.writer.cast(mask, to: type.elementType))
    let weights = try call.graph.softmax(scores, axis: rank - 1)
    return (try call.graph.matmul(weights, value), weights)
  }
  guard mayHideRows(call, mask) else {
    scores = try call.graph.select(mask, scores, call.scalar(-.infinity, type.elementType))
    let weights = try call.graph.softmax(scores, axis: rank - 1)
    return (try call.graph.matmul(weights, value), weights)
  }
  // A query that sees no key gives zeros: weights of hidden keys are cleared after a softmax that stays finite.
  let lowest = call.scalar(type.elementType == .float16 ? -65504 : -3.0e38, type.elementType)
  scores = try call.graph.select(mask, scores, lowest)
  var weights = try call.graph.softmax(scores, axis: rank - 1)
  weights = try call.graph.select(mask, weights, call.scalar(0, type.elementType))
  return (try call.graph.matmul(weights, value), weights)
}

/// Whether a mask may hide all keys from a query.
private func mayHideRows(_ call: ATenCall, _ mask: Value) -> Bool {
  guard let known = call.writer.constant(mask), let columns = known.shape.dimensions.last, columns > 0 else {
    return true
  }
  let marks = known.array(of: UInt8.self)
  return (0..<marks.count / columns).contains { row in
    !marks[row * columns..<(row + 1) * columns].contains { $0 != 0 }
  }
}

private func causalMask(_ call: ATenCall, _ query: Value, _ key: Value) throws -> Value {
  let (q, k) = (call.type(query), call.type(key))
  guard q.rank >= 2, k.rank >= 2, let rows = q.shape[q.rank - 2].constant, let columns = k.shape[k.rank - 2].constant,
    Double(rows) * Double(columns) <= 0x1p24
  else { throw call.unsupported("a causal mask for \(q)", expected: "fixed lengths") }
  let marks = (0..<rows * columns).map { UInt8($0 % columns <= $0 / columns ? 1 : 0) }
  return call.graph.constant(Tensor(marks, [rows, columns]).converted(to: .bool), name: "mask")
}

/// Keys or values `[…, heads, L, E]` with each head repeated until there are as many as in the queries.
private func repeatedHeads(_ call: ATenCall, _ value: Value, as query: Value) throws -> Value {
  let (shape, wanted) = (call.type(value).shape, call.type(query).shape)
  let axis = shape.count - 3
  guard axis >= 0, wanted.count == shape.count, let heads = shape[axis].constant, let all = wanted[axis].constant,
    heads > 0, all % heads == 0
  else {
    throw call.unsupported("\(call.type(value)) for queries \(call.type(query))", expected: "a divisor of the heads")
  }
  if heads == all { return value }
  let parted = try call.reshape(value, shape[...axis] + [1] + shape[(axis + 1)...])
  let stretched = try call.writer.expand(parted, shape[...axis] + [Dimension(all / heads)] + shape[(axis + 1)...])
  return try call.reshape(stretched, shape[..<axis] + [Dimension(all)] + shape[(axis + 1)...])
}

// MARK: Fused layers

/// Multi-head attention of `[N, L, E]` with the weights of the call; and the weights of each head `[N, heads, L, S]`.
private func multiHead(
  _ call: ATenCall, _ query: Value, _ key: Value, _ value: Value, mask: Value?, maskKind: Int?
) throws -> (result: Value, weights: Value) {
  let headsName = call.operation.schema.parameters.contains { $0.name == "num_head" } ? "num_head" : "num_heads"
  let (width, heads) = (try call.int("embed_dim"), try call.int(headsName))
  guard heads > 0, width > 0, width % heads == 0, call.type(query).rank == 3, call.type(key).rank == 3 else {
    throw call.unsupported("\(heads) heads of \(call.type(query))", expected: "[N, L, E] with heads that divide E")
  }
  let weight = try call.value("qkv_weight")
  let bias = try call.value("qkv_bias")
  let projected: [Value]
  if query == key, key == value {
    let all = try linear(call, query, weight, bias)
    projected = try call.graph.split(all, axis: 2, [width, width, width])
  } else {
    projected = try [query, key, value].enumerated().map { index, input in
      let rows = index * width..<(index + 1) * width
      return try linear(
        call, input, call.graph.slice(weight, axis: 0, rows), call.graph.slice(bias, axis: 0, rows))
    }
  }
  let parts = try projected.map { part in
    let shape = call.type(part).shape
    let split = try call.reshape(part, [shape[0], shape[1], Dimension(heads), Dimension(width / heads)])
    return try call.transpose(split, [0, 2, 1, 3])
  }
  let visible = try mask.map { try visibleKeys(call, $0, kind: maskKind) }
  let (result, weights) = try attention(call, parts[0], parts[1], parts[2], mask: visible)
  let shape = call.type(query).shape
  let joined = try call.reshape(call.transpose(result, [0, 2, 1, 3]), shape)
  return (try linear(call, joined, call.value("proj_weight"), call.value("proj_bias")), weights)
}

/// Where a mask of the fused operators, true (or not 0) for what is hidden, lets a key be seen: kind 0 is `[L, S]`,
/// kind 1 `[N, S]`, kind 2 `[N, heads, L, S]`.
private func visibleKeys(_ call: ATenCall, _ mask: Value, kind: Int?) throws -> Value {
  let visible = try call.writer.folded(call.graph.logicalNot(call.writer.cast(mask, to: .bool)))
  let shape = call.type(visible).shape
  switch (kind, shape.count) {
  case (1, 2): return try call.writer.folded(call.reshape(visible, [shape[0], 1, 1, shape[1]]))
  case (_, 3): return try call.writer.folded(call.reshape(visible, [shape[0], 1, shape[1], shape[2]]))
  case (_, 2), (_, 4): return visible
  default: throw call.unsupported("a mask \(call.type(mask)) of kind \(kind ?? -1)", expected: "two to four axes")
  }
}

private func linear(_ call: ATenCall, _ input: Value, _ weight: Value, _ bias: Value) throws -> Value {
  let matrix = try call.writer.folded(call.graph.transpose(weight, [1, 0]))
  return try call.graph.add(call.graph.matmul(input, matrix), call.writer.folded(bias))
}

@Sendable private func encoderLayer(_ call: ATenCall) throws -> Value {
  let source = try call.value("src")
  let normFirst = try call.bool("norm_first")
  func normalized(_ input: Value, _ number: Int) throws -> Value {
    try call.graph.layerNormalization(
      input, scale: call.value("norm_weight_\(number)"), bias: call.value("norm_bias_\(number)"), axis: 2,
      epsilon: call.float("eps"))
  }
  let attended = try normFirst ? normalized(source, 1) : source
  let attention = try multiHead(
    call, attended, attended, attended, mask: call.optionalValue("mask"), maskKind: call.optionalInt("mask_type")
  ).result
  var middle = try call.graph.add(attention, source)
  if !normFirst { middle = try normalized(middle, 1) }
  let input = try normFirst ? normalized(middle, 2) : middle
  let hidden = try linear(call, input, call.value("ffn_weight_1"), call.value("ffn_bias_1"))
  let activated = try call.bool("use_gelu") ? call.graph.gelu(hidden) : call.graph.relu(hidden)
  let output = try linear(call, activated, call.value("ffn_weight_2"), call.value("ffn_bias_2"))
  let sum = try call.graph.add(output, middle)
  return normFirst ? sum : try normalized(sum, 2)
}
