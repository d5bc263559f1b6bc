import Graphs
import Tensors

/// Operators that write elements to computed places, or add them up there.
let scatterOperators: [ATenOperator] = [
  .value("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor") {
    try ElementScatter($0).result(.none)
  },
  .value("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor") {
    try ElementScatter($0).result(.none)
  },
  .value("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor") {
    try ElementScatter($0).result(operation($0, ["add": .add, "multiply": .mul]))
  },
  .value("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor") {
    try ElementScatter($0).result(operation($0, ["add": .add, "multiply": .mul]))
  },
  .value("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor") {
    try ElementScatter($0).result(.add)
  },
  .value(
    """
    scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, \
    bool include_self=True) -> Tensor
    """
  ) { call in
    let scatter = try ElementScatter(call)
    let operation = try operation(call, ["sum": .add, "mean": .add, "prod": .mul, "amax": .max, "amin": .min])
    let includesSelf = try call.bool("include_self")
    let start = try includesSelf ? scatter.input : scatter.emptied(for: operation)
    let result = try scatter.result(operation, from: start)
    return try call.string("reduce") == "mean" ? scatter.mean(of: result, includesSelf: includesSelf) : result
  },
  .value("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor") { call in
    var source = try call.value("source")
    let type = call.type(try call.value("self")).elementType
    let alpha = try call.double("alpha")
    if alpha != 1 { source = try call.graph.multiply(source, call.scalar(alpha, call.type(source).elementType)) }
    return try scatteredSlices(call, call.writer.cast(source, to: type), .add)
  },
  .value("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor") { call in
    // The n-th marked element takes the n-th of the source.
    let input = try call.value("self")
    let shape = call.type(input).shape
    let mask = try call.writer.expand(call.writer.cast(call.value("mask"), to: .bool), shape)
    let flat = try call.reshape(call.graph.cast(mask, to: .int64), [call.type(input).count])
    let one = call.graph.constant([Int64(1)], shape: [], name: "one")
    let places = try call.graph.subtract(call.graph.cumulativeSum(flat, axis: 0), one)
    let zero = call.graph.constant([Int64(0)], shape: [], name: "zero")
    let source = try call.value("source")
    let elements = try call.reshape(source, [call.type(source).count])
    let chosen = try call.graph.gather(elements, call.graph.maximum(places, zero), axis: 0)
    return try call.graph.select(mask, call.reshape(chosen, shape), input)
  },
]

/// What the argument `reduce` names.
private func operation(_ call: ATenCall, _ known: [String: ScatterReduction]) throws -> ScatterReduction {
  let name = try call.string("reduce")
  guard let operation = known[name] else {
    throw call.unsupported("the reduction is '\(name)'", expected: known.keys.sorted().joined(separator: ", "))
  }
  return operation
}

/// Elements of `src` (or one number) that go to the places along `dim` that `index` names, each at its own position on
/// the other axes.
private struct ElementScatter {
  private let call: ATenCall
  let input: Value
  private let axis: Int
  private let index: Value
  private let updates: Value

  init(_ call: ATenCall) throws {
    self.call = call
    input = try call.value("self")
    axis = try call.axis("dim", of: input)
    index = try call.indices("index")
    let shape = call.type(index).shape
    let type = call.type(input).elementType
    guard shape.count == call.type(input).rank else {
      throw call.unsupported("the index is \(call.type(index)) for \(call.type(input))", expected: "as many axes")
    }
    if call.operation.schema.parameters.contains(where: { $0.name == "src" }) {
      // Of a larger source only the part that the index covers is meant.
      var source = try call.writer.cast(call.value("src"), to: type)
      for (axis, extent) in shape.enumerated() where call.type(source).shape[axis] != extent {
        guard let length = extent.constant else {
          throw call.unsupported("the index is \(call.type(index)) for the source \(call.type(source))")
        }
        source = try call.graph.slice(source, axis: axis, 0..<length)
      }
      updates = source
    } else {
      updates = try call.writer.expand(call.scalar(call.double("value"), type), shape)
    }
  }

  func result(_ reduction: ScatterReduction, from start: Value? = nil) throws -> Value {
    try call.graph.scatterElements(start ?? input, index, updates, axis: axis, reduction: reduction)
  }

