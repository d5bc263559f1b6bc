package import Arguments
import Foundation
import Tensors

/// Replaces intensities on one side of a threshold: MONAI's `ThresholdIntensityd`.
package struct ThresholdIntensityd: ImageTransform {
  package let keys: Keys
  let threshold: Float
  /// Whether the intensities above the threshold are kept; else those below.
  let keepsAbove: Bool
  let replacement: Float

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    threshold = Float(try arguments.double("threshold"))
    keepsAbove = try arguments.bool("above", default: true)
    replacement = Float(try arguments.double("cval", default: 0))
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let type = image.voxels.elementType
    VoxelMath.update(&image.voxels) { elements, count in
      for place in 0..<count {
        let value = elements[place]
        let isKept = keepsAbove ? value > threshold : value < threshold
        if !isKept { elements[place] = replacement }
      }
    }
    image.voxels = image.voxels.converted(to: type)
  }
}

/// Adds an offset to intensities: MONAI's `ShiftIntensityd`. Integers stay integers: a sum that doesn't fit loses its high bits,
/// or with `safe` becomes the nearest value that does.
package struct ShiftIntensityd: ImageTransform {
  package let keys: Keys
  let offset: Double
  /// The offset where it is an integer, so that integer images are added to exactly.
  let wholeOffset: Int?
  let isSafe: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    if case .int(let number)? = arguments.value("offset") { wholeOffset = number } else { wholeOffset = nil }
    offset = try arguments.double("offset")
    isSafe = try arguments.bool("safe", default: false)
    try arguments.refuse("factor_key", supported: "none: the offset alone")
    arguments.ignore("meta_keys", "meta_key_postfix")
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let type = image.voxels.elementType
    if type.isInteger {
      image.voxels = shifted(image.voxels)
      return
    }
    VoxelMath.update(&image.voxels) { [offset = Float(offset)] elements, count in
      for place in 0..<count { elements[place] += offset }
    }
    image.voxels = image.voxels.converted(to: type)
  }

  /// PyTorch adds an integer within the type, and a fraction in float32.
  private func shifted(_ integers: Tensor) -> Tensor {
    let type = integers.elementType
    let bits = type.byteCount * 8 - (type.isSigned ? 1 : 0)
    let limits = (low: type.isSigned ? -Foundation.pow(2, Double(bits)) : 0, high: Foundation.pow(2, Double(bits)) - 1)
    let sums = integers.wideIntegers().map { value -> Int128 in
      if let wholeOffset { return value + Int128(wholeOffset) }
      let sum = Double(Float(value) + Float(offset))
      return Int128(Int64(saturating: isSafe ? min(max(sum, limits.low), limits.high) : sum))
    }
    return Tensor(wrapping: sums, type, integers.shape)
  }
}

/// Raises intensities, scaled to 0…1 and back, to the power `gamma`: MONAI's `AdjustContrastd`.
package struct AdjustContrastd: ImageTransform {
  package let keys: Keys
  let gamma: Float
  let isInverted: Bool
  let keepsStatistics: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    gamma = Float(try arguments.double("gamma"))
    isInverted = try arguments.bool("invert_image", default: false)
    keepsStatistics = try arguments.bool("retain_stats", default: false)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let type = image.voxels.elementType
    VoxelMath.updateAll(&image.voxels, adjust)
    if type.isFloatingPoint { image.voxels = image.voxels.converted(to: type) }
  }

  private func adjust(_ elements: UnsafeMutableBufferPointer<Float>) {
    if isInverted { negate(elements) }
    let before = keepsStatistics ? statistics(elements) : nil
    let (low, high) = VoxelMath.extrema(elements)
    let range = high - low
    let divisor = range + 1e-7
    VoxelMath.update(elements) { [gamma] elements, count in
      for place in 0..<count {
        elements[place] = powf((elements[place] - low) / divisor, gamma) * range + low
      }
    }
    if let before {
      let after = statistics(elements)
      let scale = after.deviation + 1e-8
      VoxelMath.update(elements) { elements, count in
        for place in 0..<count {
          elements[place] = before.deviation * ((elements[place] - after.mean) / scale) + before.mean
        }
      }
    }
    if isInverted { negate(elements) }
  }

  private func negate(_ elements: UnsafeMutableBufferPointer<Float>) {
    VoxelMath.update(elements) { elements, count in
      for place in 0..<count { elements[place] = -elements[place] }
    }
  }

  /// The mean, and the deviation of a sample of a larger population as PyTorch's `std` has it.
  private func statistics(_ elements: UnsafeMutableBufferPointer<Float>) -> (mean: Float, deviation: Float) {
    let (mean, deviation, count) = VoxelMath.statistics(elements, skippingZeros: false)
    let correction = count > 1 ? (Double(count) / Double(count - 1)).squareRoot() : .nan
    return (Float(mean), Float(deviation * correction))
  }
}
