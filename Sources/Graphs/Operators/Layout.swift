import OrderedCollections
import Tensors

// Operators that move elements without computing with them. https://onnx.ai/onnx/operators/

let layoutOperators = [
  OperatorDefinition("Identity", since: 16, inputs: 1...1) { call in [try call.input(0)] },
  OperatorDefinition("Concat", since: 13, inputs: 1...Int.max, attributes: ["axis": .int]) { call in
    let first = try call.input(0)
    let axis = try call.axis(call.int("axis", default: 0), rank: first.rank)
    var result = first
    for index in 1..<max(call.inputs.count, 1) {
      let next = try call.input(index)
      var expected = first.shape
      guard next.rank == first.rank, next.elementType == first.elementType else {
        throw call.error("the inputs \(first) and \(next) can't be joined")
      }
      expected[axis] = next.shape[axis]
      guard next.shape == expected else {
        throw call.error(
          "the inputs \(first) and \(next) differ in more than axis \(axis)",
          expected: "equal extents on the other axes")
      }
      result.shape[axis] = result.shape[axis] + next.shape[axis]
    }
    return [result]
  },
  OperatorDefinition("Reshape", since: 14, inputs: 2...2, attributes: ["allowzero": .int]) { call in
    let input = try call.input(0)
    let requested = try call.constantInts(1)
    let keepsZeros = call.int("allowzero", default: 0) != 0
    var shape: [Dimension] = []
    for (axis, extent) in requested.enumerated() {
      guard extent >= -1, extent != 0 || keepsZeros || axis < input.rank else {
        throw call.error("the shape \(requested) is impossible")
      }
      shape.append(extent == 0 && !keepsZeros ? input.shape[axis] : Dimension(extent == -1 ? 1 : extent))
    }
    guard requested.filter({ $0 == -1 }).count <= 1 else {
      throw call.error("the shape \(requested) leaves two axes open")
    }
    let known = shape.reduce(Dimension(1), *)
    if let open = requested.firstIndex(of: -1) {
      guard let rest = input.count.exactQuotient(by: known) else {
        throw call.error("\(input) doesn't divide into the shape \(requested)")
      }
      shape[open] = rest
    } else if known != input.count {
      throw call.error("\(input) has another number of elements than the shape \(requested)")
    }
    return [TensorType(input.elementType, shape)]
  },
  OperatorDefinition("Transpose", since: 13, inputs: 1...1, attributes: ["perm": .ints]) { call in
    let input = try call.input(0)
    let order = call.ints("perm") ?? Array((0..<input.rank).reversed())
    guard order.sorted() == Array(0..<input.rank) else {
      throw call.error("perm is \(order)", expected: "an order of \(input.rank) axes")
    }
    return [TensorType(input.elementType, order.map { input.shape[$0] })]
  },
  OperatorDefinition("Slice", since: 13, inputs: 4...5) { call in
    let input = try call.input(0)
    let starts = try call.constantInts(1)
    let ends = try call.constantInts(2)
    let axes = try call.constantInts(3)
    let steps = call.inputs.count > 4 ? try call.constantInts(4) : Array(repeating: 1, count: axes.count)
    guard starts.count == axes.count, ends.count == axes.count, steps.count == axes.count else {
      throw call.error("\(starts.count) starts and \(ends.count) ends for \(axes.count) axes")
    }
    var shape = input.shape
    for (position, rawAxis) in axes.enumerated() {
      let axis = try call.axis(rawAxis, rank: input.rank)
      guard let extent = input.shape[axis].constant, steps[position] > 0 else {
        throw call.error("axis \(axis) of \(input)", expected: "a fixed extent and a positive step")
      }
      let bounds = [starts[position], ends[position]].map { min(max($0 < 0 ? $0 + extent : $0, 0), extent) }
      let length = max(bounds[1] - bounds[0], 0)
      shape[axis] = Dimension((length + steps[position] - 1) / steps[position])
    }
    return [TensorType(input.elementType, shape)]
  },
  OperatorDefinition("Split", since: 18, inputs: 2...2, attributes: ["axis": .int]) { call in
    let input = try call.input(0)
    let axis = try call.axis(call.int("axis", default: 0), rank: input.rank)
    let lengths = try call.constantInts(1)
    guard !lengths.isEmpty, lengths.allSatisfy({ $0 >= 0 }),
      lengths.reduce(Dimension(0), { $0 + Dimension($1) }) == input.shape[axis]
    else {
      throw call.error("axis \(axis) of \(input) is split into \(lengths)", expected: "lengths that add up")
    }
    return lengths.map { length in
      var part = input
      part.shape[axis] = Dimension(length)
      return part
    }
  },
  OperatorDefinition("Squeeze", since: 13, inputs: 2...2) { call in
    let input = try call.input(0)
    let axes = Set(try call.constantInts(1).map { try call.axis($0, rank: input.rank) })
    guard axes.allSatisfy({ input.shape[$0] == 1 }) else {
      throw call.error("the axes \(axes.sorted()) of \(input) are squeezed", expected: "axes of extent 1")
    }
    return [TensorType(input.elementType, input.shape.indices.filter { !axes.contains($0) }.map { input.shape[$0] })]
  },
  OperatorDefinition("Unsqueeze", since: 13, inputs: 2...2) { call in
    let input = try call.input(0)
    let requested = try call.constantInts(1)
    let rank = input.rank + requested.count
    let axes = Set(try requested.map { try call.axis($0, rank: rank) })
    guard axes.count == requested.count else { throw call.error("the axes \(requested) repeat") }
    var rest = input.shape[...]
    return [TensorType(input.elementType, (0..<rank).map { axes.contains($0) ? 1 : rest.removeFirst() })]
  },
  OperatorDefinition("Flatten", since: 13, inputs: 1...1, attributes: ["axis": .int]) { call in
    let input = try call.input(0)
    let axis = call.int("axis", default: 1)
    guard (0...input.rank).contains(axis) else { throw call.error("axis \(axis)", expected: "0 to \(input.rank)") }
    let parts = [input.shape[..<axis], input.shape[axis...]].map { $0.reduce(Dimension(1), *) }
    return [TensorType(input.elementType, parts)]
  },
  OperatorDefinition("Gather", since: 13, inputs: 2...2, attributes: ["axis": .int]) { call in
    let input = try call.input(0)
    let indices = try call.input(1)
    let axis = try call.axis(call.int("axis", default: 0), rank: input.rank)
    guard indices.elementType == .int64 || indices.elementType == .int32 else {
      throw call.error("the indices are \(indices)", expected: "int32 or int64")
    }
    return [TensorType(input.elementType, input.shape[..<axis] + indices.shape + input.shape[(axis + 1)...])]
  },
]

