package import Tensors

/// A scan or a result: an array of voxels, channel first, with its place in the world.
package struct Volume: Sendable {
  /// `[C, X, Y, Z]`: X, Y, Z are the voxel axes i, j, k of the affine. Any element type and any strides.
  package var voxels: Tensor
  /// From voxel indices to mm, RAS+.
  package var affine: Affine

  package init(voxels: Tensor, affine: Affine) {
    precondition(voxels.shape.rank == 4, "a volume has the axes [C, X, Y, Z], not \(voxels.shape)")
    self.voxels = voxels
    self.affine = affine
  }

  package var channelCount: Int { voxels.shape[0] }
  /// The extents [X, Y, Z].
  package var spatialShape: [Int] { Array(voxels.shape.dimensions[1...]) }
  /// The volume of one voxel in mm³.
  package var voxelVolume: Double { abs(affine.determinant) }
}
