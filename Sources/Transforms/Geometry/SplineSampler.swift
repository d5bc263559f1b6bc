import CKernels
import Diagnostics
import Tensors

/// Samples an image with B-splines: MONAI's resampling with `scipy.ndimage.map_coordinates`. Values are computed in double
/// precision, positions in the one that is asked for.
struct SplineSampler {
  private let order: Int
  private let outside: SplineExtension
  private let source: [Int]
  private let target: [Int]
  /// Axes of the image; a plane has a third one of one voxel.
  private let rank: Int
  /// Row r: the position on source axis r from the target's indices, counted from its centre, and 1.
  private let affine: [[Double]]
  /// What the positions are scaled by, per source axis, after `shift` was added.
  private let factor: [Double]
  private let shift: Double
  private let precision: PositionPrecision

  /// - Parameters:
  ///   - map: From target voxel indices to source voxel indices, of rank + 1 rows.
  ///   - source: Three extents.
  ///   - target: Three extents.
  /// - Returns: nil when an extent is zero.
  init?(
    order: Int, _ outside: SplineExtension, map: SquareMatrix, source: [Int], target: [Int], alignCorners: Bool,
    precision: PositionPrecision
  ) {
    guard (source + target).allSatisfy({ $0 > 0 }) else { return nil }
    (self.order, self.outside, self.source, self.target) = (order, outside, source, target)
    self.precision = precision
    /// As a number of the precision.
    func rounded(_ value: Double) -> Double { precision == .single ? Double(Float(value)) : value }
    let rank = map.size - 1
    self.rank = rank
    var centre = SquareMatrix.identity(rank + 1)
    for axis in 0..<rank { centre[axis, rank] = Double(target[axis] - 1) / 2 }
    var affine = map * centre
    for row in 0..<rank {
      for column in 0...rank { affine[row, column] = rounded(affine[row, column]) }
    }
    if alignCorners {
      for column in 0..<rank {
        let extent = Double(max(target[column], 2))
        // MONAI makes the scale in single precision, whatever the positions have.
        let scale = Double(Float(extent / (extent - 1)))
        for row in 0..<rank { affine[row, column] = rounded(affine[row, column] * scale) }
      }
    }
    self.affine = (0..<3).map { row in
      guard row < rank else { return [0, 0, 0, 0] }
      return (0..<3).map { $0 < rank ? affine[row, $0] : 0 } + [affine[row, rank]]
    }
    factor = source.map { alignCorners ? rounded(Double(max($0, 2) - 1) / Double(max($0, 2))) : 1 }
    shift = alignCorners ? 0.5 : 0
  }

  /// - Parameter voxels: `[C, X, Y, Z]` of any type and strides.
  /// - Returns: float32 `[C, X', Y', Z']`, contiguous.
  /// - Throws: `InterruptedError`.
  func sample(_ voxels: Tensor) throws -> Tensor {
    let channels = voxels.shape[0]
    var result = Tensor(.float32, Shape([channels] + target), isZeroed: false)
    // One channel's coefficients at a time: they have eight bytes a voxel.
    for channel in 0..<channels {
      let coefficients = try coefficients(of: voxels.sliced(0, channel..<channel + 1))
      try result.withMutableElements(of: Float.self) { elements in
        guard let base = elements.baseAddress else { return }
        try sample(coefficients, into: Shared(base + channel * target.reduce(1, *)))
      }
    }
    return result
  }

  // MARK: Coefficients

  private var margin: Int { Self.margin(order, outside) }

  /// Voxels around the image where SciPy's prefilter has no closed form for what lies outside.
  private static func margin(_ order: Int, _ outside: SplineExtension) -> Int {
    order > 1 && [.nearest, .gridConstant].contains(outside) ? Int(MARTLET_SPLINE_MARGIN) : 0
  }

  /// The bytes that sampling an image of these extents needs beside it and the result: a channel's coefficients, and the
  /// voxels that a margin is put around.
  static func workingBytes(_ extents: [Int], order: Int, _ outside: SplineExtension) -> Int {
    let margin = margin(order, outside)
    let (voxels, padded) = extents.reduce((1.0, 1.0)) { ($0.0 * Double($1), $0.1 * Double($1 + 2 * margin)) }
    return Int(min(8 * (margin > 0 ? voxels + padded : voxels), 1e15))
  }

  private var extents: [Int] { source.enumerated().map { $0 < rank ? $1 + 2 * margin : $1 } }

