import Graphs
import Tensors

/// Operators that pick elements by indices.
let indexingOperators: [ATenOperator] = [
  .value("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index),
  .value("index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor", index),
  .value("_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", index),
  .value("index_select(Tensor self, int dim, Tensor index) -> Tensor") { call in
    let input = try call.value("self")
    let places = try indices(call, call.value("index"))
    // One index stands for a list of one.
    let list = call.type(places).rank == 0 ? try call.graph.unsqueeze(places, axes: [0]) : places
    return try call.graph.gather(input, list, axis: call.axis("dim", of: input))
  },
  .value("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor") { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    return try call.graph.gatherElements(
      trimmed(call, input, to: call.value("index"), apartFrom: axis), indices(call, call.value("index")), axis: axis)
  },
  .value("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.gatherElements(
      input, indices(call, call.value("indices")), axis: call.axis("dim", of: input))
  },
  .value("take(Tensor self, Tensor index) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.gather(
      call.reshape(input, [call.type(input).count]), indices(call, call.value("index")), axis: 0)
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

extension ATenCall {
  /// The tensor `name` in a type that the graph's operators take as indices.
  func indices(_ name: String) throws -> Value { try Importers.indices(self, value(name)) }
}

/// The input cut to the extents of `index` along all other axes, as PyTorch's gather allows and ONNX's doesn't.
private func trimmed(_ call: ATenCall, _ input: Value, to index: Value, apartFrom axis: Int) throws -> Value {
  var result = input
  let shape = call.type(index).shape
  for (other, extent) in call.type(input).shape.enumerated() where other != axis && other < shape.count {
    guard extent != shape[other], let length = shape[other].constant, let all = extent.constant, length < all else {
      continue
    }
    result = try call.graph.slice(result, axis: other, 0..<length)
  }
  return result
}

/// `input[:, indices, …]`. One index tensor stays where it is; several are joined to places of one axis, at the place of
/// the first when they are neighbours and in front when they aren't, as NumPy does.
@Sendable private func index(_ call: ATenCall) throws -> Value {
  var input = try call.value("self")
  let places = try call.argument("indices").items ?? []
  let given = try indexVectors(call, places, input)
  let rank = call.type(input).rank
  guard let first = given.first, given.allSatisfy({ $0.axis < rank }) else {
    throw call.unsupported("\(places.count) indices for \(call.type(input))", expected: "at most one for each axis")
  }
  if given.count == 1 { return try call.graph.gather(input, indices(call, first.value), axis: first.axis) }
  var axes = given.map(\.axis)
  if axes != Array(axes[0]..<axes[0] + axes.count) {
    input = try call.transpose(input, axes + (0..<rank).filter { !axes.contains($0) })
    axes = Array(axes.indices)
  }
  let shape = call.type(input).shape
  let merged = shape[..<axes[0]] + [axes.reduce(1) { $0 * shape[$1] }] + shape[(axes[0] + axes.count)...]
  let flat = try call.reshape(input, Array(merged))
  let known = given.compactMap { call.writer.constant($0.value) }
  let extents = axes.compactMap { shape[$0].constant }
  if known.count == axes.count, extents.count == axes.count {
    let flatIndices = try FlatIndices(call, known, extents)
    return try call.graph.gather(
      flat, call.graph.constant(flatIndices.values, shape: flatIndices.shape, name: "indices"), axis: axes[0])
  }
  return try call.graph.gather(flat, computedPlaces(call, given.map(\.value), axes.map { shape[$0] }), axis: axes[0])
}

/// The axes that index tensors stand for, None leaving one out, and the indices along each.
func indexVectors(
  _ call: ATenCall, _ items: [ProgramValue], _ input: Value
) throws -> [(axis: Int, value: Value)] {
  var given: [(axis: Int, value: Value)] = []
  var axis = 0
  for item in items {
    guard case .tensor(let tensor) = item else {
      axis += 1
      continue
    }
    for value in try indexVectors(call, tensor.value(call.writer), input, axis) {
      given.append((axis, value))
      axis += 1
    }
  }
  return given
}

/// The index along each axis that an index tensor stands for: a mask that is known gives one for each of its axes.
private func indexVectors(_ call: ATenCall, _ value: Value, _ input: Value, _ axis: Int) throws -> [Value] {
  guard call.type(value).elementType == .bool else { return [value] }
  let shape = call.type(input).shape
  guard let mask = call.writer.constant(value), mask.shape.rank > 0, axis + mask.shape.rank <= shape.count,
    mask.count <= 1 << 24, Array(shape[axis..<axis + mask.shape.rank]) == mask.shape.dimensions.map({ Dimension($0) })
  else { throw ImportError.dataDependent(what: "the number of elements that a mask picks") }
  let marks = mask.array(of: UInt8.self)
  let places = marks.indices.filter { marks[$0] != 0 }
  var inner = mask.count
  return mask.shape.dimensions.map { extent in
    inner /= max(extent, 1)
    return call.graph.constant(places.map { Int64($0 / max(inner, 1) % extent) }, name: "indices")
  }
}

/// (i₀ · extent₁ + i₁) · extent₂ + …, computed in the graph; indices below 0 count from the end.
private func computedPlaces(_ call: ATenCall, _ values: [Value], _ extents: [Dimension]) throws -> Value {
  var result: Value?
  for (value, extent) in zip(values, extents) {
    var place = try call.writer.cast(value, to: .int64)
    if let known = call.writer.constant(place), known.array(of: Int64.self).allSatisfy({ $0 >= 0 }) {
      // As it is.
    } else {
      let zero = call.graph.constant([Int64(0)], shape: [], name: "zero")
      let shifted = try call.graph.add(place, call.writer.scalar(of: extent))
      place = try call.graph.select(call.graph.compare(.less, place, zero), shifted, place)
    }
    guard let earlier = result else {
      result = place
      continue
    }
    let scaled = try call.graph.multiply(earlier, call.writer.scalar(of: extent))
    result = try call.graph.add(scaled, place)
  }
  guard let result else { throw call.unsupported("no indices") }
  return result
}

/// Indices of several axes that are known, as places of those axes made one.
struct FlatIndices {
  let values: [Int64]
  let shape: Shape

  init(_ call: ATenCall, _ known: [Tensor], _ extents: [Int]) throws {
    let common = try known.reduce([Int]()) { try broadcast(call, $0, $1.shape.dimensions) }
    guard common.reduce(1.0, { $0 * Double($1) }) <= 0x1p24 else {
      throw call.unsupported("indices of shape \(common)")
    }
    var places = [Int64](repeating: 0, count: common.reduce(1, *))
    for (tensor, extent) in zip(known, extents) {
      let indices = tensor.converted(to: .int64).expanded(to: Shape(common)).array(of: Int64.self)
      guard indices.allSatisfy({ (-Int64(extent)..<Int64(extent)).contains($0) }) else {
        throw call.unsupported("an index leaves an axis of \(extent)")
      }
      for (place, index) in indices.enumerated() {
        places[place] = places[place] * Int64(extent) + (index < 0 ? index + Int64(extent) : index)
      }
    }
    values = places
    shape = Shape(common)
  }
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
