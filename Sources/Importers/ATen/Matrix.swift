import Graphs
import Tensors

/// Matrix products.
let matrixOperators: [ATenOperator] = [
  .value("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor") { call in
    let input = try call.value("input")
    let weight = try call.value("weight")
    let bias = try call.optionalValue("bias")
    if call.type(input).rank == 2, call.type(weight).rank == 2 {
      return try call.graph.gemm(input, weight: weight, bias: bias)
    }
    guard call.type(weight).rank == 2 else { throw call.unsupported("the weight is \(call.type(weight))") }
    let transposed = try call.writer.folded(call.graph.transpose(weight, [1, 0]))
    let product = try call.graph.matmul(input, transposed)
    return try bias.map { try call.graph.add(product, $0) } ?? product
  },
  .value("matmul(Tensor self, Tensor other) -> Tensor") { try product($0, $0.value("self"), $0.value("other")) },
  .value("mm(Tensor self, Tensor mat2) -> Tensor") { try $0.graph.matmul($0.value("self"), $0.value("mat2")) },
  .value("bmm(Tensor self, Tensor mat2) -> Tensor") { try $0.graph.matmul($0.value("self"), $0.value("mat2")) },
  .value("addmm(Tensor self, Tensor mat1, Tensor mat2, Scalar beta=1, Scalar alpha=1) -> Tensor") {
    try added($0, "mat1", "mat2")
  },
  .value("baddbmm(Tensor self, Tensor batch1, Tensor batch2, Scalar beta=1, Scalar alpha=1) -> Tensor") {
    try added($0, "batch1", "batch2")
  },
  .value("addbmm(Tensor self, Tensor batch1, Tensor batch2, Scalar beta=1, Scalar alpha=1) -> Tensor") { call in
    let products = try call.graph.matmul(call.value("batch1"), call.value("batch2"))
    let sum = try call.graph.reduceSum(products, axes: [0], keepsAxes: false)
    return try combined(call, sum)
  },
  .value("einsum(str equation, Tensor[] tensors, int[]? path=None) -> Tensor") { call in
    let tensors = try call.values("tensors")
    let equation = try EinsumEquation(call.string("equation"), ranks: tensors.map { call.type($0).rank }, call)
    return try equation.build(call, tensors)
  },
]

/// The product of vectors, matrices or stacks of them.
private func product(_ call: ATenCall, _ left: Value, _ right: Value) throws -> Value {
  let ranks = (call.type(left).rank, call.type(right).rank)
  if ranks.0 >= 2, ranks.1 >= 2 { return try call.graph.matmul(left, right) }
  let a = ranks.0 == 1 ? try call.graph.unsqueeze(left, axes: [0]) : left
  let b = ranks.1 == 1 ? try call.graph.unsqueeze(right, axes: [1]) : right
  let result = try call.graph.matmul(a, b)
  let rank = call.type(result).rank
  let axes = (ranks.0 == 1 ? [rank - 2] : []) + (ranks.1 == 1 ? [rank - 1] : [])
  return try call.graph.squeeze(result, axes: axes)
}

/// beta · self + alpha · the product.
private func added(_ call: ATenCall, _ first: String, _ second: String) throws -> Value {
  try combined(call, call.graph.matmul(call.value(first), call.value(second)))
}

private func combined(_ call: ATenCall, _ product: Value) throws -> Value {
  let type = call.type(product).elementType
  let (alpha, beta) = (try call.double("alpha"), try call.double("beta"))
  let scaled = alpha == 1 ? product : try call.graph.multiply(product, call.scalar(alpha, type))
  if beta == 0 { return scaled }
  let input = try call.value("self")
  return try call.graph.add(scaled, beta == 1 ? input : call.graph.multiply(input, call.scalar(beta, type)))
}

/// An equation of `einsum`: letters for the axes of each operand and of the result.
private struct EinsumEquation {
  var operands: [[Character]]
  var result: [Character]

