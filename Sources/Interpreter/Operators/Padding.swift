// https://onnx.ai/onnx/operators/onnx__Pad.html

import Graphs
import Tensors

let paddingRules: [String: Evaluation.Rule] = [
  "Pad": { call in
    let input = try call.tensor(0).contiguous()
    let rank = input.shape.rank
    let pads = try call.ints(operand: 1)
    let mode = PaddingMode(rawValue: call.string("mode", default: "constant"))
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
    let fill = call.optional(2)?.converted(to: input.elementType) ?? Tensor(input.elementType, [])
    switch input.elementType.byteCount {
    case 1: return [padded(UInt8.self, input, sources, shape, fill)]
    case 2: return [padded(UInt16.self, input, sources, shape, fill)]
    case 4: return [padded(UInt32.self, input, sources, shape, fill)]
    default: return [padded(UInt64.self, input, sources, shape, fill)]
    }
  }
]

private func padded<Unit: BitwiseCopyable & Sendable>(
  _ unit: Unit.Type, _ input: Tensor, _ sources: [[Int?]], _ shape: Shape, _ fill: Tensor
) -> Tensor {
  let (rank, strides) = (shape.rank, input.shape.contiguousStrides)
  let width = rank == 0 ? 1 : shape[rank - 1]
  return input.withUnsafeBytes { bytes in
    let source = Shared(bytes.bindMemory(to: Unit.self))
    let fill = fill.withUnsafeBytes { $0.load(as: Unit.self) }
    return filled(input.elementType, of: Unit.self, shape, pieces: width == 0 ? 0 : shape.count / width) {
      target, rows in
      for row in rows {
        var (rest, start) = (row, 0 as Int?)
        for axis in (0..<max(rank - 1, 0)).reversed() {
          if let place = start, let index = sources[axis][rest % shape[axis]] {
            start = place + index * strides[axis]
          } else {
            start = nil
          }
          rest /= shape[axis]
        }
        for column in 0..<width {
          if let start, let index = rank == 0 ? 0 : sources[rank - 1][column] {
            target[row * width + column] = source.value[start + index]
          } else {
            target[row * width + column] = fill
          }
        }
      }
    }
  }
}
