// Numbers as integers and a scale. https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html, onnx__DequantizeLinear.html

import Graphs
import Tensors

let quantizationRules: [String: Evaluation.Rule] = [
  "QuantizeLinear": { call in
    let type = call.types[0].elementType
    let limits = Tensor([-Double.infinity, .infinity], [2]).converted(to: type).converted(to: .float64)
      .array(of: Double.self)
    let isSingle = try call.tensor(0).elementType != .float64
    return [
      try scaled(call) { value, scale, zero in
        // The quotient of the type itself: it decides which side of a tie the number is on.
        let quotient = isSingle ? Double(Float(value) / Float(scale)) : value / scale
        return min(max(quotient.rounded(.toNearestOrEven) + zero, limits[0]), limits[1])
      }
    ]
  },
  "DequantizeLinear": { call in [try scaled(call) { value, scale, zero in (value - zero) * scale }] },
]

/// Each element with the scale and the zero point of its entry of the axis.
private func scaled(_ call: Evaluation, _ transform: (Double, Double, Double) -> Double) throws -> Tensor {
  func values(_ tensor: Tensor) -> [Double] { tensor.converted(to: .float64).array(of: Double.self) }
  let input = try call.tensor(0)
  let scales = values(try call.tensor(1))
  let zeros = call.optional(2).map(values) ?? scales.map { _ in 0 }
  let axis = scales.count == 1 ? 0 : call.axis(default: 1, rank: input.shape.rank)
  let inner = scales.count == 1 ? 1 : input.shape.dimensions[(axis + 1)...].reduce(1, *)
  let results = values(input).enumerated().map { position, value in
    let entry = position / inner % scales.count
    return transform(value, scales[entry], zeros[entry])
  }
  return Tensor(results, input.shape)
}
