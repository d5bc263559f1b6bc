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
      let sides = equation.filter { $0 != "-" }.split(separator: ">", omittingEmptySubsequences: false)
      guard call.node.inputs.count == 2, !equation.contains("."), sides.count == 2 else {
        throw call.unsupported("the equation '\(equation)' isn't a product of two tensors with its result written out")
      }
      let terms = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(Array.init)
      let result = Array(sides[1])
      let values = [try importer.value(call, 0), try importer.value(call, 1)]
      guard terms.count == 2, zip(terms, values).allSatisfy({ $0.count == importer.graph.type(of: $1).rank }),
        terms.allSatisfy({ Set($0).count == $0.count }), Set(result).count == result.count,
        result.allSatisfy({ terms[0].contains($0) || terms[1].contains($0) })
      else { throw call.unsupported("the equation '\(equation)' isn't a product of two tensors without diagonals") }
      return [ONNXOperand(try importer.product(call, terms, result, values))]
    },
  ]
}

extension ONNXImporter {
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
