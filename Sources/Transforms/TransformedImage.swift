package import Images
package import Tensors

/// An image on its way through the transforms: voxels, their place in the world, and the trace of what was done.
///
/// It is what MONAI calls a `MetaTensor`.
package struct TransformedImage: Sendable {
  /// `[C, X, Y, Z]`, or `[C, X, Y]` for a plane. Between LoadImaged and EnsureChannelFirstd the file's own shape,
  /// without a channel axis or with the channel last. Any element type, any strides.
  package var voxels: Tensor
  /// From voxel indices to mm, RAS+. For a plane the rows and columns of x, y and the translation count.
  package var affine: Affine
  /// The affine of the file.
  package var originalAffine: Affine
  /// The extents of the file's spatial axes.
  package var originalSpatialShape: [Int]
  /// Where the file has its channels.
  package var channelAxis: ChannelAxis
  /// The file that the image came from.
  package var sourcePath: String?
  /// What was applied and can be undone, oldest first.
  package var applied: [AppliedOperation]

  package init(
    voxels: Tensor, affine: Affine, originalAffine: Affine? = nil, originalSpatialShape: [Int]? = nil,
    channelAxis: ChannelAxis = .index(0), sourcePath: String? = nil, applied: [AppliedOperation] = []
  ) {
    self.voxels = voxels
    self.affine = affine
    self.originalAffine = originalAffine ?? affine
    self.originalSpatialShape = originalSpatialShape ?? Array(voxels.shape.dimensions.dropFirst())
    self.channelAxis = channelAxis
    self.sourcePath = sourcePath
    self.applied = applied
  }

  /// An image of a volume that came from no file.
  package init(_ volume: Volume) { self.init(voxels: volume.voxels, affine: volume.affine) }

  /// The extents of the spatial axes of a channel-first image.
  package var spatialShape: [Int] { Array(voxels.shape.dimensions.dropFirst()) }
  /// The number of spatial axes of a channel-first image.
  package var spatialRank: Int { max(voxels.shape.rank - 1, 0) }

  /// The channel-first image as a volume; a plane gets a third axis of one voxel.
  /// - Throws: ``TransformError/unsuitable(transform:what:expected:)`` when it has no channel and two or three axes.
  package func volume(for transform: String) throws -> Volume {
    switch voxels.shape.rank {
    case 4: return Volume(voxels: voxels, affine: affine)
    case 3: return Volume(voxels: try voxels.appendingAxis(), affine: affine)
    default:
      throw TransformError.unsuitable(
        transform: transform, what: "the image has the shape \(voxels.shape)",
        expected: "a channel and two or three spatial axes")
    }
  }
}

extension TransformedImage {
  /// Where an image that was just loaded has its channels.
  package enum ChannelAxis: Sendable, Hashable {
    /// All axes are spatial.
    case none
    /// The channels are on this axis; negative indices count from the end.
    case index(Int)
  }
}

/// One step that was applied to an image and can be undone.
package struct AppliedOperation: Sendable {
  /// The transform that did it.
  package let transform: TransformIdentity
  /// Undoes it.
  package var inverse: any InverseOperation

  package init(transform: TransformIdentity, inverse: any InverseOperation) {
    self.transform = transform
    self.inverse = inverse
  }
}

/// What undoes one applied step; it holds all that it needs.
package protocol InverseOperation: Sendable {
  func apply(to image: inout TransformedImage) throws
  /// The same without blending neighbours, for label maps.
  var withNearestInterpolation: any InverseOperation { get }
  /// Whether it only moves voxels or cuts them off, so that it does to labels what it does to the classes before them.
  var onlyMovesVoxels: Bool { get }
  /// The same, followed by `reduction`, done part by part so that the classes never exist as whole volumes; nil where
  /// the parts aren't known one by one.
  func reducing(_ reduction: VoxelwiseSteps) -> (any InverseOperation)?
}

extension InverseOperation {
  package var withNearestInterpolation: any InverseOperation { self }
  package var onlyMovesVoxels: Bool { false }
  package func reducing(_ reduction: VoxelwiseSteps) -> (any InverseOperation)? { nil }
}

extension Tensor {
  /// The same elements with a last axis of extent 1.
  func appendingAxis() throws -> Tensor {
    try Tensor(
      storage: storage, elementType: elementType, shape: Shape(shape.dimensions + [1]), strides: strides + [1],
      byteOffset: byteOffset)
  }

  /// The same elements without an axis of extent 1.
  func removingAxis(_ axis: Int) throws -> Tensor {
    var dimensions = shape.dimensions
    var kept = strides
    dimensions.remove(at: axis)
    kept.remove(at: axis)
    return try Tensor(
      storage: storage, elementType: elementType, shape: Shape(dimensions), strides: kept, byteOffset: byteOffset)
  }

  /// The same elements with a first axis of extent 1.
  func prependingAxis() throws -> Tensor {
    try Tensor(
      storage: storage, elementType: elementType, shape: Shape([1] + shape.dimensions), strides: [1] + strides,
      byteOffset: byteOffset)
  }
}
