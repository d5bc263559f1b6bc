// Activations, element by element or along one axis. https://onnx.ai/onnx/operators/

import Foundation
import Graphs
import Tensors

let activationRules: [String: Evaluation.Rule] = [
  "Relu": { call in [mapped(try call.real(0)) { max($0, 0) }] },
  "Sigmoid": { call in [mapped(try call.real(0)) { 1 / (1 + exp(-$0)) }] },
  "Tanh": { call in [mapped(try call.real(0)) { tanh($0) }] },
  "Softplus": { call in [mapped(try call.real(0), softplus)] },
  "Mish": { call in [mapped(try call.real(0)) { $0 * tanh(softplus($0)) }] },
  "Erf": { call in [mapped(try call.real(0)) { erf($0) }] },
  "LeakyRelu": { call in
    let slope = call.float("alpha", default: 0.01)
    return [mapped(try call.real(0)) { $0 < 0 ? slope * $0 : $0 }]
  },
  "Elu": { call in
    let alpha = call.float("alpha", default: 1)
    return [mapped(try call.real(0)) { $0 < 0 ? alpha * expm1($0) : $0 }]
  },
  "Celu": { call in
    let alpha = call.float("alpha", default: 1)
    return [mapped(try call.real(0)) { max(0, $0) + min(0, alpha * expm1($0 / alpha)) }]
  },
  "Selu": { call in
    let alpha = call.float("alpha", default: 1.673_263_2)
    let gamma = call.float("gamma", default: 1.050_701)
    return [mapped(try call.real(0)) { gamma * ($0 < 0 ? alpha * expm1($0) : $0) }]
  },
  "Gelu": { call in
    let input = try call.real(0)
    guard call.string("approximate", default: "none") == "tanh" else {
      return [mapped(input) { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }]
    }
    return [mapped(input) { 0.5 * $0 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) }]
  },
  "HardSigmoid": { call in
    let (alpha, beta) = (call.float("alpha", default: 0.2), call.float("beta", default: 0.5))
    return [mapped(try call.real(0)) { min(max(alpha * $0 + beta, 0), 1) }]
  },
  "HardSwish": { call in [mapped(try call.real(0)) { $0 * min(max($0 / 6 + 0.5, 0), 1) }] },
  "Clip": { call in
    func bound(_ index: Int, _ fallback: Double) -> Double {
      call.optional(index)?.converted(to: .float64).array(of: Double.self).first ?? fallback
    }
    let (lowest, highest) = (bound(1, -.infinity), bound(2, .infinity))
    return [mapped(try call.real(0)) { min(max($0, lowest), highest) }]
  },
  "PRelu": { call in [try combined(call) { $0 < 0 ? $0 * $1 : $0 }] },
  "Softmax": { call in
    [
      try alongAxis(call) { row in
        let highest = row.max() ?? 0
        let powers = row.map { exp($0 - highest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
      }
    ]
  },
  "LogSoftmax": { call in
    [
      try alongAxis(call) { row in
        let highest = row.max() ?? 0
        let logarithm = highest + log(row.reduce(0) { $0 + exp($1 - highest) })
        return row.map { $0 - logarithm }
      }
    ]
  },
]

/// ln(1 + eˣ) without overflow.
@Sendable private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

/// Applies `transform` to each row along the node's axis.
private func alongAxis(_ call: Evaluation, _ transform: @Sendable ([Double]) -> [Double]) throws -> Tensor {
  let input = try call.float(0)
  let axis = call.axis(default: -1, rank: input.shape.rank)
  let extent = input.shape[axis]
  let inner = input.shape.dimensions[(axis + 1)...].reduce(1, *)
  return input.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(input.shape, pieces: extent == 0 ? 0 : input.count / extent) { target, rows in
      for row in rows {
        let start = row / inner * extent * inner + row % inner
        let values = transform((0..<extent).map { Double(source.value[start + $0 * inner]) })
        for (index, value) in values.enumerated() { target[start + index * inner] = Float(value) }
      }
    }
  }
}
