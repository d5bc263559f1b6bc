package import Arguments
import Tensors

/// Puts the axes of images into another order, the channels' among them: MONAI's `Transposed`. A view; as in MONAI the
/// affine stays as it is.
package struct Transposed: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// nil reverses the order.
  let order: [Int]?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    order = try arguments.optionalInts("indices")
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.voxels.shape.rank
    let given = order.flatMap { $0.isEmpty ? nil : $0 } ?? (0..<rank).reversed()
    let order = given.map { $0 < 0 ? $0 + rank : $0 }
    guard order.sorted() == Array(0..<rank) else {
      throw TransformError.unsuitable(
        transform: name, what: "'indices' is \(given) on an image of \(rank) axes", expected: "each axis once")
    }
    image.voxels = image.voxels.permuted(order)
    record(Inverse(transform: name, order: order.indices.map { order.firstIndex(of: $0) ?? $0 }), on: &image)
  }

  private struct Inverse: InverseOperation {
    let transform: String
    let order: [Int]

    func apply(to image: inout TransformedImage) throws {
      guard image.voxels.shape.rank == order.count else {
        throw TransformError.unsuitable(
          transform: "the inverse of \(transform)", what: "an image of \(image.voxels.shape.rank) axes",
          expected: "\(order.count) axes")
      }
      image.voxels = image.voxels.permuted(order)
    }
  }
}

/// Puts the channels behind the other axes: MONAI's `AsChannelLastd`. A view.
package struct AsChannelLastd: ImageTransform {
  package let keys: Keys
  let axis: Int

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    axis = try arguments.int("channel_dim", default: 0)
    try arguments.finish()
    guard axis >= -1 else {
      throw arguments.unsupported("channel_dim", "\(axis)", supported: "an axis counted from the front, or -1")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.voxels.shape.rank
    guard (-1..<rank).contains(axis), rank > 0 else {
      throw TransformError.unsuitable(
        transform: name, what: "an image of the shape \(image.voxels.shape) has no axis \(axis)", expected: "its axes")
    }
    image.voxels = image.voxels.movingAxis(axis < 0 ? rank - 1 : axis, to: rank - 1)
  }
}

/// Changes nothing: MONAI's `Identityd`.
package struct Identityd: KeyedTransform {
  package let keys: Keys

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws { _ = try keys.present(in: sample) }
}
