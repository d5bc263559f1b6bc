import Graphs
import Tensors

/// Reductions over axes, and searches along one.
let reductionOperators: [ATenOperator] = [
  .value("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceMean(converted($0), axes: allAxes($0), keepsAxes: false)
  },
  .value("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceMean(converted($0), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceSum(summand($0), axes: allAxes($0), keepsAxes: false)
  },
  .value(
    """
    sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
    """
  ) { try $0.graph.reduceSum(summand($0), axes: axes($0), keepsAxes: $0.bool("keepdim")) },
  .value("prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceProduct(summand($0), axes: axes($0), keepsAxes: $0.bool("keepdim"))
  },
  .value("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor") {
    try $0.graph.reduceProduct(summand($0), axes: allAxes($0), keepsAxes: false)
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
  .value("all(Tensor self) -> Tensor") { try quantified($0, allAxes($0), keeps: false, isUniversal: true) },
  .value("all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor") {
    try quantified($0, axes($0), keeps: $0.bool("keepdim"), isUniversal: true)
  },
  .value("all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor") {
    try quantified($0, axes($0), keeps: $0.bool("keepdim"), isUniversal: true)
  },
  .value("any(Tensor self) -> Tensor") { try quantified($0, allAxes($0), keeps: false, isUniversal: false) },
  .value("any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor") {
    try quantified($0, axes($0), keeps: $0.bool("keepdim"), isUniversal: false)
  },
  .value("any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor") {
    try quantified($0, axes($0), keeps: $0.bool("keepdim"), isUniversal: false)
  },
  .any("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)") { call in
    let input = try call.value("self")
    let axes = try axes(call)
    let keeps = try call.bool("keepdim")
    return .tuple([
      call.result(try call.graph.reduceMin(input, axes: axes, keepsAxes: keeps)),
      call.result(try call.graph.reduceMax(input, axes: axes, keepsAxes: keeps)),
    ])
  },
  .value("count_nonzero(Tensor self, int? dim=None) -> Tensor") { try nonzeroCount($0) },
  .value("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor") { try nonzeroCount($0) },
  .value("nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor") { call in
    let input = try summand(call)
    let zero = call.scalar(0, call.type(input).elementType)
    let numbers = try call.graph.select(call.graph.compare(.equal, input, input), input, zero)
    return try call.graph.reduceSum(numbers, axes: axes(call), keepsAxes: call.bool("keepdim"))
  },
  .value("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { call in
    let input = try summand(call)
    let axis = try call.axis("dim", of: input)
    guard let extent = call.type(input).shape[axis].constant, (1...256).contains(extent) else {
      throw call.unsupported("axis \(axis) of \(call.type(input))", expected: "a fixed extent of at most 256")
    }
    var products = [try call.graph.slice(input, axis: axis, 0..<1)]
    for place in 1..<max(extent, 1) {
      products.append(
        try call.graph.multiply(products[place - 1], call.graph.slice(input, axis: axis, place..<place + 1)))
    }
    return products.count == 1 ? products[0] : try call.graph.concat(products, axis: axis)
  },
  .value("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor") { call in
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
  .value("var(Tensor self, bool unbiased=True) -> Tensor", variance),
  .value("var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor", variance),
  .value(
    """
    var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, \
    bool keepdim=False) -> Tensor
    """, variance),
  .value("std(Tensor self, bool unbiased=True) -> Tensor") { try $0.graph.sqrt(variance($0)) },
  .value("std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor") {
    try $0.graph.sqrt(variance($0))
  },
  .value(
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor"
  ) { try $0.graph.sqrt(variance($0)) },
  .any("var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)") { try withMean($0, variance($0)) },
  .any("var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)") {
    try withMean($0, variance($0))
  },
  .any(
    """
    var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, \
    Tensor)
    """
  ) { try withMean($0, variance($0)) },
  .any("std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)") {
    try withMean($0, $0.graph.sqrt(variance($0)))
  },
  .any("std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)") {
    try withMean($0, $0.graph.sqrt(variance($0)))
  },
  .any(
    """
    std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, \
    Tensor)
    """
  ) { try withMean($0, $0.graph.sqrt(variance($0))) },
  .value("norm.Scalar(Tensor self, Scalar p=2) -> Tensor") {
    try $0.norm($0.value("self"), order: $0.double("p"), axes: allAxes($0), keeps: false)
  },
  .value("frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor") {
    try $0.norm($0.value("self"), order: 2, axes: axes($0), keeps: $0.bool("keepdim"))
  },
  .value(
    """
    linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, \
    ScalarType? dtype=None) -> Tensor
    """
  ) { call in
    guard try call.string("ord") == "fro" else {
      throw call.unsupported("the norm '\(try call.string("ord"))'", expected: "fro")
    }
    return try call.norm(call.value("self"), order: 2, axes: axes(call), keeps: call.bool("keepdim"))
  },
  .value(
    """
    linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, \
    ScalarType? dtype=None) -> Tensor
    """
  ) { call in
    let order = try call.optionalDouble("ord")
    let axes = try axes(call)
    guard order == nil || axes.count == 1 else {
      throw call.unsupported("the norm \(order ?? 2) of matrices", expected: "of vectors, or none given")
    }
    return try call.norm(call.value("self"), order: order ?? 2, axes: axes, keeps: call.bool("keepdim"))
  },
  .value("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor") {
    try $0.norm($0.value("self"), order: $0.optionalDouble("p") ?? 2, axes: axes($0), keeps: $0.bool("keepdim"))
  },
  .value(
    """
    linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, \
    *, ScalarType? dtype=None) -> Tensor
    """
  ) { try $0.norm($0.value("self"), order: $0.double("ord"), axes: axes($0), keeps: $0.bool("keepdim")) },
]

/// The axes of the parameter `dim`; all when there are none.
private func axes(_ call: ATenCall) throws -> [Int] {
  let rank = call.type(try call.value("self")).rank
  let hasAxes = call.operation.schema.parameters.contains { $0.name == "dim" }
  let given = try hasAxes ? call.optionalInts("dim") ?? [] : []
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

@Sendable private func variance(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  let axes = try axes(call)
  let parameters = call.operation.schema.parameters.map(\.name)
  let keeps = try parameters.contains("keepdim") && call.bool("keepdim")
  let correction =
    parameters.contains("unbiased")
    ? (try call.bool("unbiased") ? 1 : 0) : try call.optionalDouble("correction") ?? 1
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

private func withMean(_ call: ATenCall, _ spread: Value) throws -> ProgramValue {
  let parameters = call.operation.schema.parameters.map(\.name)
  let keeps = try parameters.contains("keepdim") && call.bool("keepdim")
  let mean = try call.graph.reduceMean(call.value("self"), axes: axes(call), keepsAxes: keeps)
  return .tuple([call.result(spread), call.result(mean)])
}

/// Whether all elements are true, or any.
private func quantified(_ call: ATenCall, _ axes: [Int], keeps: Bool, isUniversal: Bool) throws -> Value {
  let truth = try call.writer.cast(call.value("self"), to: .bool)
  let numbers = try call.graph.cast(truth, to: .float32)
  let result =
    isUniversal
    ? try call.graph.reduceMin(numbers, axes: axes, keepsAxes: keeps)
    : try call.graph.reduceMax(numbers, axes: axes, keepsAxes: keeps)
  return try call.graph.cast(result, to: .bool)
}

private func nonzeroCount(_ call: ATenCall) throws -> Value {
  let truth = try call.writer.cast(call.value("self"), to: .bool)
  return try call.graph.reduceSum(call.graph.cast(truth, to: .int64), axes: axes(call), keepsAxes: false)
}

extension ATenCall {
  /// The norm of vectors along `axes`; order 0 counts what isn't zero.
  func norm(_ input: Value, order: Double, axes: [Int], keeps: Bool) throws -> Value {
    switch order {
    case 1: return try graph.reduceL1(input, axes: axes, keepsAxes: keeps)
    case 2: return try graph.reduceL2(input, axes: axes, keepsAxes: keeps)
    case .infinity: return try graph.reduceMax(graph.apply("Abs", [input])[0], axes: axes, keepsAxes: keeps)
    case -.infinity: return try graph.reduceMin(graph.apply("Abs", [input])[0], axes: axes, keepsAxes: keeps)
    case 0:
      let type = type(input).elementType
      let marks = try graph.cast(writer.cast(input, to: .bool), to: type)
      return try graph.reduceSum(marks, axes: axes, keepsAxes: keeps)
    default:
      guard order.isFinite else { throw unsupported("a norm of order \(order)", expected: "a number") }
      let type = type(input).elementType
      let powers = try graph.power(graph.apply("Abs", [input])[0], scalar(order, type))
      return try graph.power(graph.reduceSum(powers, axes: axes, keepsAxes: keeps), scalar(1 / order, type))
    }
  }
}
