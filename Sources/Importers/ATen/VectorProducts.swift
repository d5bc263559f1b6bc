import Graphs
import Tensors

/// Products of vectors, and distances between them.
let vectorOperators: [ATenOperator] = [
  .value("mv(Tensor self, Tensor vec) -> Tensor") { try matrixVector($0, $0.value("self"), $0.value("vec")) },
  .value("dot(Tensor self, Tensor tensor) -> Tensor") { try dot($0, $0.value("self"), $0.value("tensor")) },
  .value("vdot(Tensor self, Tensor other) -> Tensor") { try dot($0, $0.value("self"), $0.value("other")) },
  .value("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { call in
    try combined(call, matrixVector(call, call.value("mat"), call.value("vec")))
  },
  .value("outer(Tensor self, Tensor vec2) -> Tensor") { call in
    let (left, right) = try call.operands("self", "vec2")
    return try call.graph.multiply(
      call.graph.unsqueeze(left, axes: [1]), call.graph.unsqueeze(right, axes: [0]))
  },
  .value("inner(Tensor self, Tensor other) -> Tensor") { call in
    let (left, right) = (try call.value("self"), try call.value("other"))
    let ranks = (call.type(left).rank, call.type(right).rank)
    guard ranks.0 > 0, ranks.1 > 0 else { return try call.graph.multiply(left, right) }
    return try contracted(call, left, right, [ranks.0 - 1], [ranks.1 - 1])
  },
  .value("tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor") { call in
    let (left, right) = (try call.value("self"), try call.value("other"))
    let axes = (
      try call.ints("dims_self").map { try call.axis($0, rank: call.type(left).rank) },
      try call.ints("dims_other").map { try call.axis($0, rank: call.type(right).rank) }
    )
    guard axes.0.count == axes.1.count, Set(axes.0).count == axes.0.count, Set(axes.1).count == axes.1.count else {
      throw call.unsupported("a product over the axes \(axes.0) and \(axes.1)", expected: "as many, each once")
    }
    return try contracted(call, left, right, axes.0, axes.1)
  },
  .value("trace(Tensor self) -> Tensor") { call in
    let input = try call.value("self")
    guard call.type(input).rank == 2, let rows = call.type(input).shape[0].constant,
      let columns = call.type(input).shape[1].constant, rows * columns <= 1 << 24
    else { throw call.unsupported("the trace of \(call.type(input))", expected: "a matrix of fixed extents") }
    let places = (0..<min(rows, columns)).map { Int64($0 * (columns + 1)) }
    let flat = try call.reshape(input, [Dimension(rows * columns)])
    let diagonal = try call.graph.gather(flat, call.graph.constant(places, name: "diagonal"), axis: 0)
    return try call.graph.reduceSum(diagonal, axes: [0], keepsAxes: false)
  },
  .value("linalg_multi_dot(Tensor[] tensors) -> Tensor") { call in
    let tensors = try call.values("tensors")
    guard let first = tensors.first, tensors.allSatisfy({ call.type($0).rank == 2 }) else {
      throw call.unsupported("\(tensors.count) tensors", expected: "matrices")
    }
    return try tensors.dropFirst().reduce(first) { try call.graph.matmul($0, $1) }
  },
  .value("bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor") { call in
    // yₖ = Σᵢⱼ x₁ᵢ · wₖᵢⱼ · x₂ⱼ
    let (left, right, weight) = (try call.value("input1"), try call.value("input2"), try call.value("weight"))
    let outer = Array(call.type(left).shape.dropLast())
    let sizes = call.type(weight).shape
    guard sizes.count == 3, let columns = sizes[2].constant, let count = sizes[0].constant else {
      throw call.unsupported("the weight is \(call.type(weight))", expected: "[out, in₁, in₂] of fixed extents")
    }
    let matrix = try call.writer.folded(
      call.reshape(call.transpose(weight, [1, 0, 2]), [sizes[1], Dimension(count * columns)]))
    let product = try call.reshape(call.graph.matmul(left, matrix), outer + [sizes[0], sizes[2]])
    let result = try call.graph.matmul(product, call.graph.unsqueeze(right, axes: [outer.count + 1]))
    let flat = try call.reshape(result, outer + [sizes[0]])
    return try call.optionalValue("bias").map { try call.graph.add(flat, $0) } ?? flat
  },
  .value("cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor") { call in
    let (left, right) = try call.operands("x1", "x2")
    let axis = try call.axis("dim", of: left)
    let lowest = call.scalar(try call.double("eps"), call.type(left).elementType)
    func unit(_ value: Value) throws -> Value {
      try call.graph.divide(value, call.graph.maximum(call.graph.reduceL2(value, axes: [axis]), lowest))
    }
    let product = try call.graph.multiply(unit(left), unit(right))
    return try call.graph.reduceSum(product, axes: [axis], keepsAxes: false)
  },
  .value("pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor") { call in
    let (left, right) = try call.operands("x1", "x2")
    let type = call.type(left)
    let difference = try call.graph.add(
      call.graph.subtract(left, right), call.scalar(call.double("eps"), type.elementType))
    return try call.norm(difference, order: call.double("p"), axes: [type.rank - 1], keeps: call.bool("keepdim"))
  },
  .value("cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor") { try distances($0) },
  .value("_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor") { try distances($0) },
  .value("linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor") { call in
    let (left, right) = try call.operands()
    let axis = try call.axis("dim", of: left)
    func turned(_ value: Value, _ order: [Int64]) throws -> Value {
      try call.graph.gather(value, call.graph.constant(order, name: "order"), axis: axis)
    }
    return try call.graph.subtract(
      call.graph.multiply(turned(left, [1, 2, 0]), turned(right, [2, 0, 1])),
      call.graph.multiply(turned(left, [2, 0, 1]), turned(right, [1, 2, 0])))
  },
]

