// Operators that pick elements by computed or constant indices, search, sort and sample.
// https://onnx.ai/onnx/operators/ (GatherElements 13, ScatterND 18, TopK 11, ArgMax 13, CumSum 14, GridSample 20)

import OrderedCollections
import Tensors

let indexingOperators =
  extremeOperators + [
    OperatorDefinition("GatherElements", since: 13, inputs: 2...2, attributes: ["axis": .int]) { call in
      let input = try call.input(0)
      let indices = try call.input(1)
      _ = try call.axis(call.int("axis", default: 0), rank: input.rank)
      guard indices.rank == input.rank, indices.elementType == .int64 || indices.elementType == .int32 else {
        throw call.error("the indices are \(indices)", expected: "int32 or int64 of the rank of \(input)")
      }
      return [TensorType(input.elementType, indices.shape)]
    },
    OperatorDefinition("GatherND", since: 13, inputs: 2...2, attributes: ["batch_dims": .int]) { call in
      let input = try call.input(0)
      let indices = try call.input(1)
      let batch = call.int("batch_dims", default: 0)
      guard indices.elementType == .int64, let last = indices.shape.last?.constant, batch >= 0,
        batch < min(input.rank, indices.rank), (1...max(input.rank - batch, 1)).contains(last),
        indices.shape[..<batch] == input.shape[..<batch]
      else { throw call.error("the indices are \(indices) for \(input)", expected: "int64 [batch…, …, axes]") }
      return [TensorType(input.elementType, indices.shape.dropLast() + input.shape[(batch + last)...])]
    },
    OperatorDefinition("TopK", since: 11, inputs: 2...2, attributes: ["axis": .int, "largest": .int, "sorted": .int]) {
      call in
      let input = try call.input(0)
      let axis = try call.axis(call.int("axis", default: -1), rank: input.rank)
      let counts = try call.constantInts(1)
      guard counts.count == 1, let extent = input.shape[axis].constant, (0...extent).contains(counts[0]) else {
        throw call.error("k is \(counts) for axis \(axis) of \(input)", expected: "one number, at most the extent")
      }
      var shape = input.shape
      shape[axis] = Dimension(counts[0])
      return [TensorType(input.elementType, shape), TensorType(.int64, shape)]
    },
    OperatorDefinition("CumSum", since: 14, inputs: 2...2, attributes: ["exclusive": .int, "reverse": .int]) { call in
      let input = try call.input(0)
      let axes = try call.constantInts(1)
      guard axes.count == 1 else { throw call.error("the axis is \(axes)", expected: "one number") }
      _ = try call.axis(axes[0], rank: input.rank)
      return [input]
    },
    OperatorDefinition("Expand", since: 13, inputs: 2...2) { call in
      let input = try call.input(0)
      let shape = try call.constantInts(1)
      guard shape.allSatisfy({ $0 >= 0 }) else { throw call.error("the shape is \(shape)") }
      return [TensorType(input.elementType, try broadcast(call, input.shape, shape.map { Dimension($0) }))]
    },
    OperatorDefinition("Tile", since: 13, inputs: 2...2) { call in
      let input = try call.input(0)
      let repeats = try call.constantInts(1)
      guard repeats.count == input.rank, repeats.allSatisfy({ (0...1 << 32).contains($0) }) else {
        throw call.error("the repeats are \(repeats) for \(input)", expected: "one number per axis")
      }
      return [TensorType(input.elementType, zip(input.shape, repeats).map { $0 * Dimension($1) })]
    },
    OperatorDefinition(
      "GridSample", since: 20, inputs: 2...2,
      attributes: ["mode": .string, "padding_mode": .string, "align_corners": .int]
    ) { call in
      let input = try call.input(0)
      let grid = try call.input(1)
      try call.requireFloatingPoint(input)
      guard input.rank >= 4, grid.rank == input.rank, grid.shape[0] == input.shape[0],
        grid.shape[grid.rank - 1] == Dimension(input.rank - 2)
      else {
        throw call.error("the grid is \(grid) for the input \(input)", expected: "[N, spatial…, spatial axes]")
      }
      return [TensorType(input.elementType, Array(input.shape[..<2]) + grid.shape[1..<grid.rank - 1])]
    },
  ]

private let extremeOperators = ["ArgMax", "ArgMin"].map { name in
  OperatorDefinition(
    name, since: 13, inputs: 1...1, attributes: ["axis": .int, "keepdims": .int, "select_last_index": .int]
  ) {
    call in
    let input = try call.input(0)
    let axis = try call.axis(call.int("axis", default: 0), rank: input.rank)
    var shape = input.shape
    if call.int("keepdims", default: 1) != 0 { shape[axis] = 1 } else { shape.remove(at: axis) }
    return [TensorType(.int64, shape)]
  }
}

extension Graph {
  /// Along `axis`, the entry that each index names; the result has the indices' shape.
  package mutating func gatherElements(_ input: Value, _ indices: Value, axis: Int) throws -> Value {
    try apply("GatherElements", [input, indices], ["axis": .int(axis)])[0]
  }

  /// The place of the largest element along `axis`, or of the smallest.
  package mutating func argMax(_ input: Value, axis: Int, keepsAxis: Bool, isMinimum: Bool = false) throws -> Value {
    try apply(
      isMinimum ? "ArgMin" : "ArgMax", [input], ["axis": .int(axis), "keepdims": .int(keepsAxis ? 1 : 0)])[0]
  }

  /// The `count` largest (or smallest) elements along `axis` in order, and their places.
  package mutating func topK(_ input: Value, count: Int, axis: Int, isLargest: Bool) throws -> [Value] {
    let operand = constant([Int64(count)], name: "k")
    return try apply(
      "TopK", [input, operand], ["axis": .int(axis), "largest": .int(isLargest ? 1 : 0), "sorted": .int(1)])
  }

  /// The sum of the elements up to each along `axis`.
  package mutating func cumulativeSum(_ input: Value, axis: Int) throws -> Value {
    try apply("CumSum", [input, constant([Int64(axis)], shape: [], name: "axis")])[0]
  }

  /// The input stretched to `shape` by broadcasting; an extent of 1 keeps the input's.
  package mutating func expand(_ input: Value, _ shape: [Int]) throws -> Value {
    try apply("Expand", [input, constant(shape.map(Int64.init), name: "shape")])[0]
  }

  /// The input repeated along each axis.
  package mutating func tile(_ input: Value, _ repeats: [Int]) throws -> Value {
    try apply("Tile", [input, constant(repeats.map(Int64.init), name: "repeats")])[0]
  }

  /// The input `[N, C, spatial…]` at the places of `grid` `[N, spatial…, axes]`, whose coordinates run from -1 to 1,
  /// the last spatial axis first. `mode` is linear, nearest or cubic; `padding` zeros, border or reflection.
  package mutating func gridSample(
    _ input: Value, grid: Value, mode: String, padding: String, alignsCorners: Bool
  ) throws -> Value {
    try apply(
      "GridSample", [input, grid],
      ["mode": .string(mode), "padding_mode": .string(padding), "align_corners": .int(alignsCorners ? 1 : 0)])[0]
  }
}
