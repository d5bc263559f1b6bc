import Graphs
import Tensors

/// Reductions over axes, and searches along one.
let reductionOperators: [ATenOperator] = [
  .value("mean(Tensor self, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceMean(converted($0), axes: allAxes($0), keepsAxes: false)
  },
  .value("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceMean(converted($0), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("sum(Tensor self, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceSum(summand($0), axes: allAxes($0), keepsAxes: false)
  },
  .value(
    """
    sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, ScalarType? dtype=None) -> Tensor
    """
  ) { try $0.graph.reduceSum(summand($0), axes: axes($0), keepsAxes: $0.bool("keepdim")) },
  .value("prod(Tensor self, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceProduct(summand($0), axes: allAxes($0), keepsAxes: false)
  },
  .value("prod.dim_int(Tensor self, int dim, bool keepdim=False, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceProduct(summand($0), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor") {
    try $0.graph.reduceMax($0.value("self"), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor") {
    try $0.graph.reduceMin($0.value("self"), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("max(Tensor self) -> Tensor") {
    try $0.graph.reduceMax($0.value("self"), axes: allAxes($0), keepsAxes: false)
  },
  .value("min(Tensor self) -> Tensor") {
    try $0.graph.reduceMin($0.value("self"), axes: allAxes($0), keepsAxes: false)
  },
  .any("max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
    try extreme($0, isMinimum: false)
  },
  .any("min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
    try extreme($0, isMinimum: true)
  },
  .value("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor") { try place($0, isMinimum: false) },
  .value("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor") { try place($0, isMinimum: true) },
  .value("all(Tensor self) -> Tensor") { call in
    let input = try call.writer.cast(call.value("self"), to: .bool)
    let numbers = try call.graph.cast(input, to: .float32)
    return try call.graph.cast(call.graph.reduceMin(numbers, axes: allAxes(call), keepsAxes: false), to: .bool)
  },
  .value("any(Tensor self) -> Tensor") { call in
    let input = try call.writer.cast(call.value("self"), to: .bool)
    let numbers = try call.graph.cast(input, to: .float32)
    return try call.graph.cast(call.graph.reduceMax(numbers, axes: allAxes(call), keepsAxes: false), to: .bool)
  },
  .any(
    """
    topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, \
    Tensor indices)
    """
  ) { call in
    let input = try call.value("self")
    let results = try call.graph.topK(
      input, count: call.int("k"), axis: call.axis("dim", of: input), isLargest: call.bool("largest"))
    return .tuple(results.map(call.result))
  },
  .any("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)") { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    guard let extent = call.type(input).shape[axis].constant else {
      throw call.unsupported("axis \(axis) of \(call.type(input))", expected: "a fixed extent")
    }
    let results = try call.graph.topK(input, count: extent, axis: axis, isLargest: call.bool("descending"))
    return .tuple(results.map(call.result))
  },
  .value("cumsum(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { call in
    let input = try summand(call)
    return try call.graph.cumulativeSum(input, axis: call.axis("dim", of: input))
  },
  .value("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") { call in
    let input = try call.value("self")
    let axes = try axes(call)
    let highest = try call.graph.reduceMax(input, axes: axes)
    let sum = try call.graph.reduceSum(call.graph.exp(call.graph.subtract(input, highest)), axes: axes)
    let result = try call.graph.add(call.graph.apply("Log", [sum])[0], highest)
    return try call.bool("keepdim") ? result : call.graph.squeeze(result, axes: axes)
  },
  .value("var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
    try variance($0, correction: $0.bool("unbiased") ? 1 : 0)
  },
  .value(
    """
    var.correction(Tensor self, int[1]? dim=None, Scalar? correction=None, bool keepdim=False) -> Tensor
    """
  ) { try variance($0, correction: correction($0)) },
  .value("std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
    try $0.graph.sqrt(variance($0, correction: $0.bool("unbiased") ? 1 : 0))
  },
  .value(
    """
    std.correction(Tensor self, int[1]? dim=None, Scalar? correction=None, bool keepdim=False) -> Tensor
    """
  ) { try $0.graph.sqrt(variance($0, correction: correction($0))) },
  .any(
    """
    var_mean.correction(Tensor self, int[1]? dim=None, Scalar? correction=None, bool keepdim=False) -> (Tensor, \
    Tensor)
    """
  ) { call in
    let mean = try call.graph.reduceMean(call.value("self"), axes: axes(call), keepsAxes: call.bool("keepdim"))
    return .tuple([call.result(try variance(call, correction: correction(call))), call.result(mean)])
  },
  .value("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor") {
    try norm($0, order: $0.optionalDouble("p") ?? 2)
  },
  .value(
    """
    linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, \
    ScalarType? dtype=None) -> Tensor
    """
  ) { try norm($0, order: $0.double("ord")) },
]

/// The axes of the parameter `dim`; all when there are none.
private func axes(_ call: ATenCall) throws -> [Int] {
  let rank = call.type(try call.value("self")).rank
  let given = try call.optionalInts("dim") ?? []
  return given.isEmpty ? Array(0..<rank) : try given.map { try call.axis($0, rank: rank) }.sorted()
}

private func allAxes(_ call: ATenCall) throws -> [Int] { Array(0..<call.type(try call.value("self")).rank) }

/// The input as `dtype`.
private func converted(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  return try call.elementType("dtype").map { try call.writer.cast(input, to: $0) } ?? input
}

/// As ``converted(_:)``; sums of integers are of 64 bits.
private func summand(_ call: ATenCall) throws -> Value {
  let input = try converted(call)
  guard try call.isNone("dtype"), !call.type(input).elementType.isFloatingPoint else { return input }
  return try call.writer.cast(input, to: .int64)
}

private func extreme(_ call: ATenCall, isMinimum: Bool) throws -> ProgramValue {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  let keeps = try call.bool("keepdim")
  let value =
    isMinimum
    ? try call.graph.reduceMin(input, axes: [axis], keepsAxes: keeps)
    : try call.graph.reduceMax(input, axes: [axis], keepsAxes: keeps)
  let index = try call.graph.argMax(input, axis: axis, keepsAxis: keeps, isMinimum: isMinimum)
  return .tuple([call.result(value), call.result(index)])
}

private func place(_ call: ATenCall, isMinimum: Bool) throws -> Value {
  var input = try call.value("self")
  guard try !call.isNone("dim") else {
    input = try call.reshape(input, [call.type(input).count])
    return try call.graph.argMax(input, axis: 0, keepsAxis: false, isMinimum: isMinimum)
  }
  return try call.graph.argMax(
    input, axis: call.axis("dim", of: input), keepsAxis: call.bool("keepdim"), isMinimum: isMinimum)
}

private func correction(_ call: ATenCall) throws -> Double { try call.optionalDouble("correction") ?? 1 }

private func variance(_ call: ATenCall, correction: Double) throws -> Value {
  let input = try call.value("self")
  let axes = try axes(call)
  let keeps = try call.bool("keepdim")
  let centred = try call.graph.subtract(input, call.graph.reduceMean(input, axes: axes))
  let squares = try call.graph.multiply(centred, centred)
  let mean = try call.graph.reduceMean(squares, axes: axes, keepsAxes: keeps)
  if correction == 0 { return mean }
  let count = axes.reduce(Dimension(1)) { $0 * call.type(input).shape[$1] }
  guard let number = count.constant, Double(number) > correction else {
    throw ImportError.undecidable(what: "the number of elements of a variance, \(count),")
  }
  let factor = Double(number) / (Double(number) - correction)
  return try call.graph.multiply(mean, call.scalar(factor, call.type(input).elementType))
}

private func norm(_ call: ATenCall, order: Double) throws -> Value {
  let input = try call.value("self")
  let axes = try axes(call)
  let keeps = try call.bool("keepdim")
  switch order {
  case 1: return try call.graph.reduceL1(input, axes: axes, keepsAxes: keeps)
  case 2: return try call.graph.reduceL2(input, axes: axes, keepsAxes: keeps)
  case .infinity:
    return try call.graph.reduceMax(call.graph.apply("Abs", [input])[0], axes: axes, keepsAxes: keeps)
  default: throw call.unsupported("a norm of order \(order)", expected: "1, 2 or inf")
  }
}
