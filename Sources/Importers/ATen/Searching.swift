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