  /// The input with what leaves an operand of the reduction unchanged at all places that are written to.
  func emptied(for reduction: ScatterReduction) throws -> Value {
    let type = call.type(input).elementType
    let neutral: Double
    switch reduction {
    case .add, .none: neutral = 0
    case .mul: neutral = 1
    case .max: neutral = -.infinity
    case .min: neutral = .infinity
    }
    guard neutral.isFinite || type.isFloatingPoint else {
      throw call.unsupported("the extreme of \(type) without the input's own elements", expected: "floating point")
    }
    return try call.graph.scatterElements(input, index, filled(neutral, index, type), axis: axis)
  }

  /// A sum divided by how many elements each place of it has.
  func mean(of sum: Value, includesSelf: Bool) throws -> Value {
    let type = call.type(input).elementType
    guard type.isFloatingPoint else {
      throw call.unsupported("the mean of \(type)", expected: "floating point")
    }
    let counts = try call.graph.scatterElements(
      filled(includesSelf ? 1 : 0, input, type), index, filled(1, index, type), axis: axis, reduction: .add)
    return try call.graph.divide(sum, call.graph.maximum(counts, call.scalar(1, type)))
  }

  private func filled(_ number: Double, _ like: Value, _ type: ElementType) throws -> Value {
    try call.writer.expand(call.scalar(number, type), call.type(like).shape)
  }
}

/// Slices of `source` that go to the places along `dim` that the vector `index` names.
func scatteredSlices(_ call: ATenCall, _ source: Value, _ reduction: ScatterReduction) throws -> Value {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  let index = try call.writer.cast(call.value("index"), to: .int64)
  let order = [axis] + (0..<call.type(input).rank).filter { $0 != axis }
  let rows = try call.reshape(index, [call.type(index).count, 1])
  let part = call.type(source).rank == 0 ? try call.reshape(source, [1]) : source
  let changed = try call.graph.scatterND(
    call.transpose(input, order), rows, call.transpose(part, order), reduction: reduction)
  return try call.transpose(changed, inverse(order))
}

/// `input[vectors] = values`, or `+=`: each vector has indices of the axis beside it.
func scattered(
  _ call: ATenCall, _ input: Value, at vectors: [(axis: Int, value: Value)], _ values: Value,
  _ reduction: ScatterReduction
) throws -> Value {
  let shape = call.type(input).shape
  let axes = vectors.map(\.axis)
  guard Set(axes).count == axes.count, axes.allSatisfy({ $0 < shape.count }) else {
    throw call.unsupported("indices of the axes \(axes) of \(call.type(input))", expected: "one for each axis")
  }
  let indexed = try vectors.reduce([Dimension]()) { try broadcast(call, $0, call.type($1.value).shape) }
  let columns = try vectors.map { _, value in
    try call.graph.unsqueeze(call.writer.expand(call.writer.cast(value, to: .int64), indexed), axes: [indexed.count])
  }
  let rows = columns.count == 1 ? columns[0] : try call.graph.concat(columns, axis: indexed.count)
  let rest = shape.indices.filter { !axes.contains($0) }
  // Where the axes are neighbours, those of the indices stand in their place; else in front.
  let before = axes == Array(axes[0]..<axes[0] + axes.count) ? axes[0] : 0
  let order = axes + rest
  let kept = rest.map { shape[$0] }
  let stretched = try call.writer.expand(values, Array(kept[..<before]) + indexed + Array(kept[before...]))
  let front = Array(before..<before + indexed.count)
  let updates = try call.transpose(
    stretched, front + (0..<indexed.count + kept.count).filter { !front.contains($0) })
  let changed = try call.graph.scatterND(call.transpose(input, order), rows, updates, reduction: reduction)
  return try call.transpose(changed, inverse(order))
}

/// The order of axes that undoes `order`.
private func inverse(_ order: [Int]) -> [Int] {
  var result = order
  for (place, axis) in order.enumerated() { result[axis] = place }
  return result
}

private func broadcast(_ call: ATenCall, _ left: [Dimension], _ right: [Dimension]) throws -> [Dimension] {
  let rank = max(left.count, right.count)
  let a = Array(repeating: Dimension(1), count: rank - left.count) + left
  let b = Array(repeating: Dimension(1), count: rank - right.count) + right
  return try zip(a, b).map { first, second in
    guard first == second || first == 1 || second == 1 else {
      throw call.unsupported("indices of the shapes \(left) and \(right)")
    }
    return first == 1 ? second : first
  }
}
