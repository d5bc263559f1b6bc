import Foundation
import Images
import Tensors

/// Resampling of an image to another affine: MONAI's `SpatialResample`.
enum SpatialResample {
  /// Samples `image` on the grid of `destination` with `shape` voxels, as float32. The image's affine follows; when the
  /// grid is the same within MONAI's tolerance, voxels and affine stay.
  ///
  /// - Parameter reduction: what is to become of the sampled voxels, part by part.
  /// - Throws: ``TransformError``; what `reduction` throws.
  static func apply(
    to image: inout TransformedImage, destination: Affine, shape: [Int], options: SamplingOptions, transform: String,
    reducing reduction: VoxelwiseSteps? = nil
  ) throws {
    let volume = try image.volume(for: transform)
    let rank = image.spatialRank
    let source = image.affine.matrix(rank: rank)
    let target = destination.matrix(rank: rank)
    guard image.affine.isFinite, destination.isFinite, let map = source.solve(target) else {
      throw TransformError.singularAffine(transform: transform)
    }
    let isSameShape = shape == image.spatialShape
    if isSameShape, SpacingGeometry.areClose(source, target) || SpacingGeometry.areClose(map, .identity(rank + 1)) {
      let voxels = image.voxels.converted(to: .float32)
      image.voxels = try reduction?.apply(voxels) ?? voxels
      return
    }
    let extents = (shape + [1]).prefix(3).map { $0 }
    try OutputLimit.check([reduction == nil ? volume.channelCount : 1] + extents, transform: transform)
    let voxels: Tensor
    switch options.sampling {
    case .grid(let mode, let padding):
      guard
        let grid = SamplingGrid(
          map: map, source: volume.spatialShape, target: extents, alignCorners: options.alignCorners,
          precision: options.precision)
      else { throw TransformError.emptyResult(transform: transform, shape: shape) }
      voxels =
        if let reduction {
          try Resampler.sample(volume.voxels, on: grid, mode: mode, padding: padding, reducing: reduction)
        } else {
          Resampler.sample(volume.voxels, on: grid, mode: mode, padding: padding)
        }
    case .spline(let order, let outside):
      guard
        let sampler = SplineSampler(
          order: order, outside, map: map, source: volume.spatialShape, target: extents,
          alignCorners: options.alignCorners, precision: options.precision)
      else { throw TransformError.emptyResult(transform: transform, shape: shape) }
      let sampled = try sampler.sample(volume.voxels)
      voxels = try reduction?.apply(sampled).contiguous() ?? sampled
    }
    image.voxels = rank == 3 ? voxels : voxels.reshaped(Shape([voxels.shape[0]] + shape))
    image.affine = image.affine * map.affine
  }

  /// Undoes a resampling: samples on the grid that the image had before.
  struct Inverse: InverseOperation {
    let transform: String
    let affine: Affine
    let shape: [Int]
    var options: SamplingOptions
    var reduction: VoxelwiseSteps?
    /// Why it can't be done with the nearest voxels, where that was asked for.
    private var refusal: TransformError?

    init(transform: String, affine: Affine, shape: [Int], options: SamplingOptions) {
      (self.transform, self.affine, self.shape, self.options) = (transform, affine, shape, options)
    }

    func apply(to image: inout TransformedImage) throws {
      if let refusal { throw refusal }
      try SpatialResample.apply(
        to: &image, destination: affine, shape: shape, options: options, transform: "the inverse of \(transform)",
        reducing: reduction)
    }

    func reducing(_ reduction: VoxelwiseSteps) -> (any InverseOperation)? {
      var copy = self
      copy.reduction = reduction
      return copy
    }

    var withNearestInterpolation: any InverseOperation {
      var copy = self
      copy.options.alignCorners = false
      if let nearest = options.sampling.nearest {
        copy.options.sampling = nearest
      } else {
        copy.refusal = TransformError.unsuitable(
          transform: "the inverse of \(transform)",
          what: "'padding_mode' is 'mirror' and the inverse takes the nearest voxels",
          expected: "a padding that PyTorch has too, such as 'reflect', or 'nearest_interp' false")
      }
      return copy
    }
  }
}

/// Guards against arguments that ask for more voxels than the machine can hold.
enum OutputLimit {
  /// The most voxels of one axis: indices have 32 bits.
  static let extent = Int(Int32.max)

  /// - Throws: ``TransformError`` when a float32 array of `shape`, channels first, is empty, longer than ``extent`` or larger
  ///   than the machine's memory.
  static func check(_ shape: [Int], transform: String) throws {
    guard shape.allSatisfy({ $0 > 0 }) else { throw TransformError.emptyResult(transform: transform, shape: shape) }
    guard shape.allSatisfy({ $0 <= extent }) else {
      throw TransformError.tooLarge(transform: transform, shape: shape, limit: "at most \(extent) voxels on an axis")
    }
    let memory = ProcessInfo.processInfo.physicalMemory
    guard let count = Shape(shape).checkedCount, UInt64(count) <= memory / 4 else {
      throw TransformError.tooLarge(
        transform: transform, shape: shape,
        limit: "at most \(memory / 4) values, which fill this machine's memory of \(memory >> 20) MB")
    }
  }
}
