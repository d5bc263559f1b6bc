import OrderedCollections
import Tensors

extension ONNXConversions {
  static let reduction: [String: Conversion] = {
    var table: [String: Conversion] = [:]
    for name in [
      "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd", "ReduceLogSum",
      "ReduceLogSumExp", "ReduceSumSquare",
    ] {
      table[name] = { importer, call in try importer.reduce(call) }
    }
    for name in ["ArgMax", "ArgMin"] {
      table[name] = { importer, call in
        let input = try importer.value(call, 0)
        let axis = try call.axis(call.int("axis") ?? 0, rank: importer.graph.type(of: input).rank)
        return try importer.apply(
          call, name, [input],
          [
            "axis": .int(axis), "keepdims": .int(call.int("keepdims") ?? 1),
            "select_last_index": .int(call.int("select_last_index") ?? 0),
          ])
      }
    }
    table["TopK"] = { importer, call in
      let input = try importer.value(call, 0)
      let axis = try call.axis(call.int("axis") ?? -1, rank: importer.graph.type(of: input).rank)
      let count =
        call.opset < 10
        ? importer.list([call.int("k") ?? 1], "k")
        : importer.list(try importer.integers(call, 1, "number of elements"), "k")
      return try importer.apply(
        call, "TopK", [input, count],
        [
          "axis": .int(axis), "largest": .int(call.int("largest") ?? 1), "sorted": .int(call.int("sorted") ?? 1),
        ])
    }
    table["CumSum"] = { importer, call in
      let input = try importer.value(call, 0)
      let axis = try importer.integers(call, 1, "axis")
      return try importer.apply(
        call, "CumSum", [input, importer.graph.constant([Int64(axis.first ?? 0)], shape: [], name: "axis")],
        ["exclusive": .int(call.int("exclusive") ?? 0), "reverse": .int(call.int("reverse") ?? 0)])
    }
    return table
  }()
}

extension ONNXImporter {
  /// The axes of a reduction were an attribute up to opset 12 (ReduceSum) and 17 (the others). None means all.
  mutating func reduce(_ call: ONNXCall) throws -> [ONNXOperand] {
    let input = try value(call, 0)
    let rank = graph.type(of: input).rank
    let isNoop = call.int("noop_with_empty_axes") == 1
    let keeps = call.int("keepdims") ?? 1
    var axes = call.ints("axes") ?? []
    if operand(call, 1) != nil { axes = try integers(call, 1, "axes") }
    if axes.isEmpty {
      if isNoop { return try noopReduction(call, input) }
      axes = Array(0..<rank)
    }
    if rank == 0 { return try noopReduction(call, input) }
    let operand = list(try axes.map { try call.axis($0, rank: rank) }, "axes")
    return try apply(call, call.operatorName, [input, operand], ["keepdims": .int(keeps)])
  }

  /// What a reduction over no axes leaves: each element reduced alone.
  private mutating func noopReduction(_ call: ONNXCall, _ input: Value) throws -> [ONNXOperand] {
    switch call.operatorName {
    case "ReduceL1", "ReduceL2": return try apply(call, "Abs", [input])
    case "ReduceSumSquare": return try apply(call, "Mul", [input, input])
    case "ReduceLogSum": return try apply(call, "Log", [input])
    default: return [ONNXOperand(input)]
    }
  }
}
