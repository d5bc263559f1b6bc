// Operators that write elements at computed indices. https://onnx.ai/onnx/operators/onnx__ScatterElements.html (opset 18),
// https://onnx.ai/onnx/operators/onnx__ScatterND.html (opset 18)

import OrderedCollections
import Tensors

let scatterOperators = [
  OperatorDefinition(
    "ScatterElements", since: 18, inputs: 3...3, attributes: ["axis": .int, "reduction": .string]
  ) { call in
    let input = try call.input(0)
    let indices = try call.input(1)
    let updates = try call.input(2)
    _ = try call.axis(call.int("axis", default: 0), rank: input.rank)
    try requireReduction(call)
    guard indices.rank == input.rank, [.int64, .int32].contains(indices.elementType), updates.shape == indices.shape,
      updates.elementType == input.elementType
    else {
      throw call.error(
        "the indices are \(indices) and the updates \(updates) for \(input)",
        expected: "int32 or int64 of the same rank, and updates of their shape and the input's type")
    }
    return [input]
  },
  OperatorDefinition("ScatterND", since: 18, inputs: 3...3, attributes: ["reduction": .string]) { call in
    let input = try call.input(0)
    let indices = try call.input(1)
    let updates = try call.input(2)
    try requireReduction(call)
    guard indices.elementType == .int64, let depth = indices.shape.last?.constant,
      (1...max(input.rank, 1)).contains(depth),
      depth <= input.rank, updates.elementType == input.elementType,
      updates.shape == indices.shape.dropLast() + input.shape[depth...]
    else {
      throw call.error(
        "the indices are \(indices) and the updates \(updates) for \(input)",
        expected: "int64 [rows…, axes], and updates [rows…, the other axes]")
    }
    return [input]
  },
]

private func requireReduction(_ call: OperatorCall) throws {
  let name = call.string("reduction", default: "none")
  guard ScatterReduction(rawValue: name) != nil else {
    throw call.error("the reduction is '\(name)'", expected: "none, add, mul, min or max")
  }
}

/// What becomes of an element and an update that is written to its place.
package enum ScatterReduction: String, Sendable, Hashable {
  /// The update takes the place.
  case none
  case add, mul, min, max
}

extension Graph {
  /// `input` with `updates` at the places that `indices` names along `axis`, one for each update.
  package mutating func scatterElements(
    _ input: Value, _ indices: Value, _ updates: Value, axis: Int, reduction: ScatterReduction = .none
  ) throws -> Value {
    try apply(
      "ScatterElements", [input, indices, updates],
      ["axis": .int(axis), "reduction": .string(reduction.rawValue)])[0]
  }

  /// `input` with the blocks `updates` at the places that the rows of `indices` name.
  package mutating func scatterND(
    _ input: Value, _ indices: Value, _ updates: Value, reduction: ScatterReduction = .none
  ) throws -> Value {
    try apply("ScatterND", [input, indices, updates], ["reduction": .string(reduction.rawValue)])[0]
  }
}