  init(_ text: String, ranks: [Int], _ call: ATenCall) throws {
    let sides = text.filter { $0 != " " }.replacing("->", with: ">").split(
      separator: ">", omittingEmptySubsequences: false)
    operands = (sides.first ?? "").split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
    if sides.count > 1 {
      result = Array(sides[1])
    } else {
      let letters = operands.joined()
      result = Set(letters).filter { letter in letters.filter { $0 == letter }.count == 1 }.sorted()
    }
    let isPlain = (operands + [result]).allSatisfy { letters in
      letters.allSatisfy(\.isLetter) && Set(letters).count == letters.count
    }
    guard sides.count <= 2, isPlain, operands.map(\.count) == ranks, Set(result).isSubset(of: Set(operands.joined()))
    else {
      throw call.unsupported(
        "the equation '\(text)' for operands of \(ranks) axes", expected: "letters, none of them twice in an operand")
    }
  }

  func build(_ call: ATenCall, _ tensors: [Value]) throws -> Value {
    guard var value = tensors.first else { throw call.unsupported("no operands") }
    var letters = operands[0]
    for index in tensors.indices.dropFirst() {
      let later = Set(operands[(index + 1)...].joined()).union(result)
      (value, letters) = try contract(call, (value, letters), (tensors[index], operands[index]), keeping: later)
    }
    (value, letters) = try summed(call, value, letters, keeping: Set(result))
    return try call.transpose(value, result.compactMap { letters.firstIndex(of: $0) })
  }

  /// Sums over the axes that nothing needs any more.
  private func summed(
    _ call: ATenCall, _ value: Value, _ letters: [Character], keeping: Set<Character>
  ) throws -> (Value, [Character]) {
    let axes = letters.indices.filter { !keeping.contains(letters[$0]) }
    if axes.isEmpty { return (value, letters) }
    return (try call.graph.reduceSum(value, axes: axes, keepsAxes: false), letters.filter(keeping.contains))
  }

  /// Two operands as one product of matrices: their common axes that stay are its batch, those that go are summed.
  private func contract(
    _ call: ATenCall, _ left: (Value, [Character]), _ right: (Value, [Character]), keeping: Set<Character>
  ) throws -> (Value, [Character]) {
    let (a, lettersA) = try summed(call, left.0, left.1, keeping: keeping.union(right.1))
    let (b, lettersB) = try summed(call, right.0, right.1, keeping: keeping.union(left.1))
    let common = lettersA.filter(lettersB.contains)
    let batch = common.filter(keeping.contains)
    let inner = common.filter { !keeping.contains($0) }
    let rows = lettersA.filter { !common.contains($0) }
    let columns = lettersB.filter { !common.contains($0) }
    func extents(_ value: Value, _ letters: [Character], _ wanted: [Character]) -> [Dimension] {
      wanted.compactMap { letters.firstIndex(of: $0).map { call.type(value).shape[$0] } }
    }
    func product(_ dimensions: [Dimension]) -> Dimension { dimensions.reduce(1, *) }
    func arranged(_ value: Value, _ letters: [Character], _ order: [Character], _ shape: [Dimension]) throws -> Value {
      let turned = try call.transpose(value, order.compactMap { letters.firstIndex(of: $0) })
      return try call.reshape(turned, shape)
    }
    let shapeOfBatch = extents(a, lettersA, batch)
    let shapeOfRows = extents(a, lettersA, rows)
    let shapeOfColumns = extents(b, lettersB, columns)
    let matrixA = try arranged(
      a, lettersA, batch + rows + inner, shapeOfBatch + [product(shapeOfRows), product(extents(a, lettersA, inner))])
    let matrixB = try arranged(
      b, lettersB, batch + inner + columns,
      shapeOfBatch + [product(extents(b, lettersB, inner)), product(shapeOfColumns)])
    let result = try call.graph.matmul(matrixA, matrixB)
    return (try call.reshape(result, shapeOfBatch + shapeOfRows + shapeOfColumns), batch + rows + columns)
  }
}
