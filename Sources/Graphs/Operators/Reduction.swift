// Reductions over axes, which are an operand since opset 13 (ReduceSum) and 18 (the others).
// https://onnx.ai/onnx/operators/onnx__ReduceMean.html

import OrderedCollections
import Tensors

let reductionOperators = [
  "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd",
  "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare",
].map { name in
  OperatorDefinition(
    name, since: name == "ReduceSum" ? 13 : 18, inputs: 2...2, attributes: ["keepdims": .int]
  ) { call in
    let input = try call.input(0)
    let axes = Set(try call.constantInts(1).map { try call.axis($0, rank: input.rank) })
    let keeps = call.int("keepdims", default: 1) != 0
    let shape = input.shape.enumerated().compactMap { axis, extent -> Dimension? in
      axes.contains(axis) ? (keeps ? 1 : nil) : extent
    }
    return [TensorType(input.elementType, axes.isEmpty ? (keeps ? input.shape.map { _ in 1 } : []) : shape)]
  }
}

extension Graph {
  /// The sum over `axes`; they stay with extent 1 unless `keepsAxes` is false.
  package mutating func reduceSum(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceSum", input, axes, keepsAxes)
  }
  package mutating func reduceMean(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceMean", input, axes, keepsAxes)
  }
  package mutating func reduceMax(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceMax", input, axes, keepsAxes)
  }
  package mutating func reduceMin(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceMin", input, axes, keepsAxes)
  }
  package mutating func reduceProduct(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceProd", input, axes, keepsAxes)
  }
  /// The sum of magnitudes.
  package mutating func reduceL1(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceL1", input, axes, keepsAxes)
  }
  /// The root of the sum of squares.
  package mutating func reduceL2(_ input: Value, axes: [Int], keepsAxes: Bool = true) throws -> Value {
    try reduce("ReduceL2", input, axes, keepsAxes)
  }

  private mutating func reduce(_ name: String, _ input: Value, _ axes: [Int], _ keepsAxes: Bool) throws -> Value {
    let operand = constant(axes.map(Int64.init), name: "axes")
    return try apply(name, [input, operand], ["keepdims": .int(keepsAxes ? 1 : 0)])[0]
  }
}
