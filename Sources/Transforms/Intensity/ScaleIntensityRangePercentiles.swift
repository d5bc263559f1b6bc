package import Arguments
import Tensors

/// Maps the range between two percentiles to `b_min`...`b_max`: MONAI's `ScaleIntensityRangePercentilesd`.
package struct ScaleIntensityRangePercentilesd: ImageTransform {
  package let keys: Keys
  let lower: Double
  let upper: Double
  let targetLower: Double?
  let targetUpper: Double?
  let clips: Bool
  let isChannelWise: Bool
  let elementType: ElementType?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    lower = try arguments.double("lower")
    upper = try arguments.double("upper")
    guard (0...100).contains(lower), (0...100).contains(upper) else {
      throw arguments.unsupported("lower", "\(lower), with 'upper' \(upper)", supported: "percentages from 0 to 100")
    }
    let low = try arguments.optionalDouble("b_min")
    let high = try arguments.optionalDouble("b_max")
    clips = try arguments.bool("clip", default: false)
    let isRelative = try arguments.bool("relative", default: false)
    isChannelWise = try arguments.bool("channel_wise", default: false)
    elementType = try arguments.elementType("dtype", default: .float32)
    try arguments.finish()
    guard isRelative else {
      targetLower = low
      targetUpper = high
      return
    }
    guard let low, let high else {
      throw arguments.unsupported("relative", "True without 'b_min' and 'b_max'", supported: "true with both")
    }
    targetLower = (high - low) * (lower / 100) + low
    targetUpper = (high - low) * (upper / 100) + low
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    try IntensityRange(lower: 0, upper: 1, targetLower: targetLower, targetUpper: targetUpper, clips: clips)
      .check(transform: name)
    if isChannelWise {
      VoxelMath.updateChannels(&image.voxels) { _, elements in scale(elements) }
    } else {
      VoxelMath.updateAll(&image.voxels, scale)
    }
    image.voxels = image.voxels.converted(to: elementType ?? .float32)
  }

  private func scale(_ elements: UnsafeMutableBufferPointer<Float>) {
    guard elements.count > 0 else { return }
    let range = IntensityRange(
      lower: Percentile.value(lower, of: elements), upper: Percentile.value(upper, of: elements),
      targetLower: targetLower, targetUpper: targetUpper, clips: clips)
    VoxelMath.update(elements, range.apply)
  }
}

/// Percentiles of floats by counting, without sorting them.
enum Percentile {
  /// Above this many values MONAI computes the rank in double precision, below in single.
  private static let largestSinglePrecisionCount = 1_000_000

  /// The percentile with linear interpolation between the two nearest ranks. `elements` must not be empty.
  static func value(_ percent: Double, of elements: UnsafeMutableBufferPointer<Float>) -> Double {
    let last = elements.count - 1
    let rank =
      elements.count > largestSinglePrecisionCount
      ? percent / 100 * Double(last) : Double(Float(percent / 100) * Float(last))
    let below = min(Int(rank), last)
    let low = Double(ranked(below, of: elements))
    let part = rank - Double(below)
    guard part > 0, below < last else { return low }
    return low + (Double(ranked(below + 1, of: elements)) - low) * part
  }

  /// The value that would stand at `rank` in ascending order: counted by the upper, then by the lower half of its bits.
  private static func ranked(_ rank: Int, of elements: UnsafeMutableBufferPointer<Float>) -> Float {
    var rank = rank
    var counts = [Int](repeating: 0, count: 65_536)
    for element in elements { counts[Int(sortable(element) >> 16)] += 1 }
    let upper = take(&rank, counts)
    counts = [Int](repeating: 0, count: 65_536)
    for element in elements {
      let bits = sortable(element)
      if bits >> 16 == upper { counts[Int(bits & 0xffff)] += 1 }
    }
    let lower = take(&rank, counts)
    let bits = upper << 16 | lower
    return Float(bitPattern: bits & 0x8000_0000 != 0 ? bits ^ 0x8000_0000 : ~bits)
  }

  /// The bin that holds `rank`, which becomes the rank inside that bin.
  private static func take(_ rank: inout Int, _ counts: [Int]) -> UInt32 {
    for (bin, count) in counts.enumerated() {
      if rank < count { return UInt32(bin) }
      rank -= count
    }
    return UInt32(counts.count - 1)
  }

  /// Bits whose order as integers is the order of the floats.
  private static func sortable(_ value: Float) -> UInt32 {
    let bits = value.bitPattern
    return bits & 0x8000_0000 != 0 ? ~bits : bits ^ 0x8000_0000
  }
}
