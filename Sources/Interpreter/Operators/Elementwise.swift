// Arithmetic, element by element, with NumPy's broadcasting. https://onnx.ai/onnx/repo-docs/Broadcasting.html

import Foundation
import Graphs
import Tensors

let elementwiseRules: [String: Evaluation.Rule] = [
  "Add": { call in [try combined(call) { $0 + $1 }] },
  "Sub": { call in [try combined(call) { $0 - $1 }] },
  "Mul": { call in [try combined(call) { $0 * $1 }] },
  "Div": { call in [try combined(call) { $0 / $1 }] },
  "Mod": { call in
    // With `fmod` the remainder has the dividend's sign, as in C, else the divisor's, as in Python.
    guard call.int("fmod", default: 0) == 0 else { return [try combined(call) { fmod($0, $1) }] }
    return [try combined(call) { $0 - ($0 / $1).rounded(.down) * $1 }]
  },
  "Pow": { call in [try combined(call) { pow($0, $1) }] },
  "Min": { call in [try combined(call) { $0.isNaN || $1.isNaN ? .nan : min($0, $1) }] },
  "Max": { call in [try combined(call) { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }] },
  "Sqrt": { call in [mapped(try call.float(0)) { $0.squareRoot() }] },
  "Exp": { call in [mapped(try call.float(0)) { exp($0) }] },
  "Log": { call in [mapped(try call.float(0)) { log($0) }] },
  "Neg": { call in [mapped(try call.float(0)) { -$0 }] },
  "Abs": { call in [mapped(try call.float(0)) { abs($0) }] },
  "Sin": { call in [mapped(try call.float(0)) { sin($0) }] },
  "Cos": { call in [mapped(try call.float(0)) { cos($0) }] },
  "Sign": { call in [mapped(try call.float(0)) { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }] },
  "Tan": { call in [mapped(try call.float(0)) { tan($0) }] },
  "Asin": { call in [mapped(try call.float(0)) { asin($0) }] },
  "Acos": { call in [mapped(try call.float(0)) { acos($0) }] },
  "Sinh": { call in [mapped(try call.float(0)) { sinh($0) }] },
  "Cosh": { call in [mapped(try call.float(0)) { cosh($0) }] },
  "Asinh": { call in [mapped(try call.float(0)) { asinh($0) }] },
  "Acosh": { call in [mapped(try call.float(0)) { acosh($0) }] },
  "Atanh": { call in [mapped(try call.float(0)) { atanh($0) }] },
  "Atan": { call in [mapped(try call.float(0)) { atan($0) }] },
  "Floor": { call in [mapped(try call.float(0)) { $0.rounded(.down) }] },
  "Ceil": { call in [mapped(try call.float(0)) { $0.rounded(.up) }] },
  "Round": { call in [mapped(try call.float(0)) { $0.rounded(.toNearestOrEven) }] },
  "Reciprocal": { call in [mapped(try call.float(0)) { 1 / $0 }] },
  "Cast": { call in [try call.tensor(0)] },
]

/// Two operands combined element by element, each stretched to the common shape. Integers are combined in float64,
/// which holds every extent exactly.
func combined(_ call: Evaluation, _ operation: @Sendable (Double, Double) -> Double) throws -> Tensor {
  let left = try call.tensor(0)
  let right = try call.tensor(1)
  let shape = try commonShape(call, left.shape, right.shape)
  let operands = [left, right].map { $0.expanded(to: shape).converted(to: .float64).contiguous() }
  guard left.elementType.isFloatingPoint else {
    let values = zip(operands[0].array(of: Double.self), operands[1].array(of: Double.self)).map(operation)
    return Tensor(values, shape)
  }
  return operands[0].withElements(of: Double.self) { first in
    operands[1].withElements(of: Double.self) { second in
      let operands = Shared((first, second))
      return filled(shape, pieces: shape.count) { target, range in
        let (first, second) = operands.value
        for index in range { target[index] = Float(operation(first[index], second[index])) }
      }
    }
  }
}

/// Aligned at the last axis, an extent of 1 stretches.
func commonShape(_ call: Evaluation, _ left: Shape, _ right: Shape) throws -> Shape {
  let rank = max(left.rank, right.rank)
  let padded = [left, right].map { Array(repeating: 1, count: rank - $0.rank) + $0.dimensions }
  return Shape(
    try zip(padded[0], padded[1]).map { first, second in
      guard first == second || first == 1 || second == 1 else {
        throw call.error("the shapes \(left) and \(right) don't broadcast")
      }
      return first == 1 ? second : first
    })
}
