// https://onnx.ai/onnx/operators/onnx__Pad.html

import Graphs
import Tensors

let paddingRules: [String: Evaluation.Rule] = [
  "Pad": { call in
    let input = try call.float(0)
    let rank = input.shape.rank
    let pads = try call.ints(operand: 1)
    let mode = PaddingMode(rawValue: call.string("mode", default: "constant"))
    let fill = call.optionalFloats(2)?.first ?? 0
    let shape = Shape(input.shape.dimensions.enumerated().map { $1 + pads[$0] + pads[$0 + rank] })
    // For each axis, the input's index behind each of the output's; nil for the constant.
    let sources = try (0..<rank).map { axis -> [Int?] in
      let extent = input.shape[axis]
      return try (0..<shape[axis]).map { position -> Int? in
        let index = position - pads[axis]
        if (0..<extent).contains(index) { return index }
        switch mode {
        case .reflect:
          let mirrored = index < 0 ? -index : 2 * (extent - 1) - index
          guard (0..<extent).contains(mirrored) else { throw call.error("the reflection leaves axis \(axis)") }
          return mirrored
        case .wrap: return (index % extent + extent) % extent
        case .edge: return min(max(index, 0), extent - 1)
        default: return nil
        }
      }
    }
    let strides = input.shape.contiguousStrides
    let width = shape[rank - 1]
    return [
      input.withElements(of: Float.self) { source in
        let source = Shared(source)
        return filled(shape, pieces: width == 0 ? 0 : shape.count / width) { target, rows in
          for row in rows {
            var (rest, start) = (row, 0 as Int?)
            for axis in (0..<rank - 1).reversed() {
              if let place = start, let index = sources[axis][rest % shape[axis]] {
                start = place + index * strides[axis]
              } else {
                start = nil
              }
              rest /= shape[axis]
            }
            for column in 0..<width {
              if let start, let index = sources[rank - 1][column] {
                target[row * width + column] = source.value[start + index]
              } else {
                target[row * width + column] = fill
              }
            }
          }
        }
      }
    ]
  }
]
