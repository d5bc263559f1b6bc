import CKernels
import Diagnostics
package import Passes
import Synchronization
package import Tensors

/// A network's last layer and what is made of its result: applied to the mean features of any part of the volume, so that the
/// result of the layer exists for a few voxels at a time.
package struct HeadReduction: VoxelwiseReduction {
  package let head: PointwiseHead
  package let reduction: any VoxelwiseReduction

  /// Voxels at a time: their logits stay in the second-level cache. No multiple of 64, so that rows of different channels
  /// don't share the sets of a cache.
  private static let piece = 2032

  package init(head: PointwiseHead, reduction: any VoxelwiseReduction) {
    self.head = head
    self.reduction = reduction
  }

  package func apply(_ means: Tensor) throws -> Tensor {
    let extents = Array(means.shape.dimensions.dropFirst())
    let voxels = extents.reduce(1, *)
    guard means.shape[0] == head.channels, voxels > 0 else {
      throw DefectError("features \(means.shape) for a layer of \(head.channels) channels")
    }
    let pieces = (voxels + Self.piece - 1) / Self.piece
    let parts = Mutex<[Result<Tensor, any Error>?]>(Array(repeating: nil, count: pieces))
    means.contiguous().withElements(of: Float.self) { features in
      guard let base = features.baseAddress else { return }
      let features = Shared(base)
      Parallel.forEach(pieces) { range in
        for piece in range {
          let places = piece * Self.piece..<min((piece + 1) * Self.piece, voxels)
          let part = Result { try reduction.apply(logits(features.value + places.lowerBound, voxels, places.count)) }
          parts.withLock { $0[piece] = part }
        }
      }
    }
    let reduced = try parts.withLock { $0 }.compactMap { try $0?.get() }
    return try joined(reduced, extents: extents)
  }

  /// The layer's result `[K, 1, 1, count]`.
  private func logits(_ features: UnsafePointer<Float>, _ stride: Int, _ count: Int) -> Tensor {
    var result = Tensor(.float32, Shape([head.outputs, 1, 1, count]), isZeroed: false)
    result.withMutableElements(of: Float.self) { target in
      head.weights.withElements(of: Float.self) { weights in
        func run(_ bias: UnsafePointer<Float>?) {
          martlet_pointwise(
            target.baseAddress, count, features, stride, weights.baseAddress, bias, head.channels, head.outputs, count)
        }
        if let bias = head.bias { bias.withElements(of: Float.self) { run($0.baseAddress) } } else { run(nil) }
      }
    }
    return result
  }

  /// Parts `[M, 1, 1, n]` of neighbouring voxels as `[M, X, Y, Z]`.
  private func joined(_ parts: [Tensor], extents: [Int]) throws -> Tensor {
    guard let first = parts.first else { throw SlidingWindowError.noOutput }
    let size = first.elementType.byteCount
    var result = Tensor(first.elementType, Shape([first.shape[0]] + extents), isZeroed: false)
    let voxels = extents.reduce(1, *)
    result.withMutableBytes { target in
      var begin = 0
      for part in parts {
        let count = part.shape[3]
        part.contiguous().withUnsafeBytes { source in
          for channel in 0..<first.shape[0] {
            let to = (channel * voxels + begin) * size
            target[to..<to + count * size].copyBytes(
              from: source[channel * count * size..<(channel + 1) * count * size])
          }
        }
        begin += count
      }
    }
    return result
  }
}
