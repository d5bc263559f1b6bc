// Matrix products. https://onnx.ai/onnx/operators/onnx__MatMul.html, https://onnx.ai/onnx/operators/onnx__Gemm.html

import Graphs
import Tensors

let matrixRules: [String: Evaluation.Rule] = [
  "MatMul": { call in [try product(call, try call.float(0), try call.float(1))] },
  "Gemm": { call in
    let left = try call.float(0)
    let right = try call.float(1)
    let result = try product(
      call, call.int("transA", default: 0) == 0 ? left : left.permuted([1, 0]).contiguous(),
      call.int("transB", default: 0) == 0 ? right : right.permuted([1, 0]).contiguous())
    let (alpha, beta) = (Float(call.float("alpha", default: 1)), Float(call.float("beta", default: 1)))
    guard let bias = call.optional(2) else { return [mapped(result) { Double(alpha) * $0 }] }
    let addends = bias.converted(to: .float32).expanded(to: result.shape).array(of: Float.self)
    let products = result.array(of: Float.self)
    return [
      Tensor(zip(products, addends).map { alpha * $0 + beta * $1 }, result.shape)
    ]
  },
]

/// The product of the last two axes, the others broadcast.
private func product(_ call: Evaluation, _ left: Tensor, _ right: Tensor) throws -> Tensor {
  let rank = max(left.shape.rank, right.shape.rank)
  func outer(_ shape: Shape) -> [Int] {
    Array(repeating: 1, count: rank - shape.rank) + shape.dimensions.dropLast(2)
  }
  let batch = zip(outer(left.shape), outer(right.shape)).map { max($0, $1) }
  let (rows, inner, columns) = (
    left.shape[left.shape.rank - 2], left.shape[left.shape.rank - 1], right.shape[right.shape.rank - 1]
  )
  let first = left.expanded(to: Shape(batch + [rows, inner])).contiguous()
  let second = right.expanded(to: Shape(batch + [inner, columns])).contiguous()
  let shape = Shape(batch + [rows, columns])
  return first.withElements(of: Float.self) { a in
    second.withElements(of: Float.self) { b in
      let operands = Shared((a, b))
      return filled(shape, pieces: columns == 0 ? 0 : shape.count / columns) { target, range in
        let (a, b) = operands.value
        let sums = UnsafeMutableBufferPointer<Double>.allocate(capacity: columns)
        defer { sums.deallocate() }
        for row in range {
          sums.initialize(repeating: 0)
          for index in 0..<inner {
            let factor = Double(a[row * inner + index])
            let start = (row / rows * inner + index) * columns
            for column in 0..<columns { sums[column] += factor * Double(b[start + column]) }
          }
          for column in 0..<columns { target[row * columns + column] = Float(sums[column]) }
        }
      }
    }
  }
}
