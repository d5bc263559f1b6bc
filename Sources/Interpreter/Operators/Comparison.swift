// Comparisons and truth values, element by element with NumPy's broadcasting. https://onnx.ai/onnx/operators/

import Graphs
import Tensors

let comparisonRules: [String: Evaluation.Rule] = [
  "Equal": { call in [try compared(call) { $0 == $1 }] },
  "Greater": { call in [try compared(call) { $0 > $1 }] },
  "Less": { call in [try compared(call) { $0 < $1 }] },
  "GreaterOrEqual": { call in [try compared(call) { $0 >= $1 }] },
  "LessOrEqual": { call in [try compared(call) { $0 <= $1 }] },
  "And": { call in [try compared(call) { $0 != 0 && $1 != 0 }] },
  "Or": { call in [try compared(call) { $0 != 0 || $1 != 0 }] },
  "Xor": { call in [try compared(call) { ($0 != 0) != ($1 != 0) }] },
  "Not": { call in
    let input = try call.tensor(0)
    return [Tensor(input.converted(to: .float64).array(of: Double.self).map { $0 == 0 ? 1 : 0 }, input.shape)]
  },
  "Where": { call in
    let operands = try (0...2).map { try call.tensor($0) }
    let shape = try commonShape(call, operands[0].shape, try commonShape(call, operands[1].shape, operands[2].shape))
    let values = operands.map { $0.expanded(to: shape).converted(to: .float64).array(of: Double.self) }
    return [Tensor(values[0].indices.map { values[0][$0] != 0 ? values[1][$0] : values[2][$0] }, shape)]
  },
]

/// 1 where the condition holds for a pair of elements, 0 elsewhere.
private func compared(_ call: Evaluation, _ condition: (Double, Double) -> Bool) throws -> Tensor {
  let (left, right) = (try call.tensor(0), try call.tensor(1))
  let shape = try commonShape(call, left.shape, right.shape)
  let values = [left, right].map { $0.expanded(to: shape).converted(to: .float64).array(of: Double.self) }
  return Tensor(zip(values[0], values[1]).map { condition($0, $1) ? 1.0 : 0.0 }, shape)
}
