import CKernels
import Images

/// The precision in which positions are computed: of PyTorch's image, which MONAI converts to its argument `dtype` first.
/// Voxels halfway between two others fall to one of them by the last bit.
enum PositionPrecision: Sendable, Equatable { case single, double }

/// Where each voxel of a target grid lies in a source grid: PyTorch's `affine_grid` and the first half of its
/// `grid_sample`, with the same rounding.
///
/// Axes are three; a plane has a third axis of one voxel.
struct SamplingGrid {
  let source: [Int]
  private(set) var target: [Int]
  let alignCorners: Bool
  let precision: PositionPrecision
  /// Whether there are two axes, for which PyTorch has code of its own.
  let isPlane: Bool
  /// Row r: the normalised coordinate (-1...1) on source axis r from the target's normalised coordinates and 1.
  let theta: [[Double]]
  /// The normalised coordinates of the target's voxels, per axis.
  private(set) var base: [[Double]]

  /// - Parameter map: From target voxel indices to source voxel indices, of rank + 1 rows.
  /// - Returns: nil when an extent is zero, so that no such grid exists.
  init?(map: SquareMatrix, source: [Int], target: [Int], alignCorners: Bool, precision: PositionPrecision) {
    guard (source + target).allSatisfy({ $0 > 0 }) else { return nil }
    self.source = source
    self.target = target
    self.alignCorners = alignCorners
    self.precision = precision
    isPlane = map.size == 3
    switch precision {
    case .double:
      theta = Self.normalized(map, source, target, alignCorners, as: Double.self) { -$0 * (1 / $1) }
      base = target.map { Self.coordinates($0, alignCorners, as: Double.self) }
    case .single:
      theta = Self.normalized(map, source, target, alignCorners, as: Float.self) { -$0 / $1 }
      base = target.map { Self.coordinates($0, alignCorners, as: Float.self) }
    }
  }

  /// The part of the target within `range` of its first axis.
  func limited(to range: Range<Int>) -> SamplingGrid {
    var part = self
    part.target[0] = range.count
    part.base[0] = Array(base[0][range])
    return part
  }

  /// `map` between normalised coordinates: the source's normalisation · map · the inverse of the target's, each product
  /// and sum rounded, as `monai.networks.utils.to_norm_affine` computes it.
  ///
  /// - Parameter inverseShift: The last column of the inverse from a shift and a scale, as LAPACK has it in that precision.
  private static func normalized<Scalar: BinaryFloatingPoint>(
    _ map: SquareMatrix, _ source: [Int], _ target: [Int], _ alignCorners: Bool, as _: Scalar.Type,
    inverseShift: (_ shift: Scalar, _ scale: Scalar) -> Scalar
  ) -> [[Double]] {
    let rank = map.size - 1
    let inverses = target[..<rank].map { extent -> (scale: Scalar, shift: Scalar) in
      let (scale, shift) = normalization(extent, alignCorners)
      return (1 / Scalar(scale), inverseShift(Scalar(shift), Scalar(scale)))
    }
    return (0..<3).map { row in
      guard row < rank else { return [0, 0, 0, 0] }
      let (scale, shift) = normalization(source[row], alignCorners)
      let scaled = (0...rank).map { Scalar(scale) * Scalar(map[row, $0]) }
      var offset = scaled[0] * inverses[0].shift
      for column in 1..<rank { offset += scaled[column] * inverses[column].shift }
      offset += scaled[rank] + Scalar(shift)
      return (0..<3).map { $0 < rank ? Double(scaled[$0] * inverses[$0].scale) : 0 } + [Double(offset)]
    }
  }

  /// From voxel indices to -1...1.
  private static func normalization(_ extent: Int, _ alignCorners: Bool) -> (scale: Double, shift: Double) {
    let extent = Double(extent)
    return alignCorners ? (2 / (extent <= 1 ? 1 : extent - 1), -1) : (2 / extent, 1 / extent - 1)
  }

