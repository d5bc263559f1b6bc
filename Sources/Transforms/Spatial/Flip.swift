package import Arguments
import Images
import Tensors

/// Reverses spatial axes: MONAI's `Flipd`. A view, no voxel is copied.
package struct Flipd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// nil for all spatial axes; negative axes count from the last one.
  let axes: [Int]?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    axes = try arguments.optionalInts("spatial_axis")
    try arguments.refuseLazy()
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.spatialRank
    let axes = try (self.axes ?? Array(0..<rank)).map { axis in
      guard (-rank..<rank).contains(axis) else {
        throw TransformError.unsuitable(
          transform: name, what: "'spatial_axis' is \(axis)", expected: "an axis from \(-rank) to \(rank - 1)")
      }
      return axis < 0 ? axis + rank : axis
    }
    let inverse = Inverse(axes: Array(Set(axes)).sorted())
    inverse.apply(to: &image)
    record(inverse, on: &image)
  }

  /// Flipping is its own inverse.
  private struct Inverse: InverseOperation {
    let axes: [Int]
    let onlyMovesVoxels = true

    func apply(to image: inout TransformedImage) {
      var flip = Affine.identity
      for axis in axes where axis < 3 {
        flip[axis, axis] = -1
        flip[axis, 3] = Double(image.spatialShape[axis] - 1)
      }
      image.affine = image.affine * flip
      image.voxels = image.voxels.flipped(axes.map { $0 + 1 })
    }
  }
}
