import OrderedCollections
import Tensors

extension ONNXConversions {
  static let matrix: [String: Conversion] = [
    "MatMul": { importer, call in
      var left = try importer.value(call, 0)
      var right = try importer.value(call, 1)
      // A vector is a row on the left and a column on the right; its axis is gone in the result.
      let isRow = importer.graph.type(of: left).rank == 1
      let isColumn = importer.graph.type(of: right).rank == 1
      if !isRow, !isColumn { return try importer.apply(call, "MatMul", [left, right]) }
      if isRow { left = try importer.graph.unsqueeze(left, axes: [0]) }
      if isColumn { right = try importer.graph.unsqueeze(right, axes: [1]) }
      let product = try importer.graph.matmul(left, right)
      let rank = importer.graph.type(of: product).rank
      return [
        ONNXOperand(
          try importer.graph.squeeze(product, axes: (isRow ? [rank - 2] : []) + (isColumn ? [rank - 1] : [])))
      ]
    },
    "Gemm": { importer, call in
      let values = try importer.values(call)
      return try importer.apply(
        call, "Gemm", values,
        [
          "alpha": .float(call.float("alpha") ?? 1), "beta": .float(call.float("beta") ?? 1),
          "transA": .int(call.int("transA") ?? 0), "transB": .int(call.int("transB") ?? 0),
        ])
    },
    "Einsum": { importer, call in
      let equation = (call.string("equation") ?? "").filter { $0 != " " }
      var values: [Value] = []
      for index in call.node.inputs.indices { values.append(try importer.value(call, index)) }
      let sum = try EinsteinSum(call, equation, ranks: values.map { importer.graph.type(of: $0).rank })
      return [ONNXOperand(try importer.evaluate(call, sum, values))]
    },
  ]
}

/// An equation such as `bij,bjk->bik`, with a letter for each axis: those of an ellipsis get letters of their own.
private struct EinsteinSum {
  var terms: [[Character]]
  let result: [Character]

  init(_ call: ONNXCall, _ equation: String, ranks: [Int]) throws {
    let sides = equation.replacing("->", with: ">").split(separator: ">", omittingEmptySubsequences: false)
    let parts = sides[0].split(separator: ",", omittingEmptySubsequences: false).map { $0.replacing("...", with: "*") }
    guard (1...2).contains(sides.count), parts.count == ranks.count, !parts.isEmpty else {
      throw call.invalid("the equation is '\(equation)'", expected: "a term for each of \(ranks.count) inputs")
    }
    // Letters that no equation has.
    let spare = (0..<64).compactMap { UnicodeScalar(0x3b1 + $0).map(Character.init) }
    let depth = zip(parts, ranks).map { $0.contains("*") ? $1 - $0.count + 1 : 0 }.max() ?? 0
    func spread(_ part: some Collection<Character>, _ count: Int) -> [Character] {
      part.flatMap { $0 == "*" ? Array(spare[(depth - count)..<depth]) : [$0] }
    }
    guard depth <= spare.count, zip(parts, ranks).allSatisfy({ !$0.contains("*") || $1 >= $0.count - 1 }) else {
      throw call.invalid("the equation is '\(equation)'", expected: "a letter for each axis")
    }
    terms = zip(parts, ranks).map { part, rank in spread(part, max(rank - part.count + 1, 0)) }
    if sides.count == 2 {
      result = spread(sides[1].replacing("...", with: "*"), depth)
    } else {
      // Without a result: the ellipsis, then each letter that stands once, in alphabetical order.
      let letters = terms.joined().filter { !spare[..<depth].contains($0) }
      result = Array(spare[..<depth]) + letters.filter { letter in letters.filter { $0 == letter }.count == 1 }.sorted()
    }
    guard zip(terms, ranks).allSatisfy({ $0.count == $1 }), Set(result).count == result.count,
      result.allSatisfy({ letter in terms.contains { $0.contains(letter) } })
    else { throw call.invalid("the equation is '\(equation)'", expected: "a letter for each axis") }
  }
}