extension Graph {
  /// The inputs joined along `axis`.
  package mutating func concat(_ inputs: [Value], axis: Int) throws -> Value {
    try apply("Concat", inputs, ["axis": .int(axis)])[0]
  }

  /// Another shape of the same elements; 0 keeps the input's extent of that axis, one -1 takes what is left.
  package mutating func reshape(_ input: Value, _ shape: [Int]) throws -> Value {
    let operand = constant(shape.map(Int64.init), name: "shape")
    return try apply("Reshape", [input, operand])[0]
  }

  /// Another shape of the same elements; at most one dimension may be symbolic.
  package mutating func reshape(_ input: Value, to shape: [Dimension]) throws -> Value {
    try reshape(input, shape.map { $0.constant ?? -1 })
  }

  package mutating func transpose(_ input: Value, _ order: [Int]) throws -> Value {
    try apply("Transpose", [input], ["perm": .ints(order)])[0]
  }

  /// The elements `range` of one axis.
  package mutating func slice(_ input: Value, axis: Int, _ range: Range<Int>) throws -> Value {
    let operands = [("starts", range.lowerBound), ("ends", range.upperBound), ("axes", axis)].map {
      constant([Int64($0.1)], name: $0.0)
    }
    return try apply("Slice", [input] + operands)[0]
  }

  /// One axis cut into parts of the given lengths.
  package mutating func split(_ input: Value, axis: Int, _ lengths: [Int]) throws -> [Value] {
    let operand = constant(lengths.map(Int64.init), name: "split")
    return try apply("Split", [input, operand], ["axis": .int(axis)])
  }

  /// Every `step`-th element of one axis, from `start` on.
  package mutating func slice(_ input: Value, axis: Int, from start: Int, step: Int) throws -> Value {
    let operands = [("starts", start), ("ends", Int(Int32.max)), ("axes", axis), ("steps", step)].map {
      constant([Int64($0.1)], name: $0.0)
    }
    return try apply("Slice", [input] + operands)[0]
  }

  /// Drops axes of extent 1.
  package mutating func squeeze(_ input: Value, axes: [Int]) throws -> Value {
    try apply("Squeeze", [input, constant(axes.map(Int64.init), name: "axes")])[0]
  }

  /// Adds axes of extent 1, counted in the result.
  package mutating func unsqueeze(_ input: Value, axes: [Int]) throws -> Value {
    try apply("Unsqueeze", [input, constant(axes.map(Int64.init), name: "axes")])[0]
  }

  /// `[N, …]` to `[N, the product of the rest]`.
  package mutating func flatten(_ input: Value) throws -> Value { try apply("Flatten", [input], ["axis": .int(1)])[0] }

  /// The entries of `axis` that `indices` names; the indices' shape takes the axis' place.
  package mutating func gather(_ input: Value, _ indices: Value, axis: Int) throws -> Value {
    try apply("Gather", [input, indices], ["axis": .int(axis)])[0]
  }
}
