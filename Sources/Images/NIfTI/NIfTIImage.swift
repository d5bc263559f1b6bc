package import Tensors

/// An image read from a NIfTI file.
package struct NIfTIImage: Sendable {
  package var header: NIfTIHeader
  /// The voxels as stored and as nibabel indexes them, [X, Y, Z] or [X, Y, Z, T, …]: a strided view (first axis
  /// fastest) of the file's bytes, in this machine's byte order, without slope and intercept.
  package var raw: Tensor

  /// Reads the image at `path`: `.nii`, `.nii.gz`, or one of a `.hdr`/`.img` pair; what it is, its content tells.
  /// - Throws: ``NIfTIError``, `FileError`.
  package init(path: String) throws {
    let file = try NIfTIFile(path: path)
    header = file.header
    raw = try file.voxels()
  }

  /// The header of the image at `path` alone; no voxel is read.
  /// - Throws: ``NIfTIError``, `FileError`.
  package static func header(of path: String) throws -> NIfTIHeader { try NIfTIFile(path: path).header }

  /// The values, with slope and intercept applied as nibabel applies them (in float64, rounded once to the type asked
  /// for): [X, Y, Z] with Z fastest in memory. Further axes lie outside these in memory, the first of them faster, so
  /// that bringing channels first is a view.
  ///
  /// To an integer type values are truncated towards zero; what lies outside becomes the type's limit, NaN 0.
  package func voxels(as elementType: ElementType) throws -> Tensor {
    let values = try channelFirst(as: elementType)
    let shape = Shape(header.shape)
    let spatial = paddedExtents
    let channel = spatial.reduce(1, *)
    let strides = header.shape.indices.map { axis in
      axis < 3 ? spatial[(axis + 1)...].reduce(1, *) : channel * header.shape[3..<axis].reduce(1, *)
    }
    return try Tensor(
      storage: values.storage, elementType: elementType, shape: shape, strides: strides, byteOffset: values.byteOffset)
  }

  /// The image as MONAI's `LoadImage` and `EnsureChannelFirst` give it: [C, X, Y, Z] contiguous, C the extent of the
  /// fourth axis (1 when there is none). Where MONAI keeps more axes (five with inner extents of 1, or fewer than
  /// three), extents of 1 are dropped or added.
  /// - Throws: ``NIfTIError/tooManyAxes(_:expected:)`` when more than one axis after the third has an extent above 1,
  ///   or when the number of channels isn't `channels`.
  package func volume(as elementType: ElementType = .float32, channels: Int? = nil) throws -> Volume {
    let further = header.shape.dropFirst(3)
    guard further.filter({ $0 > 1 }).count <= 1 else {
      throw NIfTIError.tooManyAxes(header.shape, expected: "X, Y, Z and at most one axis of channels")
    }
    if let channels, further.reduce(1, *) != channels {
      throw NIfTIError.tooManyAxes(
        header.shape, expected: channels == 1 ? "one volume with the axes X, Y, Z" : "\(channels) channels")
    }
    return Volume(voxels: try channelFirst(as: elementType), affine: header.rectifiedAffine)
  }

  /// X, Y, Z, with 1 for the axes that the image lacks.
  private var paddedExtents: [Int] { Array((header.shape + [1, 1]).prefix(3)) }

  /// `[T, X, Y, Z]` contiguous; T is the product of all further axes.
  private func channelFirst(as elementType: ElementType) throws -> Tensor {
    let shape = Shape([header.shape.dropFirst(3).reduce(1, *)] + paddedExtents)
    return try VoxelConversion.unpack(
      raw, channelFirst: shape, to: elementType, slope: header.slope, intercept: header.intercept)
  }
}
