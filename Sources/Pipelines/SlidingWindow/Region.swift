import CKernels
import Tensors

/// A box of an image's voxels: a range of places per axis X, Y, Z.
struct Region: Equatable {
  var axes: [Range<Int>]

  init(_ axes: [Range<Int>]) { self.axes = axes }

  var count: Int { axes.reduce(1) { $0 * $1.count } }
  var isEmpty: Bool { axes.contains { $0.isEmpty } }

  /// The part of the region within `range` of one axis.
  func limited(_ axis: Int, to range: Range<Int>) -> Region {
    var copy = self
    copy.axes[axis] = axes[axis].clamped(to: range)
    return copy
  }
}

/// The channels' values over a region, in memory that somebody else holds. The places of a row are neighbours.
struct RegionValues: @unchecked Sendable {
  // Unchecked: parallel pieces work on rows of their own.
  /// The first channel's value at the voxel `origin`.
  let base: UnsafeMutablePointer<Float>
  let origin: [Int]
  let channels: Int
  /// Elements from one channel, X, Y to the next.
  let strides: [Int]

  /// Where the region's first row of a channel and X begins.
  private func offset(_ channel: Int, _ x: Int, _ region: Region) -> Int {
    channel * strides[0] + (x - origin[0]) * strides[1] + (region.axes[1].lowerBound - origin[1]) * strides[2]
      + region.axes[2].lowerBound - origin[2]
  }

  fileprivate func row(_ channel: Int, _ x: Int, _ region: Region) -> UnsafeMutablePointer<Float> {
    base + offset(channel, x, region)
  }

  /// Multiplies every channel by weights that lie as one channel does.
  func scale(by weights: UnsafePointer<Float>, over region: Region, onAllCores: Bool) {
    let weights = Shared(weights)
    forEachSheet(region, onAllCores) { channel, x in
      martlet_window_scale(
        row(channel, x, region), strides[2], weights.value + offset(0, x, region), strides[2], region.axes[1].count,
        region.axes[2].count)
    }
  }

  /// Divides by `divisors`, row-major over `region`, which is all that these values are.
  func divide(by divisors: [Float], over region: Region, onAllCores: Bool) {
    let sheet = region.axes[1].count * region.axes[2].count
    divisors.withUnsafeBufferPointer { divisors in
      guard let start = divisors.baseAddress else { return }
      let divisors = Shared(start)
      forEachSheet(region, onAllCores) { channel, x in
        martlet_window_divide(
          row(channel, x, region), divisors.value + (x - region.axes[0].lowerBound) * sheet, sheet)
      }
    }
  }

  private func forEachSheet(_ region: Region, _ onAllCores: Bool, _ body: @Sendable (_ channel: Int, _ x: Int) -> Void)
  {
    guard !region.isEmpty else { return }
    let planes = region.axes[0]
    let sheets = channels * planes.count
    Parallel.forEach(sheets, grain: onAllCores ? 1 : sheets) { range in
      for sheet in range { body(sheet / planes.count, planes.lowerBound + sheet % planes.count) }
    }
  }
}

/// A region whose values go from one place in memory to another.
struct RegionTransfer: Sendable {
  let region: Region
  let source: RegionValues
  let target: RegionValues

  init(_ region: Region, from source: RegionValues, to target: RegionValues) {
    self.region = region
    self.source = source
    self.target = target
  }

  /// Adds the sources' values to the targets'. No two of the regions may have a target in common.
  static func add(_ transfers: [RegionTransfer], channels: Int, onAllCores: Bool) {
    forEach(transfers, channels, onAllCores) { transfer, channel in
      for x in transfer.region.axes[0] {
        martlet_window_accumulate(
          transfer.target.row(channel, x, transfer.region), transfer.target.strides[2],
          transfer.source.row(channel, x, transfer.region), transfer.source.strides[2], nil, 0,
          transfer.region.axes[1].count, transfer.region.axes[2].count)
      }
    }
  }

  /// Writes the sources' values over the targets'. No two of the regions may have a target in common.
  static func copy(_ transfers: [RegionTransfer], channels: Int, onAllCores: Bool) {
    forEach(transfers, channels, onAllCores) { transfer, channel in
      for x in transfer.region.axes[0] {
        martlet_window_copy(
          transfer.target.row(channel, x, transfer.region), transfer.target.strides[2],
          transfer.source.row(channel, x, transfer.region), transfer.source.strides[2],
          transfer.region.axes[1].count, transfer.region.axes[2].count)
      }
    }
  }

  private static func forEach(
    _ transfers: [RegionTransfer], _ channels: Int, _ onAllCores: Bool,
    _ body: @Sendable (RegionTransfer, _ channel: Int) -> Void
  ) {
    guard !transfers.isEmpty else { return }
    let units = transfers.count * channels
    Parallel.forEach(units, grain: onAllCores ? 1 : units) { range in
      for unit in range { body(transfers[unit % transfers.count], unit / transfers.count) }
    }
  }
}
