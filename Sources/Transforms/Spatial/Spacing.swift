package import Arguments
import Images
import Tensors

/// Resamples images to a voxel spacing: MONAI's `Spacingd`.
package struct Spacingd: KeyedTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let pixdim: [Double]
  let minimum: [Double?]
  let maximum: [Double?]
  let isDiagonal: Bool
  let options: [SamplingOptions]
  let scaleExtent: [Bool]
  let recomputesAffine: Bool
  let keepsSameShape: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    pixdim = try arguments.doubles("pixdim")
    guard !pixdim.isEmpty, pixdim.allSatisfy(\.isFinite) else {
      throw arguments.unsupported("pixdim", "empty or not finite", supported: "a spacing in mm per axis")
    }
    isDiagonal = try arguments.bool("diagonal", default: false)
    let samplings = try arguments.samplings(keys.names.count, default: .bilinear)
    let corners = try arguments.bools("align_corners", per: keys, default: false)
    let precisions = try arguments.precisions(keys, default: .float64).map { $0 ?? .double }
    options = keys.names.indices.map {
      SamplingOptions(sampling: samplings[$0], alignCorners: corners[$0], precision: precisions[$0])
    }
    scaleExtent = try arguments.bools("scale_extent", per: keys, default: false)
    recomputesAffine = try arguments.bool("recompute_affine", default: false)
    minimum = try Self.limits("min_pixdim", &arguments)
    maximum = try Self.limits("max_pixdim", &arguments)
    keepsSameShape = try arguments.bool("ensure_same_shape", default: true)
    try arguments.refuseLazy()
    try arguments.finish()
    for case (let low?, let high?) in zip(minimum, maximum) where low < 0 || high < low {
      throw arguments.unsupported("min_pixdim", "negative or above 'max_pixdim'", supported: "0 <= min <= max")
    }
  }

  /// One limit per axis; axes without one have nil.
  private static func limits(_ name: String, _ arguments: inout ArgumentReader) throws -> [Double?] {
    guard let value = arguments.present(name) else { return [] }
    let items = if case .list(let list) = value { list } else { [value] }
    return try items.map { item in
      if item.isNull { return nil }
      guard let number = item.asDouble else { throw arguments.wrongKind(name, item, expected: "a number") }
      return number.isNaN ? nil : number
    }
  }

  package func apply(_ sample: inout Sample) throws {
    var first: (shape: [Int], spacing: [Double])?
    var firstResult: [Int]?
    for (index, key) in try keys.present(in: sample) {
      try sample.updateImage(key, for: name) { image in
        let spacing = SpacingGeometry.spacing(of: image.affine.matrix(rank: 3))
        let isSameGrid = first.map { first in
          first.shape == image.spatialShape
            && zip(first.spacing, spacing).allSatisfy { abs($0 - $1) <= 1e-3 + 1e-5 * abs($1) }
        }
        if first == nil { first = (image.spatialShape, spacing) }
        let forced = keepsSameShape && isSameGrid == true ? firstResult : nil
        try apply(to: &image, options: options[index], scaleExtent: scaleExtent[index], shape: forced)
        if firstResult == nil { firstResult = image.spatialShape }
      }
    }
  }

  func outline(_ image: inout TransformedImage, index: Int) throws {
    let (affine, shape) = try grid(for: image, scaleExtent: scaleExtent[index])
    try OutputLimit.check([image.voxels.shape[0]] + shape, transform: name)
    image.voxels = .hollow([image.voxels.shape[0]] + shape)
    image.affine = affine
  }

  func workingBytes(for image: TransformedImage, index: Int) throws -> Int {
    guard case .spline(let order, let outside) = options[index].sampling else { return 0 }
    let target = try grid(for: image, scaleExtent: scaleExtent[index]).shape
    // The inverse samples the other way.
    return [image.spatialShape, target].map { SplineSampler.workingBytes($0, order: order, outside) }.max() ?? 0
  }

  private func apply(
    to image: inout TransformedImage, options: SamplingOptions, scaleExtent: Bool, shape forced: [Int]?
  ) throws {
    let oldShape = image.spatialShape
    let (newAffine, ownShape) = try grid(for: image, scaleExtent: scaleExtent)
    let newShape = forced ?? ownShape
    let inverse = SpatialResample.Inverse(
      transform: name, affine: image.affine, shape: oldShape, options: options)
    try SpatialResample.apply(
      to: &image, destination: newAffine, shape: newShape, options: options, transform: name)
    record(inverse, on: &image)
    if recomputesAffine {
      image.affine = SpacingGeometry.scaling(from: oldShape, to: newShape, alignCorners: options.alignCorners)
    }
  }

  /// The affine and the extents of the grid of the spacing asked for.
  private func grid(for image: TransformedImage, scaleExtent: Bool) throws -> (affine: Affine, shape: [Int]) {
    let rank = image.spatialRank
    guard rank == 2 || rank == 3 else {
      throw TransformError.unsuitable(
        transform: name, what: "the image has the shape \(image.voxels.shape)",
        expected: "a channel and two or three spatial axes; EnsureChannelFirstd gives them")
    }
    let affine = image.affine.matrix(rank: rank)
    let target = targetSpacing(SpacingGeometry.spacing(of: affine))
    guard image.affine.isFinite,
      var newAffine = SpacingGeometry.zoomed(affine, scale: target, diagonal: isDiagonal),
      let grid = SpacingGeometry.shapeAndOffset(
        image.spatialShape, from: affine, to: newAffine, scaleExtent: scaleExtent)
    else { throw TransformError.singularAffine(transform: name) }
    for axis in 0..<rank { newAffine[axis, rank] = grid.offset[axis] }
    let shape = try grid.shape.map { extent in
      guard let extent = Int(exactly: extent) else { throw TransformError.singularAffine(transform: name) }
      return extent
    }
    return (newAffine.affine, shape)
  }

  /// The spacing asked for; the image's own where that lies within the limits, or where none is asked for.
  private func targetSpacing(_ spacing: [Double]) -> [Double] {
    spacing.indices.map { axis in
      let wanted = axis < pixdim.count ? pixdim[axis] : pixdim[pixdim.count - 1]
      let low = axis < minimum.count ? minimum[axis].map { min($0, wanted) } ?? wanted : wanted
      let high = axis < maximum.count ? maximum[axis].map { max($0, wanted) } ?? wanted : wanted
      let isWithin =
        low - SpacingGeometry.tolerance <= spacing[axis] && spacing[axis] <= high + SpacingGeometry.tolerance
      return isWithin ? spacing[axis] : wanted
    }
  }
}
