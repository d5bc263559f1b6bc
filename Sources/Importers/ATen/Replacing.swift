import Graphs
import Tensors

/// Operators that replace elements at places. Where the places are known, the new elements are joined to the old ones
/// and each place takes its own.
let replacingOperators: [ATenOperator] = [
  .value("select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor") { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    let place = try placeIndex(call, call.int("index"), axis: axis)
    return try call.writer.replacing(
      input, axis: axis, at: [place], by: call.graph.unsqueeze(call.value("src"), axes: [axis]))
  },
  .value(
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor"
  ) { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    guard let extent = call.type(input).shape[axis].constant else {
      throw ImportError.undecidable(what: "a change of a part of \(call.type(input))")
    }
    func bound(_ name: String, _ fallback: Int) throws -> Int {
      let value = try call.optionalInt(name) ?? fallback
      return min(max(value < 0 ? value + extent : value, 0), extent)
    }
    let (start, end, step) = (try bound("start", 0), try bound("end", extent), try call.int("step"))
    guard step > 0 else { throw call.unsupported("the step is \(step)", expected: "a positive number") }
    return try call.writer.replacing(
      input, axis: axis, at: Array(stride(from: start, to: max(start, end), by: step)), by: call.value("src"))
  },
  .value("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor") { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    return try call.writer.replacing(input, axis: axis, at: knownPlaces(call, "index", axis), by: call.value("source"))
  },
  .value("index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor") { call in
    try filled(call, call.scalar(call.double("value"), call.type(call.value("self")).elementType))
  },
  .value("index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor") { call in
    try filled(call, call.writer.cast(call.value("value"), to: call.type(call.value("self")).elementType))
  },
  .value("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor", put),
  .value("index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor", put),
  .value(
    """
    _index_put_impl(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False, \
    bool unsafe=False) -> Tensor
    """,
    put),
]

private func placeIndex(_ call: ATenCall, _ index: Int, axis: Int) throws -> Int {
  guard let extent = call.type(try call.value("self")).shape[axis].constant, (-extent..<extent).contains(index) else {
    throw call.unsupported("index \(index) of axis \(axis)", expected: "one that it has")
  }
  return index < 0 ? index + extent : index
}

/// The places that a constant names along an axis.
private func knownPlaces(_ call: ATenCall, _ name: String, _ axis: Int) throws -> [Int] {
  try call.constant(name).converted(to: .int64).array(of: Int64.self).map {
    try placeIndex(call, Int(clamping: $0), axis: axis)
  }
}

private func filled(_ call: ATenCall, _ value: Value) throws -> Value {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  let places = Set(try knownPlaces(call, "index", axis))
  let shape = call.type(input).shape
  let marks = (0..<(shape[axis].constant ?? 0)).map { UInt8(places.contains($0) ? 1 : 0) }
  let maskShape = shape.indices.map { $0 == axis ? marks.count : 1 }
  let mask = call.graph.constant(Tensor(marks, Shape(maskShape)).converted(to: .bool), name: "mask")
  return try call.graph.select(mask, value, input)
}

/// `self[indices] = values`.
@Sendable private func put(_ call: ATenCall) throws -> Value {
  guard try !call.bool("accumulate") else {
    throw call.unsupported("accumulate is on", expected: "off, as an assignment has it")
  }
  let input = try call.value("self")
  let type = call.type(input)
  let values = try call.writer.cast(call.value("values"), to: type.elementType)
  let given = try (call.argument("indices").items ?? []).enumerated().compactMap { axis, item -> (Int, Value)? in
    guard case .tensor(let tensor) = item else { return nil }
    return (axis, try tensor.value(call.writer))
  }
  if given.count == 1, call.type(given[0].1).elementType == .bool {
    return try masked(call, input, mask: given[0].1, axis: given[0].0, values: values)
  }
  guard let first = given.first?.0, given.map(\.0) == Array(first..<first + given.count),
    first + given.count <= type.rank
  else { throw call.unsupported("indices of the axes \(given.map(\.0))", expected: "neighbouring axes") }
  let axes = first..<first + given.count
  let extents = axes.compactMap { type.shape[$0].constant }
  let known = given.compactMap { call.writer.constant($0.1) }
  guard extents.count == axes.count, known.count == axes.count, !known.contains(where: { $0.elementType == .bool })
  else { throw call.unsupported("an assignment at places that are computed", expected: "constant places") }
  let places = try FlatIndices(call, known, extents)
  let before = Array(type.shape[..<first])
  let after = Array(type.shape[(first + given.count)...])
  let indexed = places.shape.dimensions.map { Dimension($0) }
  let stretched = try call.writer.expand(values, before + indexed + after)
  let part = try call.reshape(stretched, before + [Dimension(places.values.count)] + after)
  let merged = try call.reshape(input, before + [Dimension(extents.reduce(1, *))] + after)
  let changed = try call.writer.replacing(merged, axis: first, at: places.values.map(Int.init), by: part)
  return try call.reshape(changed, type.shape)
}

/// One number where a mask marks elements.
private func masked(_ call: ATenCall, _ input: Value, mask: Value, axis: Int, values: Value) throws -> Value {
  let shape = call.type(input).shape
  let marks = call.type(mask).shape
  guard call.type(values).count == 1, axis + marks.count <= shape.count,
    Array(shape[axis..<axis + marks.count]) == marks
  else {
    throw ImportError.dataDependent(what: "the number of elements that a mask picks")
  }
  let ones = Array(repeating: Dimension(1), count: shape.count - axis - marks.count)
  let aligned = try call.reshape(mask, Array(repeating: 1, count: axis) + marks + ones)
  return try call.graph.select(aligned, call.reshape(values, []), input)
}