  /// `count` coordinates from -1 to 1; without aligned corners those are the outer faces of the voxels.
  private static func coordinates<Scalar: BinaryFloatingPoint>(
    _ count: Int, _ alignCorners: Bool, as _: Scalar.Type
  ) -> [Double] {
    guard count > 1 else { return [0] }
    let last = Scalar(count - 1)
    let step = 2 / last
    return (0..<count).map { index in
      // Counted from the nearer end, each with one rounding, as torch.linspace does it.
      let value =
        index < count / 2
        ? Scalar(-1).addingProduct(step, Scalar(index)) : Scalar(1).addingProduct(-step, Scalar(count - 1 - index))
      return Double(alignCorners ? value : value * last / Scalar(count))
    }
  }

  /// For each source axis the target axis that alone decides its position, where the grid is such; else nil.
  ///
  /// - Parameter tolerance: What the other axes may change, in voxels.
  func axisOrder(tolerance: Double) -> [Int]? {
    [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].first { order in
      (0..<3).allSatisfy { row in
        (0..<3).allSatisfy { column in
          column == order[row] || abs(theta[row][column]) * Double(source[row]) <= tolerance
        }
      }
    }
  }

  /// The positions on source axis `row` along the target axis `column`, in voxels.
  func positions(row: Int, column: Int, padding: SamplePadding) -> [Double] {
    let (scale, shift) = (theta[row][column], theta[row][3])
    switch precision {
    case .double:
      let position = isPlane ? martlet_plane_position : martlet_grid_position
      return base[column].map { position($0 * scale + shift, source[row], alignCorners ? 1 : 0, padding.code) }
    case .single:
      let position = isPlane ? martlet_plane_position_single : martlet_grid_position_single
      return base[column].map {
        Double(position(Float($0) * Float(scale) + Float(shift), source[row], alignCorners ? 1 : 0, padding.code))
      }
    }
  }
}

/// The two voxels, with their weights, that each target index takes along one axis.
struct AxisSamples {
  var lower: [Int32] = []
  var upper: [Int32] = []
  var lowerWeight: [Float] = []
  var upperWeight: [Float] = []

  /// Linear interpolation at `positions`; what lies outside of 0..<`extent` is zero.
  init(linear positions: [Double], extent: Int) {
    for position in positions {
      guard position > -1, position < Double(extent) else {
        append(0, 0, 0, 0)
        continue
      }
      let whole = position.rounded(.down)
      let index = Int(whole)
      // Both weights are rounded from the exact part: a voxel just below the next one keeps its tiny share of the
      // lower, as in double precision, so that it isn't taken for a zero.
      let part = position - whole
      append(
        max(index, 0), min(index + 1, extent - 1), index >= 0 ? Float(1 - part) : 0,
        index + 1 < extent ? Float(part) : 0)
    }
  }

  init() {}

  mutating func append(_ low: Int, _ high: Int, _ lowWeight: Float, _ highWeight: Float) {
    lower.append(Int32(low))
    upper.append(Int32(high))
    lowerWeight.append(lowWeight)
    upperWeight.append(highWeight)
  }

  var count: Int { lower.count }

  /// The same samples of an axis that runs the other way.
  func reversed(extent: Int) -> AxisSamples {
    var result = self
    result.lower = lower.map { Int32(extent - 1) - $0 }
    result.upper = upper.map { Int32(extent - 1) - $0 }
    return result
  }

  /// Lends the tables to a kernel; valid during the call.
  func withTable(_ body: (martlet_axis_samples) -> Void) {
    lower.withUnsafeBufferPointer { low in
      upper.withUnsafeBufferPointer { high in
        lowerWeight.withUnsafeBufferPointer { lowWeight in
          upperWeight.withUnsafeBufferPointer { highWeight in
            body(
              martlet_axis_samples(
                lower: low.baseAddress, upper: high.baseAddress, lower_weight: lowWeight.baseAddress,
                upper_weight: highWeight.baseAddress, count: count))
          }
        }
      }
    }
  }
}
