// Reductions over axes. https://onnx.ai/onnx/operators/onnx__ReduceMean.html

import Foundation
import Graphs
import Tensors

let reductionRules: [String: Evaluation.Rule] = [
  "ReduceSum": { call in [try reduced(call) { $0.reduce(0, +) }] },
  "ReduceMean": { call in [try reduced(call) { $0.reduce(0, +) / Double($0.count) }] },
  "ReduceMax": { call in
    let lowest = call.types[0].elementType == .bool ? 0 : -Double.infinity
    return [try reduced(call) { $0.max() ?? lowest }]
  },
  "ReduceMin": { call in [try reduced(call) { $0.min() ?? .infinity }] },
  "ReduceL1": { call in [try reduced(call) { $0.reduce(0) { $0 + abs($1) } }] },
  "ReduceL2": { call in [try reduced(call) { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }] },
  "ReduceSumSquare": { call in [try reduced(call) { $0.reduce(0) { $0 + $1 * $1 } }] },
  "ReduceLogSum": { call in [try reduced(call) { log($0.reduce(0, +)) }] },
  "ReduceLogSumExp": { call in
    [
      try reduced(call) { values in
        // Without the largest number, which may overflow alone.
        guard let highest = values.max(), highest.isFinite else { return values.max() ?? -.infinity }
        return highest + log(values.reduce(0) { $0 + exp($1 - highest) })
      }
    ]
  },
  "ReduceProd": { call in [try reduced(call) { $0.reduce(1, *) }] },
]

/// The elements along the axes of the second operand (all when it is empty) made one number.
private func reduced(_ call: Evaluation, _ fold: @Sendable ([Double]) -> Double) throws -> Tensor {
  let input = try call.real(0)
  let rank = input.shape.rank
  var axes = try call.ints(operand: 1).map { $0 < 0 ? $0 + rank : $0 }
  if axes.isEmpty { axes = Array(0..<rank) }
  let kept = (0..<rank).filter { !axes.contains($0) }
  let ordered = input.permuted(kept + axes.sorted()).contiguous()
  let length = axes.reduce(1) { $0 * input.shape[$1] }
  let shape: [Int] =
    call.int("keepdims", default: 1) != 0
    ? (0..<rank).map { axes.contains($0) ? 1 : input.shape[$0] } : kept.map { input.shape[$0] }
  if ordered.elementType == .float64 {
    let values = ordered.array(of: Double.self)
    return Tensor(
      (0..<shape.reduce(1, *)).map { fold(Array(values[$0 * length..<($0 + 1) * length])) }, Shape(shape))
  }
  return ordered.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(Shape(shape), pieces: shape.reduce(1, *)) { target, rows in
      for row in rows {
        target[row] = Float(fold((row * length..<(row + 1) * length).map { Double(source.value[$0]) }))
      }
    }
  }
}
