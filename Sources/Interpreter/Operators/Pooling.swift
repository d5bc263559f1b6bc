// Pooling over windows and over all positions. https://onnx.ai/onnx/operators/

import Graphs
import Tensors

let poolingRules: [String: Evaluation.Rule] = [
  "MaxPool": { call in [try pooled(call, from: -.infinity, { max($0, $1) }) { sum, _ in sum }] },
  "AveragePool": { call in
    let all = try SlidingWindow.ofPool(call).kernelCount
    let countsPadding = call.int("count_include_pad", default: 0) != 0
    return [try pooled(call, from: 0, { $0 + $1 }) { $0 / Double(countsPadding ? all : $1) }]
  },
  "GlobalAveragePool": { call in
    [try overAll(call) { $0.reduce(0) { $0 + Double($1) } / Double($0.count) }]
  },
  "GlobalMaxPool": { call in [try overAll(call) { Double($0.max() ?? -.infinity) }] },
]

extension SlidingWindow {
  fileprivate static func ofPool(_ call: Evaluation) throws -> SlidingWindow {
    let input = try call.tensor(0).shape
    guard let kernel = call.ints("kernel_shape") else { throw call.error("kernel_shape is missing") }
    return try SlidingWindow(call, input: input, output: try outputShape(call, batch: input[0]), kernel: kernel)
  }
}

/// Folds each window's elements that lie inside the input; `finish` gets the fold and how many they were.
private func pooled(
  _ call: Evaluation, from initial: Double, _ fold: @Sendable (Double, Double) -> Double,
  _ finish: @Sendable (Double, Int) -> Double
) throws -> Tensor {
  let input = try call.float(0)
  let window = try SlidingWindow.ofPool(call)
  let shape = try outputShape(call, batch: input.shape[0])
  return input.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(shape, pieces: shape[0] * shape[1]) { target, planes in
      for plane in planes {
        var values = [Double](repeating: initial, count: window.outputCount)
        var counts = [Int](repeating: 0, count: window.outputCount)
        for tap in 0..<window.kernelCount {
          window.forEachRow(tap, counts: window.output, extents: window.input) { position, element, count in
            for index in 0..<count {
              let place = plane * window.inputCount + element + index * window.strides[2]
              values[position + index] = fold(values[position + index], Double(source.value[place]))
              counts[position + index] += 1
            }
          }
        }
        for index in values.indices {
          target[plane * window.outputCount + index] = Float(finish(values[index], counts[index]))
        }
      }
    }
  }
}

/// Each channel's positions made one number.
private func overAll(_ call: Evaluation, _ fold: @Sendable (Slice<UnsafeBufferPointer<Float>>) -> Double) throws
  -> Tensor
{
  let input = try call.float(0)
  let plane = input.shape.dimensions[2...].reduce(1, *)
  let shape = Shape(input.shape.dimensions[..<2] + input.shape.dimensions[2...].map { _ in 1 })
  return input.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(shape, pieces: shape.count) { target, planes in
      for index in planes { target[index] = Float(fold(source.value[index * plane..<(index + 1) * plane])) }
    }
  }
}