extension ONNXImporter {
  /// The sum: operands two by two, each pair as one matrix product.
  fileprivate mutating func evaluate(_ call: ONNXCall, _ sum: EinsteinSum, _ values: [Value]) throws -> Value {
    var terms = sum.terms
    var operands = values
    for index in terms.indices { try takeDiagonals(call, &operands[index], &terms[index]) }
    while terms.count > 2 {
      // What a later term or the result needs stays.
      let later = Set(terms[2...].joined()).union(sum.result)
      let kept = (terms[0] + terms[1].filter { !terms[0].contains($0) }).filter(later.contains)
      let part = try product(call, Array(terms[..<2]), kept, Array(operands[..<2]))
      terms.replaceSubrange(..<2, with: [kept])
      operands.replaceSubrange(..<2, with: [part])
    }
    if terms.count == 2 { return try product(call, terms, sum.result, operands) }
    var result = operands[0]
    let gone = terms[0].indices.filter { !sum.result.contains(terms[0][$0]) }
    if !gone.isEmpty { result = try graph.reduceSum(result, axes: gone, keepsAxes: false) }
    let left = terms[0].filter(sum.result.contains)
    let axes = sum.result.compactMap { left.firstIndex(of: $0) }
    return axes == Array(axes.indices) ? result : try graph.transpose(result, axes)
  }

  /// Where a letter stands twice in a term, the elements whose two indices are equal.
  private mutating func takeDiagonals(_ call: ONNXCall, _ value: inout Value, _ term: inout [Character]) throws {
    while let letter = term.first(where: { letter in term.filter { $0 == letter }.count > 1 }) {
      let places = term.indices.filter { term[$0] == letter }.prefix(2)
      let type = graph.type(of: value)
      guard let extent = type.shape[places[0]].constant, type.shape[places[1]] == Dimension(extent) else {
        throw call.unsupported("the diagonal of \(type) isn't of a fixed size", hint: Self.fixedHint)
      }
      let others = term.indices.filter { !places.contains($0) }
      value = try graph.transpose(value, others + places)
      value = try graph.reshape(value, to: others.map { type.shape[$0] } + [Dimension(extent * extent)])
      value = try graph.slice(value, axis: others.count, from: 0, step: extent + 1)
      term = others.map { term[$0] } + [letter]
    }
  }

  /// A sum of products as one matrix product: what both have and the result keeps comes first, what is summed last.
  mutating func product(
    _ call: ONNXCall, _ terms: [[Character]], _ result: [Character], _ values: [Value]
  ) throws -> Value {
    var operands = values
    var names = terms
    // Axes of one operand that the result doesn't have are summed at once.
    for side in 0..<2 {
      let axes = names[side].indices.filter {
        !result.contains(names[side][$0]) && !names[1 - side].contains(names[side][$0])
      }
      guard !axes.isEmpty else { continue }
      operands[side] = try graph.reduceSum(operands[side], axes: axes, keepsAxes: false)
      names[side] = names[side].indices.filter { !axes.contains($0) }.map { names[side][$0] }
    }
    let shared = result.filter { names[0].contains($0) && names[1].contains($0) }
    let summed = names[0].filter { names[1].contains($0) && !result.contains($0) }
    let left = result.filter { names[0].contains($0) && !names[1].contains($0) }
    let right = result.filter { names[1].contains($0) && !names[0].contains($0) }
    var extents: [Character: Dimension] = [:]
    for (term, value) in zip(names, operands) {
      for (name, extent) in zip(term, graph.type(of: value).shape) {
        guard extents[name] == nil || extents[name] == extent else {
          throw call.invalid("'\(name)' is \(extent) and \(extents[name] ?? 0)", expected: "one extent for each letter")
        }
        extents[name] = extent
      }
    }
    func size(_ names: [Character]) -> Dimension { names.reduce(1) { $0 * (extents[$1] ?? 1) } }
    func arranged(_ side: Int, _ order: [Character], _ rows: [Character], _ columns: [Character]) throws -> Value {
      let axes = order.compactMap { names[side].firstIndex(of: $0) }
      let value = axes == Array(axes.indices) ? operands[side] : try graph.transpose(operands[side], axes)
      let target = shared.map { extents[$0] ?? 1 } + [size(rows), size(columns)]
      return graph.type(of: value).shape == target ? value : try graph.reshape(value, to: target)
    }
    let product = try graph.matmul(
      arranged(0, shared + left + summed, left, summed), arranged(1, shared + summed + right, summed, right))
    let order = shared + left + right
    let target = order.map { extents[$0] ?? 1 }
    let spread = graph.type(of: product).shape == target ? product : try graph.reshape(product, to: target)
    let axes = result.compactMap { order.firstIndex(of: $0) }
    return axes == Array(axes.indices) ? spread : try graph.transpose(spread, axes)
  }
}
