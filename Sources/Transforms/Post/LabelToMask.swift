package import Arguments
import Tensors

/// Makes a mask of chosen labels: MONAI's `LabelToMaskd`. Of one channel of labels it makes `true` where one of them
/// lies; of several it keeps the chosen channels.
package struct LabelToMaskd: ImageTransform {
  package let keys: Keys
  let labels: [Int]
  let mergesChannels: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    labels = try arguments.ints("select_labels")
    mergesChannels = try arguments.bool("merge_channels", default: false)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    guard image.voxels.shape.rank > 0, image.voxels.shape[0] > 0 else {
      throw TransformError.emptyResult(transform: name, shape: image.voxels.shape.dimensions)
    }
    let channels = image.voxels.shape[0]
    if channels == 1 {
      let wanted = labels.map { Float($0) }
      VoxelMath.update(&image.voxels) { elements, count in
        for place in 0..<count { elements[place] = wanted.contains(elements[place]) ? 1 : 0 }
      }
      image.voxels = image.voxels.converted(to: .bool)
    } else {
      image.voxels = try chosen(image.voxels, channels)
    }
    if mergesChannels { image.voxels = merged(image.voxels) }
  }

  private func chosen(_ voxels: Tensor, _ channels: Int) throws -> Tensor {
    let parts = try labels.map { label in
      let channel = label < 0 ? label + channels : label
      guard (0..<channels).contains(channel) else {
        throw TransformError.unsuitable(
          transform: name, what: "'select_labels' names channel \(label) of \(channels)", expected: "a channel")
      }
      return voxels.sliced(0, channel..<channel + 1).converted(to: .float32)
    }
    return Tensor.concatenated(parts).converted(to: voxels.elementType)
  }

  /// `true` where any channel isn't zero.
  private func merged(_ voxels: Tensor) -> Tensor {
    var shape = voxels.shape
    shape[0] = 1
    var result = Tensor(.bool, shape)
    let length = shape.count
    voxels.converted(to: .bool).withElements(of: UInt8.self) { flags in
      result.withMutableElements(of: UInt8.self) { target in
        for (place, flag) in flags.enumerated() where flag != 0 { target[place % length] = 1 }
      }
    }
    return result
  }
}
