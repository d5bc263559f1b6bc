package import Arguments
import Images
import OrderedCollections
import Tensors

/// Reads images: MONAI's `LoadImaged` with its NIfTI reader.
///
/// The item is a path, or a list of paths whose images are stacked as channels. The voxels get the type `dtype` and the
/// file's own axes; EnsureChannelFirstd brings them into order.
package struct LoadImaged: KeyedTransform {
  package let keys: Keys
  let elementType: ElementType?
  let isImageOnly: Bool
  let metaKeys: [String]
  let overwrites: Bool
  let ensuresChannelFirst: Bool
  let channelAxis: TransformedImage.ChannelAxis?
  let isCanonical: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    elementType = try arguments.elementType("dtype", default: .float32)
    isImageOnly = try arguments.bool("image_only", default: true)
    overwrites = try arguments.bool("overwriting", default: false)
    ensuresChannelFirst = try arguments.bool("ensure_channel_first", default: false)
    isCanonical = try arguments.bool("as_closest_canonical", default: false)
    channelAxis = try EnsureChannelFirstd.channelAxis(&arguments)
    let postfix = try arguments.string("meta_key_postfix", default: "meta_dict")
    let names = try arguments.optionalStrings("meta_keys") ?? keys.names.map { "\($0)_\(postfix)" }
    guard names.count == keys.names.count else {
      throw arguments.unsupported("meta_keys", "\(names.count) names", supported: "one for each of the keys")
    }
    metaKeys = names
    try Self.checkReader(&arguments)
    // They choose which header fields are kept, how paths are written and where the bytes go first.
    arguments.ignore("simple_keys", "prune_meta_pattern", "prune_meta_sep", "expanduser", "to_gpu")
    try arguments.refuse("squeeze_non_spatial_dims", supported: "false")
    try arguments.finish()
  }

  private static func checkReader(_ arguments: inout ArgumentReader) throws {
    guard let reader = arguments.present("reader") else { return }
    let name: String? =
      switch reader {
      case .string(let text), .symbol(let text): text.split(separator: ".").last.map { $0.lowercased() }
      case .component(let component): component.className.lowercased()
      default: nil
      }
    // For a NIfTI file ITK's reader gives the same voxels and, turned to RAS+, the same affine.
    guard let name, ["nibabelreader", "itkreader"].contains(name) else {
      throw arguments.unsupported(
        "reader", reader.summary, supported: "NibabelReader, ITKReader or none, for NIfTI files")
    }
  }

  package func apply(_ sample: inout Sample) throws {
    for (index, key) in try keys.present(in: sample) {
      let paths = try paths(sample, key)
      var image = try load(paths)
      if ensuresChannelFirst { try EnsureChannelFirstd.moveChannelFirst(&image, transform: name) }
      sample[key] = .image(image)
      guard !isImageOnly else { continue }
      let metaKey = metaKeys[index]
      guard sample[metaKey] == nil || overwrites else {
        throw TransformError.unsuitable(
          transform: name, what: "the sample already has '\(metaKey)'",
          expected: "another key, or \"overwriting\": true")
      }
      sample[metaKey] = .value(Self.metadata(image))
    }
  }

  private func paths(_ sample: Sample, _ key: String) throws -> [String] {
    switch sample[key] {
    case .path(let path): return [path]
    case .value(let value):
      if let paths = value.asStrings, !paths.isEmpty { return paths }
    default: break
    }
    throw TransformError.unsuitable(
      transform: name, what: "'\(key)' is \(sample[key]?.summary ?? "missing")", expected: "a path or a list of paths")
  }

  private func load(_ paths: [String]) throws -> TransformedImage {
    let images = try paths.map(load)
    guard images.count > 1, let first = images.first else { return images[0] }
    return try stacked(images, like: first)
  }

  /// The image that the files' headers tell of, with voxels that are a view of one element.
  func outline(_ headers: [NIfTIHeader], path: String) throws -> TransformedImage {
    let images = try headers.map { header in
      try image(header, voxels: .hollow(header.shape), affine: header.rectifiedAffine, path: path)
    }
    var result = images[0]
    if images.count > 1 {
      let channels = try images.map { image in
        var image = image
        try EnsureChannelFirstd.moveChannelFirst(&image, transform: name)
        return image.voxels.shape
      }
      result.voxels = .hollow([channels.reduce(0) { $0 + $1[0] }] + channels[0].dimensions.dropFirst())
      result.channelAxis = .index(0)
    }
    if ensuresChannelFirst { try EnsureChannelFirstd.moveChannelFirst(&result, transform: name) }
    return result
  }

  private func load(_ path: String) throws -> TransformedImage {
    let file = try NIfTIImage(path: path)
    let header = file.header
    let affine = header.rectifiedAffine
    guard affine.isFinite else { throw TransformError.singularAffine(transform: name) }
    // Without a type asked for, scaled values are float64 as nibabel has them.
    let voxels = try file.voxels(as: elementType ?? (header.isScaled ? .float64 : header.elementType))
    return try image(header, voxels: voxels, affine: affine, path: path)
  }

  private func image(
    _ header: NIfTIHeader, voxels: Tensor, affine: Affine, path: String
  ) throws -> TransformedImage {
    let spatialShape = Array(header.shape.prefix(3))
    let axis: TransformedImage.ChannelAxis = header.shape.count <= 3 ? .none : .index(-1)
    var image = TransformedImage(
      voxels: voxels, affine: affine, originalSpatialShape: spatialShape, channelAxis: channelAxis ?? axis,
      sourcePath: path)
    if isCanonical { try reorient(&image) }
    return image
  }

  /// The orientation closest to RAS+; the original affine stays that of the file.
  private func reorient(_ image: inout TransformedImage) throws {
    guard image.originalSpatialShape.count == 3 else {
      throw TransformError.unsuitable(
        transform: name, what: "'as_closest_canonical' on an image of the shape \(image.voxels.shape)",
        expected: "three spatial axes")
    }
    let change = try Orientation(affine: image.affine).transform(to: .ras)
    image.affine = image.affine * change.inverseAffine(shape: image.originalSpatialShape)
    image.voxels = change.apply(to: image.voxels)
    image.originalSpatialShape = Array(image.voxels.shape.dimensions.prefix(3))
  }

  /// Several files as the channels of one float32 image.
  private func stacked(_ images: [TransformedImage], like first: TransformedImage) throws -> TransformedImage {
    for image in images where image.voxels.shape != first.voxels.shape || !image.affine.isClose(to: first.affine) {
      throw TransformError.unsuitable(
        transform: name, what: "the images of one list have different grids",
        expected: "the same shape and affine in all")
    }
    // Files with channels of their own are joined along these.
    let channelFirst = try images.map { image in
      var image = image
      try EnsureChannelFirstd.moveChannelFirst(&image, transform: name)
      return image.voxels.converted(to: .float32)
    }
    var result = first
    result.voxels = Tensor.concatenated(channelFirst)
    if case .index(let axis) = first.channelAxis {
      result.voxels = result.voxels.movingAxis(0, to: axis < 0 ? axis + result.voxels.shape.rank : axis)
    } else {
      result.channelAxis = .index(0)
    }
    return result
  }

  /// What a config may ask of the header.
  private static func metadata(_ image: TransformedImage) -> PlainValue {
    let affine = (0..<4).map { row in PlainValue.list((0..<4).map { .double(image.affine[row, $0]) }) }
    return .dictionary([
      "filename_or_obj": image.sourcePath.map { .string($0) } ?? .null,
      "affine": .list(affine),
      "spatial_shape": .list(image.originalSpatialShape.map { .int($0) }),
    ])
  }
}

extension Affine {
  /// Whether all elements agree as `numpy.allclose` has it.
  func isClose(to other: Affine) -> Bool {
    zip(elements, other.elements).allSatisfy { abs($0 - $1) <= 1e-8 + 1e-5 * abs($1) }
  }
}

extension Tensor {
  /// The same elements with one axis at another place.
  func movingAxis(_ axis: Int, to target: Int) -> Tensor {
    var order = Array(0..<shape.rank)
    order.insert(order.remove(at: axis), at: target)
    return permuted(order)
  }

  /// float32 tensors joined along their first axis; the other extents must agree.
  static func concatenated(_ parts: [Tensor]) -> Tensor {
    guard var shape = parts.first?.shape else { return Tensor(.float32, [0]) }
    shape[0] = parts.reduce(0) { $0 + $1.shape[0] }
    var result = Tensor(.float32, shape, isZeroed: false)
    result.withMutableElements(of: Float.self) { target in
      var offset = 0
      for part in parts {
        part.withElements(of: Float.self) { values in
          _ = UnsafeMutableBufferPointer(rebasing: target[offset...]).update(from: values)
          offset += values.count
        }
      }
    }
    return result
  }
}
