import Diagnostics
import Images
package import Tensors

/// A transform whose result at a voxel depends on that voxel's channels alone, and not on where it lies.
package protocol VoxelwiseTransform: ImageTransform {
  /// Whether it makes one channel of many, as an argmax does.
  func reducesChannels(index: Int) -> Bool
  /// Whether its arguments leave it so.
  var isVoxelwise: Bool { get }
}

extension VoxelwiseTransform {
  package var isVoxelwise: Bool { true }
}

/// Voxelwise transforms in a row, applicable to any part of an image.
package struct VoxelwiseSteps: Sendable {
  package let transforms: [any VoxelwiseTransform]

  /// - Parameter voxels: `[C, X, Y, Z]` of any extents.
  /// - Throws: what a transform throws, with its config path.
  package func apply(_ voxels: Tensor) throws -> Tensor {
    var image = TransformedImage(voxels: voxels, affine: .identity)
    for transform in transforms {
      try located(transform.path) { try transform.apply(to: &image, index: 0) }
    }
    return image.voxels
  }
}

extension Compose {
  /// Splits off the first transforms where they make one channel of the many of `key` voxel by voxel.
  ///
  /// - Returns: nil when another transform stands before such a reduction, or there is none.
  package func splittingReduction(of key: String) -> (steps: VoxelwiseSteps, rest: Compose)? {
    var steps: [any VoxelwiseTransform] = []
    for transform in transforms {
      guard let step = transform as? any VoxelwiseTransform, step.isVoxelwise, step.keys.names == [key] else {
        return nil
      }
      steps.append(step)
      if step.reducesChannels(index: 0) {
        return (VoxelwiseSteps(transforms: steps), Compose(Array(transforms.dropFirst(steps.count)), path: path))
      }
    }
    return nil
  }
}
