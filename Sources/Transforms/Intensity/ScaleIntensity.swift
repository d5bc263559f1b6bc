package import Arguments
import CKernels
import Tensors

/// Maps `a_min`...`a_max` linearly to `b_min`...`b_max`: MONAI's `ScaleIntensityRanged`.
package struct ScaleIntensityRanged: ImageTransform {
  package let keys: Keys
  let range: IntensityRange
  let elementType: ElementType?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    range = IntensityRange(
      lower: try arguments.double("a_min"), upper: try arguments.double("a_max"),
      targetLower: try arguments.optionalDouble("b_min"), targetUpper: try arguments.optionalDouble("b_max"),
      clips: try arguments.bool("clip", default: false))
    elementType = try arguments.elementType("dtype", default: .float32)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    try range.check(transform: name)
    // As in MONAI, a range of nothing leaves floats of the type that they have.
    let type = image.voxels.elementType
    let kept = range.upper == range.lower && type.isFloatingPoint ? type : nil
    VoxelMath.update(&image.voxels, range.apply)
    image.voxels = image.voxels.converted(to: kept ?? elementType ?? .float32)
  }
}

/// A linear map of intensities, with MONAI's order of operations in float32.
struct IntensityRange: Sendable {
  var lower: Double
  var upper: Double
  var targetLower: Double?
  var targetUpper: Double?
  var clips: Bool

  /// - Throws: ``TransformError`` when it clips to no bounds at all, which PyTorch refuses too.
  func check(transform: String) throws {
    guard clips, targetLower == nil, targetUpper == nil, upper != lower else { return }
    throw TransformError.unsuitable(
      transform: transform, what: "'clip' without 'b_min' and 'b_max'", expected: "a bound to clip to")
  }

  @Sendable func apply(_ values: UnsafeMutablePointer<Float>, _ count: Int) {
    let isFlat = upper - lower == 0
    var multiply: Float = 1
    var add: Float = isFlat ? Float(targetLower ?? 0) : 0
    if !isFlat, let targetLower, let targetUpper {
      multiply = Float(targetUpper - targetLower)
      add = Float(targetLower)
    }
    let isClipped = clips && !isFlat
    martlet_scale_range(
      values, count, Float(lower), isFlat ? 1 : Float(upper - lower), multiply, add,
      isClipped ? targetLower.map { Float($0) } ?? -.infinity : -.infinity,
      isClipped ? targetUpper.map { Float($0) } ?? .infinity : .infinity)
  }
}

/// Maps the smallest...largest intensity to `minv`...`maxv`, or multiplies by 1 + `factor`: MONAI's `ScaleIntensityd`.
package struct ScaleIntensityd: ImageTransform {
  package let keys: Keys
  let lowest: Double?
  let highest: Double?
  let factor: Double?
  let isChannelWise: Bool
  let elementType: ElementType?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    lowest = try Self.bound("minv", default: 0, &arguments)
    highest = try Self.bound("maxv", default: 1, &arguments)
    factor = try arguments.optionalDouble("factor")
    isChannelWise = try arguments.bool("channel_wise", default: false)
    elementType = try arguments.elementType("dtype", default: .float32)
    try arguments.finish()
  }

  /// `None` differs from an absent argument here.
  private static func bound(_ name: String, default fallback: Double, _ arguments: inout ArgumentReader) throws
    -> Double?
  {
    arguments.value(name) == nil ? fallback : try arguments.optionalDouble(name)
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    if lowest == nil, highest == nil {
      if let factor {
        let scale = Float(1 + factor)
        VoxelMath.update(&image.voxels) { martlet_scale_range($0, $1, 0, 1, scale, 0, -.infinity, .infinity) }
      }
    } else if isChannelWise {
      VoxelMath.updateChannels(&image.voxels) { _, elements in rescale(elements) }
    } else {
      VoxelMath.updateAll(&image.voxels, rescale)
    }
    image.voxels = image.voxels.converted(to: elementType ?? .float32)
  }

  private func rescale(_ elements: UnsafeMutableBufferPointer<Float>) {
    let (low, high) = VoxelMath.extrema(elements)
    if low == high {
      // A flat image has no range to scale.
      guard let lowest else { return }
      VoxelMath.update(elements) { martlet_scale_range($0, $1, 0, 1, Float(lowest), 0, -.infinity, .infinity) }
      return
    }
    var multiply: Float = 1
    var add: Float = 0
    if let lowest, let highest {
      multiply = Float(highest - lowest)
      add = Float(lowest)
    }
    VoxelMath.update(elements) { [multiply, add] in
      martlet_scale_range($0, $1, low, high - low, multiply, add, -.infinity, .infinity)
    }
  }
}
