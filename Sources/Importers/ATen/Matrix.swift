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
    guard call.type(weight).rank <= 2, call.type(weight).rank > 0 else {
      throw call.unsupported("the weight is \(call.type(weight))", expected: "[out, in]")
    }
    let transposed = try call.writer.folded(call.transpose(weight, Array((0..<call.type(weight).rank).reversed())))
    let product = try product(call, input, transposed)
    return try bias.map { try call.graph.add(product, $0) } ?? product
  },
  .value("matmul(Tensor self, Tensor other) -> Tensor") { try product($0, $0.value("self"), $0.value("other")) },
  .value("kron(Tensor self, Tensor other) -> Tensor") { call in
    let (left, right) = try call.operands()
    let shapes = [left, right].map { call.type($0).shape }
    guard shapes[0].count == shapes[1].count else {
      throw call.unsupported("\(call.type(left)) and \(call.type(right))", expected: "as many axes")
    }
    let blocks = try call.graph.multiply(
      call.reshape(left, shapes[0].flatMap { [$0, 1] }), call.reshape(right, shapes[1].flatMap { [1, $0] }))
    return try call.reshape(blocks, zip(shapes[0], shapes[1]).map { $0 * $1 })
  },
  .value("mm(Tensor self, Tensor mat2) -> Tensor") { try $0.graph.matmul($0.value("self"), $0.value("mat2")) },
  .value("bmm(Tensor self, Tensor mat2) -> Tensor") { try $0.graph.matmul($0.value("self"), $0.value("mat2")) },
  .value("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
    try added($0, "mat1", "mat2")
  },
  .value("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") {
    try added($0, "batch1", "batch2")
  },
  .value("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor") { call in
    let products = try call.graph.matmul(call.value("batch1"), call.value("batch2"))
    let sum = try call.graph.reduceSum(products, axes: [0], keepsAxes: false)
    return try combined(call, sum)
  },
  .value("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor") { call in
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

private func added(_ call: ATenCall, _ first: String, _ second: String) throws -> Value {
  try combined(call, call.graph.matmul(call.value(first), call.value(second)))
}

/// beta · self + alpha · `product`.
func combined(_ call: ATenCall, _ product: Value) throws -> Value {
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

  /// - Parameter ranks: The operands' numbers of axes; "..." stands for those that have no letter.
  init(_ text: String, ranks: [Int], _ call: ATenCall) throws {
    let sides = text.filter { $0 != " " }.replacing("...", with: ".").replacing("->", with: ">").split(
      separator: ">", omittingEmptySubsequences: false)
    let texts = (sides.first ?? "").split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
    guard sides.count <= 2, texts.count == ranks.count,
      (texts + [Array(sides.count > 1 ? sides[1] : "")]).allSatisfy({ $0.filter { $0 == "." }.count <= 1 })
    else { throw call.unsupported("the equation '\(text)' for \(ranks.count) operands") }
    // The axes without letters get digits, counted from the last.
    let open = zip(texts, ranks).map { letters, rank in letters.contains(".") ? rank - letters.count + 1 : 0 }
    let digits = (0..<min(max(open.max() ?? 0, 0), 10)).reversed().compactMap { "0123456789".dropFirst($0).first }
    operands = zip(texts, open).map { letters, count in
      letters.flatMap { $0 == "." ? Array(digits.suffix(max(count, 0))) : [$0] }
    }
    if sides.count > 1 {
      result = sides[1].flatMap { $0 == "." ? digits : [$0] }
    } else {
      let letters = operands.joined()
      let single = Set(letters).filter { letter in
        letter.isLetter && letters.filter { $0 == letter }.count == 1
      }
      result = digits + single.sorted()
    }
    guard (operands + [result]).allSatisfy({ $0.allSatisfy { $0.isLetter || $0.isNumber } }),
      Set(result).count == result.count, operands.map(\.count) == ranks,
      Set(result).isSubset(of: Set(operands.joined()))
    else {
      throw call.unsupported("the equation '\(text)' for operands of \(ranks) axes", expected: "a letter for each axis")
    }
  }

  /// An operand whose axes have the same letter twice becomes its diagonal.
  private func withoutRepetition(
    _ call: ATenCall, _ value: Value, _ letters: [Character]
  ) throws -> (Value, [Character]) {
    var (value, letters) = (value, letters)
    while let second = letters.indices.first(where: { letters[..<$0].contains(letters[$0]) }),
      let first = letters.firstIndex(of: letters[second])
    {
      let shape = call.type(value).shape
      guard shape[first] == shape[second], let extent = shape[first].constant, extent <= 1 << 12 else {
        throw call.unsupported("the diagonal of \(call.type(value))", expected: "equal fixed extents")
      }
      let others = shape.indices.filter { $0 != first && $0 != second }
      let merged = try call.reshape(
        call.transpose(value, others + [first, second]), others.map { shape[$0] } + [Dimension(extent * extent)])
      let places = (0..<extent).map { Int64($0 * (extent + 1)) }
      value = try call.graph.gather(merged, call.graph.constant(places, name: "diagonal"), axis: others.count)
      letters = others.map { letters[$0] } + [letters[first]]
    }
    return (value, letters)
  }

  func build(_ call: ATenCall, _ tensors: [Value]) throws -> Value {
    guard let first = tensors.first else { throw call.unsupported("no operands") }
    var (value, letters) = try withoutRepetition(call, first, operands[0])
    for index in tensors.indices.dropFirst() {
      let later = Set(operands[(index + 1)...].joined()).union(result)
      (value, letters) = try contract(
        call, (value, letters), withoutRepetition(call, tensors[index], operands[index]), keeping: later)
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
    // Nothing is summed: a product of elements, with axes of extent 1 where an operand lacks them.
    if inner.isEmpty {
      let order = batch + rows + columns
      let factors = try [(a, lettersA), (b, lettersB)].map { value, letters in
        let turned = try call.transpose(value, order.compactMap { letters.firstIndex(of: $0) })
        return try call.reshape(
          turned, order.map { letter in letters.firstIndex(of: letter).map { call.type(value).shape[$0] } ?? 1 })
      }
      return (try call.graph.multiply(factors[0], factors[1]), order)
    }
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