  /// The spline's coefficients, float64, dense.
  private func coefficients(of channel: Tensor) throws -> Tensor {
    var values = padded(channel.converted(to: .float64).contiguous())
    guard order > 1 else { return values }
    let extents = self.extents
    try values.withMutableElements(of: Double.self) { elements in
      guard let base = elements.baseAddress else { return }
      let start = Shared(base)
      for axis in 0..<rank {
        let inner = extents[(axis + 1)...].reduce(1, *)
        let outer = extents[..<axis].reduce(1, *)
        // Neighbouring lines are filtered together.
        let width = min(inner, Self.lines)
        let blocks = (inner + width - 1) / width
        let extent = extents[axis]
        try inSteps(outer * blocks, cost: extent * width) { index in
          let first = index % blocks * width
          martlet_spline_prefilter(
            start.value + index / blocks * extent * inner + first, extent, inner, min(width, inner - first),
            Int32(order), outside.code)
        }
      }
    }
    return values
  }

  private static let lines = 64
  /// Voxels of a core after which a wish to stop is looked for: a fraction of a second's work.
  private static let step = 1 << 19

  /// Calls `body` with each index on all cores, step by step.
  /// - Parameter cost: The voxels that an index stands for.
  /// - Throws: `InterruptedError`.
  private func inSteps(_ count: Int, cost: Int, _ body: @Sendable (Int) -> Void) throws {
    let step = max(1, Self.step / max(cost, 1)) * Parallel.coreCount
    for start in stride(from: 0, to: count, by: step) {
      try Cancellation.check()
      Parallel.forEach(min(step, count - start), grain: max(1, 16_384 / max(cost, 1))) { range in
        for index in range { body(start + index) }
      }
    }
  }

  /// The voxels with the margin around them: the border's, or zeros.
  private func padded(_ voxels: Tensor) -> Tensor {
    guard self.margin > 0 else { return voxels }
    let (extents, margin) = (self.extents, self.margin)
    let repeats = outside == .nearest
    var result = Tensor(.float64, Shape([1] + extents), isZeroed: !repeats)
    /// The source's place on an axis; nil in a margin of zeros.
    func places(_ axis: Int) -> [Int?] {
      (0..<extents[axis]).map { place in
        let inside = axis < rank ? place - margin : place
        if (0..<source[axis]).contains(inside) { return inside }
        return repeats ? min(max(inside, 0), source[axis] - 1) : nil
      }
    }
    let (columns, rows, planes) = (places(2), places(1), places(0))
    voxels.withElements(of: Double.self) { values in
      result.withMutableElements(of: Double.self) { target in
        guard let from = values.baseAddress, let to = target.baseAddress else { return }
        for (x, plane) in planes.enumerated() {
          guard let plane else { continue }
          for (y, row) in rows.enumerated() {
            guard let row else { continue }
            let line = from + (plane * source[1] + row) * source[2]
            let place = to + (x * extents[1] + y) * extents[2]
            for (z, column) in columns.enumerated() {
              if let column { place[z] = line[column] }
            }
          }
        }
      }
    }
    return result
  }

  // MARK: Sampling

  private func sample(_ coefficients: Tensor, into target: Shared<UnsafeMutablePointer<Float>>) throws {
    let centred = self.target.map { count in (0..<count).map { Double($0) - Double(count - 1) / 2 } }
    let plane = self.target[1] * self.target[2]
    try coefficients.withElements(of: Double.self) { values in
      guard let base = values.baseAddress else { return }
      let source = Shared(base)
      try inSteps(self.target[0], cost: plane) { index in
        centred[0].withUnsafeBufferPointer { x in
          centred[1].withUnsafeBufferPointer { y in
            centred[2].withUnsafeBufferPointer { z in
              var grid = description((x.baseAddress, y.baseAddress, z.baseAddress))
              martlet_spline_sample(source.value, &grid, index, index + 1, target.value)
            }
          }
        }
      }
    }
  }

  private typealias Coordinates = (UnsafePointer<Double>?, UnsafePointer<Double>?, UnsafePointer<Double>?)

  private func description(_ centred: Coordinates) -> martlet_spline_grid {
    func row(_ r: Int) -> (Double, Double, Double, Double) {
      (affine[r][0], affine[r][1], affine[r][2], affine[r][3])
    }
    return martlet_spline_grid(
      affine: (row(0), row(1), row(2)), factor: (factor[0], factor[1], factor[2]), shift: shift, centred: centred,
      target: (target[0], target[1], target[2]), source: (extents[0], extents[1], extents[2]), margin: margin,
      rank: Int32(rank), order: Int32(order), extension: outside.code, is_single: precision == .single ? 1 : 0)
  }
}
