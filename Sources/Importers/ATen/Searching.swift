import Graphs
import Tensors

/// Operators that order elements, or ask where they belong.
let searchOperators: [ATenOperator] = [
  .any(
    """
    topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, \
    Tensor indices)
    """
  ) { call in
    let input = try call.value("self")
    if call.type(input).rank == 0 {
      return .tuple([call.arguments[0], call.result(call.graph.constant([Int64(0)], shape: [], name: "index"))])
    }
    let results = try call.graph.topK(
      input, count: call.int("k"), axis: call.axis("dim", of: input), isLargest: call.bool("largest"))
    return .tuple(results.map(call.result))
  },
  .any("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)") {
    .tuple(try sorted($0).map($0.result))
  },
  .any(
    "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)"
  ) { .tuple(try sorted($0).map($0.result)) },
  .value("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor") { try sorted($0)[1] },
  .value("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor") {
    try sorted($0)[1]
  },
  .value("msort(Tensor self) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.topK(input, count: fixedExtent(call, 0), axis: 0, isLargest: false)[0]
  },
  .any("kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)") { call in
    try ordered(call, place: call.int("k"))
  },
  .any("median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") { call in
    // The lower of the two in the middle.
    let axis = try call.axis("dim", of: call.value("self"))
    return try ordered(call, place: (fixedExtent(call, axis) + 1) / 2)
  },
  .value("median(Tensor self) -> Tensor") { call in
    let input = try call.value("self")
    guard let count = call.type(input).count.constant, count > 0 else {
      throw call.unsupported("the median of \(call.type(input))", expected: "fixed extents")
    }
    let flat = try call.reshape(input, [Dimension(count)])
    let lowest = try call.graph.topK(flat, count: (count + 1) / 2, axis: 0, isLargest: false)[0]
    return try call.reshape(call.graph.slice(lowest, axis: 0, (count + 1) / 2 - 1..<(count + 1) / 2), [])
  },
  .any("cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)") { try runningExtreme($0, isMaximum: true) },
  .any("cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)") { try runningExtreme($0, isMaximum: false) },
  .value("nonzero(Tensor self) -> Tensor") { call in
    let places = try nonzeroPlaces(call)
    let rank = call.type(try call.value("self")).rank
    let rows = places.flatMap { place in place.map { Int64($0) } }
    return call.graph.constant(rows, shape: [places.count, rank], name: "places")
  },
  .any("nonzero_numpy(Tensor self) -> Tensor[]") { call in
    let places = try nonzeroPlaces(call)
    return call.result(
      (0..<call.type(try call.value("self")).rank).map { axis in
        call.graph.constant(places.map { Int64($0[axis]) }, name: "places")
      })
  },
  .value("one_hot(Tensor self, int num_classes=-1) -> Tensor") { call in
    let input = try call.value("self")
    let count = try call.int("num_classes")
    guard (1...1 << 20).contains(count) else {
      throw ImportError.dataDependent(what: "the number of classes of one_hot, which isn't given,")
    }
    let classes = call.graph.constant((0..<Int64(count)).map(\.self), name: "classes")
    let places = try call.writer.cast(input, to: .int64)
    let isClass = try call.graph.compare(
      .equal, call.graph.unsqueeze(places, axes: [call.type(input).rank]), classes)
    return try call.graph.cast(isClass, to: .int64)
  },
  .value("bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor") {
    call in
    // As many boundaries as lie below, or not above.
    let input = try call.value("self")
    let (values, boundaries) = try call.operands(
      call.result(call.graph.unsqueeze(input, axes: [call.type(input).rank])), call.argument("boundaries"))
    let isBelow = try call.graph.compare(call.bool("right") ? .lessOrEqual : .less, boundaries, values)
    let type: ElementType = try call.bool("out_int32") ? .int32 : .int64
    return try call.graph.reduceSum(
      call.graph.cast(isBelow, to: type), axes: [call.type(input).rank], keepsAxes: false)
  },
]

private func fixedExtent(_ call: ATenCall, _ axis: Int) throws -> Int {
  let type = call.type(try call.value("self"))
  guard let extent = type.shape[axis].constant, extent > 0 else {
    throw call.unsupported("axis \(axis) of \(type)", expected: "a fixed extent")
  }
  return extent
}

/// The extreme up to each element of an axis, and the last place that has it.
private func runningExtreme(_ call: ATenCall, isMaximum: Bool) throws -> ProgramValue {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  let extent = try fixedExtent(call, axis)
  // After steps of 1, 2, 4 … each element has seen all before it.
  func running(_ value: Value, isMaximum: Bool) throws -> Value {
    var result = value
    var distance = 1
    while distance < extent {
      let earlier = try call.graph.slice(result, axis: axis, 0..<extent - distance)
      let later = try call.graph.slice(result, axis: axis, distance..<extent)
      let best = try isMaximum ? call.graph.maximum(earlier, later) : call.graph.minimum(earlier, later)
      result = try call.graph.concat([call.graph.slice(result, axis: axis, 0..<distance), best], axis: axis)
      distance *= 2
    }
    return result
  }
  let values = try running(input, isMaximum: isMaximum)
  let shape = (0..<call.type(input).rank).map { $0 == axis ? extent : 1 }
  let places = call.graph.constant((0..<extent).map { Int64($0) }, shape: Shape(shape), name: "places")
  let zero = call.graph.constant([Int64(0)], shape: [], name: "zero")
  let reached = try call.graph.select(call.graph.compare(.equal, input, values), places, zero)
  return .tuple([call.result(values), call.result(try running(reached, isMaximum: true))])
}

/// The places of a constant's elements that aren't 0, an index for each axis.
private func nonzeroPlaces(_ call: ATenCall) throws -> [[Int]] {
  guard let tensor = call.writer.constant(try call.value("self")), tensor.count <= 1 << 24 else {
    throw ImportError.dataDependent(what: "the number of elements that aren't 0")
  }
  let strides = tensor.shape.contiguousStrides
  return tensor.converted(to: .float64).array(of: Double.self).enumerated().filter { $0.element != 0 }.map { place in
    tensor.shape.dimensions.indices.map { place.offset / strides[$0] % tensor.shape[$0] }
  }
}

/// All elements in order, and their places.
private func sorted(_ call: ATenCall) throws -> [Value] {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  return try call.graph.topK(
    input, count: fixedExtent(call, axis), axis: axis, isLargest: call.bool("descending"))
}

/// The element that stands at `place`, counted from 1, among those of an axis in rising order.
private func ordered(_ call: ATenCall, place: Int) throws -> ProgramValue {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  guard (1...(try fixedExtent(call, axis))).contains(place) else {
    throw call.unsupported("place \(place) of axis \(axis) of \(call.type(input))", expected: "one that it has")
  }
  let keeps = try call.bool("keepdim")
  let results = try call.graph.topK(input, count: place, axis: axis, isLargest: false)
  return .tuple(
    try results.map { result in
      let last = try call.graph.slice(result, axis: axis, place - 1..<place)
      return call.result(keeps ? last : try call.graph.squeeze(last, axes: [axis]))
    })
}
