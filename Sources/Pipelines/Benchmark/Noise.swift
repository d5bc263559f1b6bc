package import Engines
package import Tensors

/// Inputs for runs whose content doesn't matter: the same in every process.
package enum Noise {
  /// Normal noise of mean 0 and deviation 1, as a normalised image would have, for a floating-point input; small numbers
  /// from 0 on for others.
  /// - Throws: ``ModelError/unknownShape(network:reason:)`` for extents that are open beside the batch.
  package static func tensor(_ specification: TensorSpecification, batch: Int) throws -> Tensor {
    guard !specification.dimensions.dropFirst().contains(nil) else {
      throw ModelError.unknownShape(network: specification.name, reason: "it is \(specification)")
    }
    let shape = specification.shape(batch: batch)
    guard !specification.elementType.isFloatingPoint else {
      return normal(shape).converted(to: specification.elementType)
    }
    var tensor = Tensor(.float32, shape, isZeroed: false)
    fill(&tensor) { Float($0 & 1) }
    return tensor.converted(to: specification.elementType)
  }

  /// Float32 numbers of mean 0 and deviation 1.
  package static func normal(_ shape: Shape) -> Tensor {
    var tensor = Tensor(.float32, shape, isZeroed: false)
    fill(&tensor) { bits in
      // The sum of four uniform numbers, scaled to deviation 1: close enough to normal, and cheap.
      let sum = Float(bits & 0xffff) + Float(bits >> 16 & 0xffff) + Float(bits >> 32 & 0xffff) + Float(bits >> 48)
      return (sum / 65536 - 2) * 1.732_050_8
    }
    return tensor
  }

  private static func fill(_ tensor: inout Tensor, _ number: (UInt64) -> Float) {
    tensor.withMutableElements(of: Float.self) { elements in
      // splitmix64, https://prng.di.unimi.it/splitmix64.c
      var state: UInt64 = 0x9e37_79b9_7f4a_7c15
      for index in elements.indices {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        bits ^= bits >> 31
        elements[index] = number(bits)
      }
    }
  }
}
