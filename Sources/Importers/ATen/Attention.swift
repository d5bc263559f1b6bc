import Graphs
import Tensors

/// Attention as one operator.
let attentionOperators: [ATenOperator] = [
  .value(
    """
    scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, \
    float dropout_p=0., bool is_causal=False, float? scale=None, bool enable_gqa=False) -> Tensor
    """
  ) { call in
    guard try !call.bool("enable_gqa") else { throw call.unsupported("enable_gqa is on", expected: "off") }
    return try attention(call, mask: call.optionalValue("attn_mask"), isCausal: call.bool("is_causal"))
  }
]

/// softmax(q · kᵀ · scale + mask) · v over the last two axes.
private func attention(_ call: ATenCall, mask: Value?, isCausal: Bool) throws -> Value {
  let query = try call.value("query")
  let key = try call.value("key")
  let type = call.type(query)
  let rank = type.rank
  guard rank >= 2, call.type(key).rank == rank, let width = type.shape[rank - 1].constant, width > 0 else {
    throw call.unsupported("the queries are \(type)", expected: "[…, L, E] with a fixed E")
  }
  let scale = try call.optionalDouble("scale") ?? 1 / Double(width).squareRoot()
  let order = Array(0..<rank - 2) + [rank - 1, rank - 2]
  var scores = try call.graph.matmul(query, call.transpose(key, order))
  scores = try call.graph.multiply(scores, call.scalar(scale, type.elementType))
  var mask = mask
  if isCausal {
    guard let rows = type.shape[rank - 2].constant, let columns = call.type(key).shape[rank - 2].constant,
      rows * columns <= 1 << 24
    else { throw call.unsupported("a causal mask for \(type)", expected: "fixed lengths") }
    let values = (0..<rows * columns).map { $0 % columns > $0 / columns ? -Float.infinity : 0 }
    mask = call.graph.constant(Tensor(values, [rows, columns]).converted(to: type.elementType), name: "mask")
  }
  if let given = mask {
    if call.type(given).elementType == .bool {
      let lowest = call.scalar(-.infinity, type.elementType)
      scores = try call.graph.select(given, scores, lowest)
    } else {
      scores = try call.graph.add(scores, call.writer.cast(given, to: type.elementType))
    }
  }
  return try call.graph.matmul(call.graph.softmax(scores, axis: rank - 1), call.value("value"))
}
