// https://onnx.ai/onnx/operators/onnx__Pad.html (opset 19)

import OrderedCollections
import Tensors

let paddingOperators = [
  OperatorDefinition("Pad", since: 19, inputs: 2...3, attributes: ["mode": .string]) { call in
    let input = try call.input(0)
    let pads = try call.constantInts(1)
    guard pads.count == 2 * input.rank, pads.allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw call.error("the pads are \(pads)", expected: "\(2 * input.rank) numbers, none negative")
    }
    let mode = call.string("mode", default: "constant")
    guard PaddingMode(rawValue: mode) != nil else {
      throw call.error("the mode is '\(mode)'", expected: "constant, reflect, edge or wrap")
    }
    return [
      TensorType(
        input.elementType,
        input.shape.enumerated().map { axis, extent in extent + Dimension(pads[axis] + pads[axis + input.rank]) })
    ]
  }
]

/// What stands in the padding.
package enum PaddingMode: String, Sendable, Hashable {
  case constant
  /// The elements mirrored at the outermost one.
  case reflect
  /// The outermost element again and again.
  case edge
  /// The elements of the other end.
  case wrap
}

extension Graph {
  /// The input with `before[axis]` elements in front of each axis and `after[axis]` behind it.
  package mutating func pad(
    _ input: Value, before: [Int], after: [Int], mode: PaddingMode = .constant, value: Float = 0
  ) throws -> Value {
    let pads = constant((before + after).map(Int64.init), name: "pads")
    let fill = mode == .constant ? [constant([value], shape: [], name: "value")] : []
    return try apply("Pad", [input, pads] + fill, ["mode": .string(mode.rawValue)])[0]
  }

  /// `[N, C, spatial…]` padded on its spatial axes.
  package mutating func padSpatial(
    _ input: Value, before: [Int], after: [Int], mode: PaddingMode = .constant, value: Float = 0
  ) throws -> Value {
    if (before + after).allSatisfy({ $0 == 0 }) { return input }
    return try pad(input, before: [0, 0] + before, after: [0, 0] + after, mode: mode, value: value)
  }
}
