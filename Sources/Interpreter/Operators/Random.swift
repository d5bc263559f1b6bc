// Random numbers, the same in every run. https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html

import Foundation
import Graphs
import Tensors

let randomRules: [String: Evaluation.Rule] = [
  "RandomNormalLike": { call in
    let (mean, scale) = (call.float("mean", default: 0), call.float("scale", default: 1))
    return [
      try drawn(call) { generator in
        // Box and Muller: 1 - u is never 0.
        let radius = (-2 * log(1 - generator.unit())).squareRoot()
        return mean + scale * radius * cos(2 * .pi * generator.unit())
      }
    ]
  },
  "RandomUniformLike": { call in
    let (low, high) = (call.float("low", default: 0), call.float("high", default: 1))
    return [try drawn(call) { low + (high - low) * $0.unit() }]
  },
]

/// A tensor of the operand's shape, drawn one after the other from the node's seed.
private func drawn(_ call: Evaluation, _ draw: (inout RandomSequence) -> Double) throws -> Tensor {
  let shape = try call.tensor(0).shape
  var sequence = RandomSequence(state: UInt64(call.float("seed", default: 0).bitPattern))
  return Tensor((0..<shape.count).map { _ in draw(&sequence) }, shape)
}

/// The SplitMix64 generator (https://prng.di.unimi.it/splitmix64.c).
private struct RandomSequence {
  var state: UInt64

  /// The next number from 0 to below 1.
  mutating func unit() -> Double {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return Double((value ^ (value >> 31)) >> 11) * 0x1p-53
  }
}
