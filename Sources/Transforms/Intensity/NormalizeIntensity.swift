package import Arguments
import CKernels
import Tensors

/// Subtracts the mean and divides by the standard deviation: MONAI's `NormalizeIntensityd`.
///
/// `nonzero` leaves voxels of value zero out and as they are; a deviation of zero divides by 1.
package struct NormalizeIntensityd: ImageTransform {
  package let keys: Keys
  let subtrahend: [Double]?
  let divisor: [Double]?
  let skipsZeros: Bool
  let isChannelWise: Bool
  let elementType: ElementType?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    subtrahend = try arguments.optionalDoubles("subtrahend")
    divisor = try arguments.optionalDoubles("divisor")
    skipsZeros = try arguments.bool("nonzero", default: false)
    isChannelWise = try arguments.bool("channel_wise", default: false)
    elementType = try arguments.elementType("dtype", default: .float32)
    try arguments.finish()
    guard !isChannelWise else { return }
    for (name, values) in [("subtrahend", subtrahend), ("divisor", divisor)] {
      if let values, values.count != 1 {
        throw arguments.unsupported(
          name, "a list of \(values.count)", supported: "one number, or one per channel with \"channel_wise\": true")
      }
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    if isChannelWise {
      let channels = image.voxels.shape.rank > 0 ? image.voxels.shape[0] : 0
      try checkCount("subtrahend", subtrahend, channels)
      try checkCount("divisor", divisor, channels)
      VoxelMath.updateChannels(&image.voxels) { channel, elements in
        normalize(elements, subtract: subtrahend?[channel], divide: divisor?[channel])
      }
    } else {
      VoxelMath.updateAll(&image.voxels) {
        normalize($0, subtract: subtrahend?.first, divide: divisor?.first)
      }
    }
    image.voxels = image.voxels.converted(to: elementType ?? .float32)
  }

  private func checkCount(_ argument: String, _ values: [Double]?, _ channels: Int) throws {
    guard let values, values.count != channels else { return }
    throw TransformError.unsuitable(
      transform: name, what: "'\(argument)' has \(values.count) numbers for \(channels) channels",
      expected: "one number per channel")
  }

  private func normalize(_ elements: UnsafeMutableBufferPointer<Float>, subtract: Double?, divide: Double?) {
    var mean = 0.0
    var deviation = 0.0
    if subtract == nil || divide == nil {
      let statistics = VoxelMath.statistics(elements, skippingZeros: skipsZeros)
      guard statistics.count > 0 else { return }
      (mean, deviation, _) = statistics
    }
    let subtrahend = Float(subtract ?? mean)
    // A deviation that vanishes in float32 is a constant image.
    let divisor = Float(divide ?? deviation)
    let skip: Int32 = skipsZeros ? 1 : 0
    VoxelMath.update(elements) { martlet_normalize($0, $1, subtrahend, divisor == 0 ? 1 : divisor, skip) }
  }
}
