import Graphs
import Tensors

/// Operators that pick elements by indices.
let indexingOperators: [ATenOperator] = [
  .value("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index),
  .value("index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor", index),
  .value("_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index),
  .value("index_select(Tensor self, int dim, Tensor index) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.gather(input, indices(call, call.value("index")), axis: call.axis("dim", of: input))
  },
  .value("gather(Tensor self, int dim, Tensor index, bool sparse_grad=False) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.gatherElements(input, indices(call, call.value("index")), axis: call.axis("dim", of: input))
  },
  .value("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.gatherElements(
      input, indices(call, call.value("indices")), axis: call.axis("dim", of: input))
  },
  .value(
    """
    embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, \
    bool sparse=False) -> Tensor
    """
  ) { call in
    try call.graph.gather(call.value("weight"), indices(call, call.value("indices")), axis: 0)
  },
]

private func indices(_ call: ATenCall, _ value: Value) throws -> Value {
  let type = call.type(value).elementType
  return type == .int64 || type == .int32 ? value : try call.graph.cast(value, to: .int64)
}

/// `input[:, indices, …]`: one index tensor, or several constant ones for neighbouring axes.
@Sendable private func index(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  let shape = call.type(input).shape
  let places = try call.argument("indices").items ?? []
  var given: [(axis: Int, value: Value)] = []
  for (axis, item) in places.enumerated() {
    if case .tensor(let tensor) = item { given.append((axis, try tensor.value(call.writer))) }
  }
  guard let first = given.first, given.count + first.axis <= shape.count, places.count <= shape.count else {
    throw call.unsupported("\(places.count) indices for \(call.type(input))", expected: "at most one for each axis")
  }
  if given.count == 1 {
    return try call.graph.gather(input, single(call, first.value, extent: shape[first.axis]), axis: first.axis)
  }
  let axes = given.map(\.axis)
  guard axes == Array(axes[0]..<axes[0] + axes.count) else {
    throw call.unsupported("indices of the axes \(axes)", expected: "neighbouring axes")
  }
  let extents = axes.compactMap { shape[$0].constant }
  let known = given.compactMap { call.writer.constant($0.value) }
  guard extents.count == axes.count, known.count == axes.count, !known.contains(where: { $0.elementType == .bool })
  else {
    throw call.unsupported("several indices that are computed", expected: "constants for axes of fixed extents")
  }
  // The axes become one, and the indices the places in it.
  let common = try known.reduce([Int]()) { try broadcast(call, $0, $1.shape.dimensions) }
  guard common.reduce(1.0, { $0 * Double($1) }) <= 0x1p24 else { throw call.unsupported("indices of shape \(common)") }
  var places64 = [Int64](repeating: 0, count: common.reduce(1, *))
  for (tensor, extent) in zip(known, extents) {
    let values = tensor.converted(to: .int64).expanded(to: Shape(common)).array(of: Int64.self)
    guard values.allSatisfy({ (-Int64(extent)..<Int64(extent)).contains($0) }) else {
      throw call.unsupported("an index leaves an axis of \(extent)")
    }
    for (place, value) in values.enumerated() {
      places64[place] = places64[place] * Int64(extent) + (value < 0 ? value + Int64(extent) : value)
    }
  }
  let merged = shape[..<axes[0]] + [Dimension(extents.reduce(1, *))] + shape[(axes[0] + axes.count)...]
  let flat = try call.reshape(input, Array(merged))
  return try call.graph.gather(
    flat, call.graph.constant(places64, shape: Shape(common), name: "indices"), axis: axes[0])
}

/// The places that a mask marks, or the indices as they are.
private func single(_ call: ATenCall, _ value: Value, extent: Dimension) throws -> Value {
  guard call.type(value).elementType == .bool else { return try indices(call, value) }
  guard let mask = call.writer.constant(value), mask.shape.rank == 1, extent == Dimension(mask.shape[0]) else {
    throw ImportError.dataDependent(what: "the number of elements that a mask picks")
  }
  let marks = mask.array(of: UInt8.self)
  return call.graph.constant(marks.indices.filter { marks[$0] != 0 }.map(Int64.init), name: "indices")
}

private func broadcast(_ call: ATenCall, _ left: [Int], _ right: [Int]) throws -> [Int] {
  let rank = max(left.count, right.count)
  let a = Array(repeating: 1, count: rank - left.count) + left
  let b = Array(repeating: 1, count: rank - right.count) + right
  return try zip(a, b).map { first, second in
    guard first == second || first == 1 || second == 1 else {
      throw call.unsupported("indices of the shapes \(left) and \(right)")
    }
    return first == 1 ? second : first
  }
}
