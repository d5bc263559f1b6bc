// Comparisons and truth values, element by element with NumPy's broadcasting. https://onnx.ai/onnx/operators/

import Graphs
import Tensors

let comparisonRules: [String: Evaluation.Rule] = [
  "Equal": { call in [try compared(call, { $0 == $1 }, integers: { $0 == $1 })] },
  "Greater": { call in [try compared(call, { $0 > $1 }, integers: { $0 > $1 })] },
  "Less": { call in [try compared(call, { $0 < $1 }, integers: { $0 < $1 })] },
  "GreaterOrEqual": { call in [try compared(call, { $0 >= $1 }, integers: { $0 >= $1 })] },
  "LessOrEqual": { call in [try compared(call, { $0 <= $1 }, integers: { $0 <= $1 })] },
  "And": { call in [try compared(call, { $0 != 0 && $1 != 0 }, integers: { $0 != 0 && $1 != 0 })] },
  "Or": { call in [try compared(call, { $0 != 0 || $1 != 0 }, integers: { $0 != 0 || $1 != 0 })] },
  "Xor": { call in [try compared(call, { ($0 != 0) != ($1 != 0) }, integers: { ($0 != 0) != ($1 != 0) })] },
  "Not": { call in
    let input = try call.tensor(0)
    return [Tensor(input.converted(to: .float64).array(of: Double.self).map { $0 == 0 ? 1 : 0 }, input.shape)]
  },
  "Where": { call in
    let operands = try (0...2).map { try call.tensor($0) }
    let shape = try commonShape(call, operands[0].shape, try commonShape(call, operands[1].shape, operands[2].shape))
    switch operands[1].elementType.byteCount {
    case 1: return [chosen(UInt8.self, operands, shape)]
    case 2: return [chosen(UInt16.self, operands, shape)]
    case 4: return [chosen(UInt32.self, operands, shape)]
    default: return [chosen(UInt64.self, operands, shape)]
    }
  },
]

/// The second operand's element where the first is true, the third's elsewhere.
private func chosen<Unit: BitwiseCopyable & Sendable>(_ unit: Unit.Type, _ operands: [Tensor], _ shape: Shape) -> Tensor
{
  let operands = operands.map { $0.expanded(to: shape).contiguous() }
  return operands[0].withUnsafeBytes { condition in
    operands[1].withUnsafeBytes { first in
      operands[2].withUnsafeBytes { second in
        let sources = Shared((condition, first.bindMemory(to: Unit.self), second.bindMemory(to: Unit.self)))
        return filled(operands[1].elementType, of: Unit.self, shape, pieces: shape.count) { target, range in
          let (condition, first, second) = sources.value
          for index in range { target[index] = condition[index] != 0 ? first[index] : second[index] }
        }
      }
    }
  }
}

/// Whether a condition holds for each pair of elements; integers are compared exactly.
private func compared(
  _ call: Evaluation, _ condition: (Double, Double) -> Bool, integers: (Int128, Int128) -> Bool
) throws -> Tensor {
  let (left, right) = (try call.tensor(0), try call.tensor(1))
  let shape = try commonShape(call, left.shape, right.shape)
  let stretched = [left, right].map { $0.expanded(to: shape) }
  let results: [UInt8]
  if [.int64, .uint64].contains(left.elementType) {
    let values = stretched.map { $0.wideIntegers() }
    results = zip(values[0], values[1]).map { integers($0, $1) ? 1 : 0 }
  } else {
    let values = stretched.map { $0.converted(to: .float64).array(of: Double.self) }
    results = zip(values[0], values[1]).map { condition($0, $1) ? 1 : 0 }
  }
  return Tensor(results, shape)
}
