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
    let source = try call.writer.cast(call.value("source"), to: call.type(input).elementType)
    guard call.writer.constant(try call.value("index")) != nil else {
      return try scatteredSlices(call, source, .none)
    }
    return try call.writer.replacing(input, axis: axis, at: knownPlaces(call, "index", axis), by: source)
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
  let shape = call.type(input).shape
  guard let extent = shape[axis].constant else {
    throw ImportError.undecidable(what: "a change of places of \(call.type(input))")
  }
  let index = try call.indices("index")
  let maskShape = shape.indices.map { Dimension($0 == axis ? extent : 1) }
  guard call.writer.constant(index) != nil else {
    // Ones at the places.
    let count = call.type(index).count
    let zeros = call.graph.constant([Int64](repeating: 0, count: extent), name: "zeros")
    let ones = try filled(call, [count], 1, .int64)
    let marks = try call.graph.scatterElements(zeros, call.reshape(index, [count]), ones, axis: 0)
    return try call.graph.select(call.reshape(call.graph.cast(marks, to: .bool), maskShape), value, input)
  }
  let places = Set(try knownPlaces(call, "index", axis))
  let marks = (0..<extent).map { UInt8(places.contains($0) ? 1 : 0) }
  let mask = call.graph.constant(
    Tensor(marks, Shape(maskShape.compactMap(\.constant))).converted(to: .bool), name: "mask")
  return try call.graph.select(mask, value, input)
}

/// `self[indices] = values`.
@Sendable private func put(_ call: ATenCall) throws -> Value {
  let accumulates = try call.bool("accumulate")
  let input = try call.value("self")
  let type = call.type(input)
  let values = try call.writer.cast(call.value("values"), to: type.elementType)
  let items = try call.argument("indices").items ?? []
  let tensors = try items.enumerated().compactMap { axis, item -> (axis: Int, value: Value)? in
    guard case .tensor(let tensor) = item else { return nil }
    return (axis, try tensor.value(call.writer))
  }
  if !accumulates, tensors.count == 1, call.type(tensors[0].value).elementType == .bool, call.type(values).count == 1 {
    return try masked(call, input, mask: tensors[0].value, axis: tensors[0].axis, values: values)
  }
  let given = try indexVectors(call, items, input)
  let axes = given.map(\.axis)
  let extents = axes.compactMap { axis in axis < type.rank ? type.shape[axis].constant : nil }
  let known = given.compactMap { call.writer.constant($0.value) }
  guard let first = axes.first else { return try call.writer.expand(values, type.shape) }
  guard !accumulates, axes == Array(first..<first + axes.count), extents.count == axes.count, known.count == axes.count
  else { return try scattered(call, input, at: given, values, accumulates ? .add : .none) }
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
