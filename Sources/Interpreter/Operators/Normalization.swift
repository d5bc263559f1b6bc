// Normalisations. https://onnx.ai/onnx/operators/

import Foundation
import Graphs
import Tensors

let normalizationRules: [String: Evaluation.Rule] = [
  "BatchNormalization": { call in
    let input = try call.float(0)
    let parameters = try (1...4).map { try call.floats($0).map(Double.init) }
    let epsilon = call.float("epsilon", default: 1e-5)
    let (channels, plane) = (input.shape[1], input.shape.dimensions[2...].reduce(1, *))
    return [
      byRow(input, length: plane) { row, values in
        let channel = row % channels
        let factor = parameters[0][channel] / (parameters[3][channel] + epsilon).squareRoot()
        return values.map { ($0 - parameters[2][channel]) * factor + parameters[1][channel] }
      }
    ]
  },
  "InstanceNormalization": { call in
    let input = try call.float(0)
    let (scale, bias) = (try call.floats(1), try call.floats(2))
    let epsilon = call.float("epsilon", default: 1e-5)
    let (channels, plane) = (input.shape[1], input.shape.dimensions[2...].reduce(1, *))
    return [
      byRow(input, length: plane) { row, values in
        let channel = row % channels
        return normalized(values, epsilon).map { $0 * Double(scale[channel]) + Double(bias[channel]) }
      }
    ]
  },
  "LayerNormalization": { call in
    let input = try call.float(0)
    let scale = try call.floats(1)
    let bias = call.optionalFloats(2)
    let epsilon = call.float("epsilon", default: 1e-5)
    let axis = call.axis(default: -1, rank: input.shape.rank)
    return [
      byRow(input, length: input.shape.dimensions[axis...].reduce(1, *)) { _, values in
        normalized(values, epsilon).enumerated().map { $1 * Double(scale[$0]) + Double(bias?[$0] ?? 0) }
      }
    ]
  },
  "LRN": { call in
    let input = try call.float(0)
    let size = call.int("size", default: 1)
    let alpha = call.float("alpha", default: 0.0001)
    let (beta, offset) = (call.float("beta", default: 0.75), call.float("bias", default: 1))
    let (channels, plane) = (input.shape[1], input.shape.dimensions[2...].reduce(1, *))
    return [
      input.withElements(of: Float.self) { source in
        let source = Shared(source)
        return filled(input.shape, pieces: input.shape[0] * channels) { target, rows in
          for row in rows {
            let channel = row % channels
            let neighbours = max(0, channel - (size - 1) / 2)...min(channels - 1, channel + size / 2)
            for index in 0..<plane {
              let sum = neighbours.reduce(0.0) { sum, neighbour in
                let value = Double(source.value[(row - channel + neighbour) * plane + index])
                return sum + value * value
              }
              let value = Double(source.value[row * plane + index])
              target[row * plane + index] = Float(value / pow(offset + alpha / Double(size) * sum, beta))
            }
          }
        }
      }
    ]
  },
]

/// `input` with each row of `length` consecutive elements replaced.
private func byRow(_ input: Tensor, length: Int, _ transform: @Sendable (Int, [Double]) -> [Double]) -> Tensor {
  input.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(input.shape, pieces: length == 0 ? 0 : input.count / length) { target, rows in
      for row in rows {
        let values = (row * length..<(row + 1) * length).map { Double(source.value[$0]) }
        for (index, value) in transform(row, values).enumerated() { target[row * length + index] = Float(value) }
      }
    }
  }
}

/// (x - mean) / √(variance + ε), in two passes.
private func normalized(_ values: [Double], _ epsilon: Double) -> [Double] {
  let mean = values.reduce(0, +) / Double(values.count)
  let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
  let factor = 1 / (variance + epsilon).squareRoot()
  return values.map { ($0 - mean) * factor }
}
