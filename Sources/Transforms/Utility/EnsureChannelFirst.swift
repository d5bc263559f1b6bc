package import Arguments
import Tensors

/// Brings the channels to the front, or adds a channel axis: MONAI's `EnsureChannelFirstd`. A view.
package struct EnsureChannelFirstd: ImageTransform, OutliningTransform {
  package let keys: Keys
  let channelAxis: TransformedImage.ChannelAxis?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    channelAxis = try Self.channelAxis(&arguments)
    // Every image here knows its channel axis, so there is nothing to be strict about.
    arguments.ignore("strict_check")
    try arguments.finish()
  }

  /// Reads `channel_dim`: an axis, `no_channel` or NaN for none; nil when the file decides.
  static func channelAxis(_ arguments: inout ArgumentReader) throws -> TransformedImage.ChannelAxis? {
    guard let value = arguments.present("channel_dim") else { return nil }
    switch value {
    case .string("no_channel"): return TransformedImage.ChannelAxis.none
    case .double(let number) where number.isNaN: return TransformedImage.ChannelAxis.none
    default: break
    }
    guard let axis = value.asInt else {
      throw arguments.wrongKind("channel_dim", value, expected: "an axis or 'no_channel'")
    }
    return .index(axis)
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    if let channelAxis { image.channelAxis = channelAxis }
    try Self.moveChannelFirst(&image, transform: name)
  }

  func outline(_ image: inout TransformedImage, index: Int) throws { try apply(to: &image, index: index) }

  static func moveChannelFirst(_ image: inout TransformedImage, transform: String) throws {
    guard case .index(let axis) = image.channelAxis else {
      image.voxels = try image.voxels.prependingAxis()
      return
    }
    let rank = image.voxels.shape.rank
    guard (-rank..<rank).contains(axis) else {
      throw TransformError.unsuitable(
        transform: transform, what: "an image of the shape \(image.voxels.shape) has no axis \(axis)",
        expected: "an axis from \(-rank) to \(rank - 1)")
    }
    image.voxels = image.voxels.movingAxis(axis < 0 ? axis + rank : axis, to: 0)
  }
}