/// The distance of every row from every other: `[…, P, M]` and `[…, R, M]` to `[…, P, R]`.
private func distances(_ call: ATenCall) throws -> Value {
  let (left, right) = try call.operands("x1", "x2")
  let rank = call.type(left).rank
  guard rank >= 2, call.type(right).rank == rank else {
    throw call.unsupported("distances of \(call.type(left))", expected: "[…, rows, numbers]")
  }
  let difference = try call.graph.subtract(
    call.graph.unsqueeze(left, axes: [rank - 1]), call.graph.unsqueeze(right, axes: [rank - 2]))
  return try call.norm(difference, order: call.double("p"), axes: [rank], keeps: false)
}

private func matrixVector(_ call: ATenCall, _ matrix: Value, _ vector: Value) throws -> Value {
  let product = try call.graph.matmul(matrix, call.graph.unsqueeze(vector, axes: [1]))
  return try call.graph.squeeze(product, axes: [1])
}

private func dot(_ call: ATenCall, _ left: Value, _ right: Value) throws -> Value {
  try call.graph.reduceSum(call.graph.multiply(left, right), axes: [0], keepsAxes: false)
}

/// The sum of products over pairs of axes: one product of matrices.
private func contracted(
  _ call: ATenCall, _ left: Value, _ right: Value, _ leftAxes: [Int], _ rightAxes: [Int]
) throws -> Value {
  let (a, b) = (call.type(left).shape, call.type(right).shape)
  let rows = a.indices.filter { !leftAxes.contains($0) }
  let columns = b.indices.filter { !rightAxes.contains($0) }
  func count(_ shape: [Dimension], _ axes: [Int]) -> Dimension { axes.reduce(1) { $0 * shape[$1] } }
  let first = try call.reshape(call.transpose(left, rows + leftAxes), [count(a, rows), count(a, leftAxes)])
  let second = try call.reshape(call.transpose(right, rightAxes + columns), [count(b, rightAxes), count(b, columns)])
  return try call.reshape(call.graph.matmul(first, second), rows.map { a[$0] } + columns.map { b[$0] })
}
