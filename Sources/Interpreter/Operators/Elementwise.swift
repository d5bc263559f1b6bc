// Arithmetic, element by element, with NumPy's broadcasting. https://onnx.ai/onnx/repo-docs/Broadcasting.html

import Foundation
import Graphs
import Tensors

let elementwiseRules: [String: Evaluation.Rule] = [
  "Add": { call in [try combined(call, { $0 + $1 }, integers: { $0 &+ $1 })] },
  "Sub": { call in [try combined(call, { $0 - $1 }, integers: { $0 &- $1 })] },
  "Mul": { call in [try combined(call, { $0 * $1 }, integers: { $0 &* $1 })] },
  "Div": { call in
    [
      try combined(call, { $0 / $1 }) { dividend, divisor in
        guard divisor != 0 else { throw call.error("an integer is divided by 0") }
        return dividend / divisor
      }
    ]
  },
  "Mod": { call in
    // With `fmod` the remainder has the dividend's sign, as in C, else the divisor's, as in Python.
    let isC = call.int("fmod", default: 0) != 0
    return [
      try combined(call, { isC ? fmod($0, $1) : $0 - ($0 / $1).rounded(.down) * $1 }) { dividend, divisor in
        guard divisor != 0 else { throw call.error("an integer is divided by 0") }
        let rest = dividend % divisor
        return isC || rest == 0 || (rest < 0) == (divisor < 0) ? rest : rest + divisor
      }
    ]
  },
  "Pow": { call in [try combined(call, { pow($0, $1) }, integers: power)] },
  "Min": { call in [try combined(call, { $0.isNaN || $1.isNaN ? .nan : min($0, $1) }, integers: { min($0, $1) })] },
  "Max": { call in [try combined(call, { $0.isNaN || $1.isNaN ? .nan : max($0, $1) }, integers: { max($0, $1) })] },
  "BitwiseAnd": { call in [try combined(call, integers: { $0 & $1 })] },
  "BitwiseOr": { call in [try combined(call, integers: { $0 | $1 })] },
  "BitwiseXor": { call in [try combined(call, integers: { $0 ^ $1 })] },
  "BitwiseNot": { call in
    let input = try call.tensor(0)
    return [Tensor(wrapping: input.wideIntegers().map { ~$0 }, input.elementType, input.shape)]
  },
  "BitShift": { call in
    let isLeft = call.string("direction", default: "LEFT") == "LEFT"
    // A shift by the type's width or more leaves nothing.
    return [try combined(call, integers: { isLeft ? $0 << min($1, 64) : $0 >> min($1, 64) })]
  },
  "Sqrt": { call in [mapped(try call.real(0)) { $0.squareRoot() }] },
  "Exp": { call in [mapped(try call.real(0)) { exp($0) }] },
  "Log": { call in [mapped(try call.real(0)) { log($0) }] },
  "Neg": { call in [try mapped(call, { -$0 }, integers: { -$0 })] },
  "Abs": { call in [try mapped(call, { abs($0) }, integers: { abs($0) })] },
  "Sin": { call in [mapped(try call.real(0)) { sin($0) }] },
  "Cos": { call in [mapped(try call.real(0)) { cos($0) }] },
  "Sign": { call in [try mapped(call, { $0 > 0 ? 1 : $0 < 0 ? -1 : $0 }, integers: { $0.signum() })] },
  "Tan": { call in [mapped(try call.real(0)) { tan($0) }] },
  "Asin": { call in [mapped(try call.real(0)) { asin($0) }] },
  "Acos": { call in [mapped(try call.real(0)) { acos($0) }] },
  "Sinh": { call in [mapped(try call.real(0)) { sinh($0) }] },
  "Cosh": { call in [mapped(try call.real(0)) { cosh($0) }] },
  "Asinh": { call in [mapped(try call.real(0)) { asinh($0) }] },
  "Acosh": { call in [mapped(try call.real(0)) { acosh($0) }] },
  "Atanh": { call in [mapped(try call.real(0)) { atanh($0) }] },
  "Atan": { call in [mapped(try call.real(0)) { atan($0) }] },
  "Floor": { call in [mapped(try call.real(0)) { $0.rounded(.down) }] },
  "Ceil": { call in [mapped(try call.real(0)) { $0.rounded(.up) }] },
  "Round": { call in [mapped(try call.real(0)) { $0.rounded(.toNearestOrEven) }] },
  "Reciprocal": { call in [mapped(try call.real(0)) { 1 / $0 }] },
  "IsNaN": { call in [mapped(try call.real(0)) { $0.isNaN ? 1 : 0 }] },
  "IsInf": { call in
    let (counts, countsNegative) = (
      call.int("detect_positive", default: 1) != 0, call.int("detect_negative", default: 1) != 0
    )
    return [mapped(try call.real(0)) { $0 == .infinity && counts || $0 == -.infinity && countsNegative ? 1 : 0 }]
  },
  "Cast": { call in [try call.tensor(0).cast(to: call.types[0].elementType)] },
]

/// A number to the power of another; high bits are lost. Below 1 only powers of ±1 are integers.
@Sendable private func power(_ base: Int128, _ exponent: Int128) -> Int128 {
  guard exponent >= 0 else { return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0 }
  var (result, square, rest) = (1 as Int128, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result = result &* square }
    square = square &* square
    rest >>= 1
  }
  return result
}

/// The only operand with each element replaced; integers exactly.
private func mapped(
  _ call: Evaluation, _ transform: @Sendable (Double) -> Double, integers: (Int128) -> Int128
) throws -> Tensor {
  let input = try call.tensor(0)
  if input.elementType.isFloatingPoint || input.elementType == .bool { return mapped(try call.real(0), transform) }
  return Tensor(wrapping: input.wideIntegers().map(integers), input.elementType, input.shape)
}

/// Two operands combined element by element, each stretched to the common shape. Integers are combined exactly, and lose
/// their high bits where their type is too narrow.
func combined(
  _ call: Evaluation, _ operation: @Sendable (Double, Double) -> Double,
  integers: ((Int128, Int128) throws -> Int128)? = nil
) throws -> Tensor {
  let left = try call.tensor(0)
  let right = try call.tensor(1)
  let shape = try commonShape(call, left.shape, right.shape)
  if let integers, !left.elementType.isFloatingPoint, left.elementType != .bool {
    return try combined(call, integers: integers)
  }
  let operands = [left, right].map { $0.expanded(to: shape).converted(to: .float64).contiguous() }
  return operands[0].withElements(of: Double.self) { first in
    operands[1].withElements(of: Double.self) { second in
      guard left.elementType.isFloatingPoint, left.elementType != .float64 else {
        return Tensor(zip(first, second).map(operation), shape)
      }
      let operands = Shared((first, second))
      return filled(shape, pieces: shape.count) { target, range in
        let (first, second) = operands.value
        for index in range { target[index] = Float(operation(first[index], second[index])) }
      }
    }
  }
}

/// Two operands of integers combined element by element.
private func combined(_ call: Evaluation, integers: (Int128, Int128) throws -> Int128) throws -> Tensor {
  let (left, right) = (try call.tensor(0), try call.tensor(1))
  let shape = try commonShape(call, left.shape, right.shape)
  let operands = [left, right].map { $0.expanded(to: shape).wideIntegers() }
  return Tensor(wrapping: try zip(operands[0], operands[1]).map(integers), left.elementType, shape)
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
