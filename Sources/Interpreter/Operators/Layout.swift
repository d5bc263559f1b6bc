// Operators that move elements without computing with them. https://onnx.ai/onnx/operators/

import Graphs
import Tensors

let layoutRules: [String: Evaluation.Rule] = [
  "Identity": { call in [try call.tensor(0)] },
  "Concat": { call in [try concatenation(call)] },
  "Reshape": { call in
    let input = try call.tensor(0)
    var shape = try call.ints(operand: 1)
    let keepsZeros = call.int("allowzero", default: 0) != 0
    for axis in shape.indices where shape[axis] == 0 && !keepsZeros { shape[axis] = input.shape[axis] }
    return [try reshaped(call, input, shape)]
  },
  "Transpose": { call in
    let input = try call.tensor(0)
    return [input.permuted(call.ints("perm") ?? Array((0..<input.shape.rank).reversed())).contiguous()]
  },
  "Slice": { call in
    var input = try call.tensor(0)
    let (starts, ends, axes) = (
      try call.ints(operand: 1), try call.ints(operand: 2), try call.ints(operand: 3)
    )
    let steps = call.optional(4) == nil ? axes.map { _ in 1 } : try call.ints(operand: 4)
    for (position, rawAxis) in axes.enumerated() {
      let axis = rawAxis < 0 ? rawAxis + input.shape.rank : rawAxis
      let extent = input.shape[axis]
      let bounds = [starts[position], ends[position]].map { min(max($0 < 0 ? $0 + extent : $0, 0), extent) }
      input = try everyStep(steps[position], of: input.sliced(axis, bounds[0]..<max(bounds[1], bounds[0])), axis)
    }
    return [input.contiguous()]
  },
  "Split": { call in
    let input = try call.tensor(0)
    let axis = call.axis(default: 0, rank: input.shape.rank)
    var start = 0
    return try call.ints(operand: 1).map { length in
      defer { start += length }
      return input.sliced(axis, start..<start + length).contiguous()
    }
  },
  "Squeeze": { call in
    let input = try call.tensor(0)
    let axes = try call.ints(operand: 1).map { $0 < 0 ? $0 + input.shape.rank : $0 }
    let kept = input.shape.dimensions.indices.filter { !axes.contains($0) }
    return [try reshaped(call, input, kept.map { input.shape[$0] })]
  },
  "Unsqueeze": { call in
    let input = try call.tensor(0)
    let axes = try call.ints(operand: 1)
    let rank = input.shape.rank + axes.count
    let added = axes.map { $0 < 0 ? $0 + rank : $0 }
    var rest = input.shape.dimensions[...]
    return [try reshaped(call, input, (0..<rank).map { added.contains($0) ? 1 : rest.removeFirst() })]
  },
  "Flatten": { call in
    let input = try call.tensor(0)
    let axis = call.int("axis", default: 1)
    let parts = [input.shape.dimensions[..<axis], input.shape.dimensions[axis...]]
    return [try reshaped(call, input, parts.map { $0.reduce(1, *) })]
  },
  "Gather": { call in [try gathered(call)] },
]

/// `input` in another shape, one extent of which may be -1 for what is left.
private func reshaped(_ call: Evaluation, _ input: Tensor, _ requested: [Int]) throws -> Tensor {
  var shape = requested
  if let open = shape.firstIndex(of: -1) {
    let known = shape.filter { $0 != -1 }.reduce(1, *)
    shape[open] = known == 0 ? 0 : input.count / known
  }
  guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == input.count else {
    throw call.error("\(input.shape) can't become \(requested)")
  }
  return input.reshaped(Shape(shape))
}

/// A view of every `step`-th element of one axis.
private func everyStep(_ step: Int, of input: Tensor, _ axis: Int) throws -> Tensor {
  if step == 1 { return input }
  var (shape, strides) = (input.shape, input.strides)
  shape[axis] = (shape[axis] + step - 1) / step
  strides[axis] *= step
  return try Tensor(
    storage: input.storage, elementType: input.elementType, shape: shape, strides: strides,
    byteOffset: input.byteOffset)
}

private func concatenation(_ call: Evaluation) throws -> Tensor {
  let inputs = try call.operands.indices.map { try call.tensor($0).contiguous() }
  let axis = call.axis(default: 0, rank: inputs[0].shape.rank)
  var shape = inputs[0].shape
  shape[axis] = inputs.reduce(0) { $0 + $1.shape[axis] }
  var result = Tensor(inputs[0].elementType, shape, isZeroed: false)
  let outer = shape.dimensions[..<axis].reduce(1, *)
  let stride = outer == 0 ? 0 : result.byteCount / outer
  result.withMutableBytes { target in
    var start = 0
    for input in inputs where input.count > 0 {
      let size = input.byteCount / outer
      input.withUnsafeBytes { source in
        for index in 0..<outer {
          UnsafeMutableRawBufferPointer(rebasing: target[index * stride + start..<index * stride + start + size])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[index * size..<(index + 1) * size]))
        }
      }
      start += size
    }
  }
  return result
}

private func gathered(_ call: Evaluation) throws -> Tensor {
  let input = try call.tensor(0).contiguous()
  let axis = call.axis(default: 0, rank: input.shape.rank)
  let extent = input.shape[axis]
  let indices = try call.ints(operand: 1).map { $0 < 0 ? $0 + extent : $0 }
  guard indices.allSatisfy({ (0..<extent).contains($0) }) else {
    throw call.error("an index lies outside axis \(axis) of \(input.shape)")
  }
  let dimensions = input.shape.dimensions
  let shape = Shape(dimensions[..<axis] + (try call.tensor(1)).shape.dimensions + dimensions[(axis + 1)...])
  let outer = dimensions[..<axis].reduce(1, *)
  let size = dimensions[(axis + 1)...].reduce(input.elementType.byteCount, *)
  var result = Tensor(input.elementType, shape, isZeroed: false)
  result.withMutableBytes { target in
    input.withUnsafeBytes { source in
      for block in 0..<outer {
        for (position, index) in indices.enumerated() {
          let (to, from) = ((block * indices.count + position) * size, (block * extent + index) * size)
          UnsafeMutableRawBufferPointer(rebasing: target[to..<to + size])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<from + size]))
        }
      }
    }
  }
  return result
}
