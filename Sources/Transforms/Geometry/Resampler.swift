import CKernels
import Diagnostics
import Tensors

/// Samples the voxels of an image on another grid, on all cores.
enum Resampler {
  /// What the axes of a map may influence each other, in voxels, and still be treated one by one.
  ///
  /// Between two oblique grids with the same axes a file's float32 affine leaves about 1e-6. That must not be left out: it
  /// gives voxels beside the head a share of 1e-6 of it, and whoever then asks for what isn't zero gets another answer.
  private static let separabilityTolerance = 1e-7
  /// Elements of a slab that is sampled and reduced at once.
  private static let slabLength = 1 << 22

  /// - Parameter voxels: `[C, X, Y, Z]` of any type and strides, not empty.
  /// - Returns: float32 `[C, X', Y', Z']`, contiguous.
  static func sample(_ voxels: Tensor, on grid: SamplingGrid, mode: InterpolationMode, padding: SamplePadding) -> Tensor
  {
    let source = voxels.converted(to: .float32)
    switch mode {
    case .bilinear:
      if let order = grid.axisOrder(tolerance: separabilityTolerance) {
        return interpolate(
          source,
          byTargetAxis(order) { row, column in
            AxisSamples(linear: grid.positions(row: row, column: column, padding: padding), extent: grid.source[row])
          }, order: order)
      }
    case .nearest:
      // A position halfway between two voxels falls to one of them by its last bit, so nothing may be left out.
      if let order = grid.axisOrder(tolerance: 0) {
        return pick(
          source,
          byTargetAxis(order) { row, column in
            nearest(grid.positions(row: row, column: column, padding: padding), extent: grid.source[row])
          }, order: order)
      }
    }
    if mode == .nearest, grid.precision == .single { return pickObliquely(source, on: grid, padding: padding) }
    return sampleObliquely(source, on: grid, mode: mode, padding: padding)
  }

  /// Samples in slabs of the target's first axis and gives each to `reduction`, so that the sampled channels never exist
  /// whole.
  /// - Returns: `[M, X', Y', Z']`.
  /// - Throws: what `reduction` throws; `InterruptedError`.
  static func sample(
    _ voxels: Tensor, on grid: SamplingGrid, mode: InterpolationMode, padding: SamplePadding,
    reducing reduction: VoxelwiseSteps
  ) throws -> Tensor {
    let source = voxels.converted(to: .float32)
    let planes = grid.target[0]
    let step = max(1, slabLength / (source.shape[0] * grid.target[1] * grid.target[2]))
    var result: Tensor?
    for start in stride(from: 0, to: planes, by: step) {
      try Cancellation.check()
      let range = start..<min(start + step, planes)
      let slab = try reduction.apply(
        sample(source, on: grid.limited(to: range), mode: mode, padding: padding)
      ).contiguous()
      let channels = slab.shape[0]
      var whole = result ?? Tensor(slab.elementType, Shape([channels] + grid.target), isZeroed: false)
      result = nil
      let plane = whole.byteCount / (channels * planes)
      slab.withUnsafeBytes { source in
        whole.withMutableBytes { target in
          for channel in 0..<channels {
            let place = (channel * planes + range.lowerBound) * plane
            let from = channel * range.count * plane
            target[place..<place + range.count * plane].copyBytes(from: source[from..<from + range.count * plane])
          }
        }
      }
      result = whole
    }
    guard let result else { throw DefectError("a grid without planes was sampled") }
    return result
  }

  /// Interpolates along each axis: `samples` per target axis; `order` says which target axis each source axis is.
  static func interpolate(_ source: Tensor, _ samples: [AxisSamples], order: [Int] = [0, 1, 2]) -> Tensor {
    let view = source.permuted([0] + inverted(order).map { $0 + 1 })
    if let innermost = (1...3).reversed().first(where: { abs(view.strides[$0]) == 1 || view.shape[$0] == 1 }) {
      return innermost == 3 ? interpolateDense(view, samples) : interpolateCrossed(view, samples, along: innermost - 1)
    }
    return interpolateDense(view.copy(), samples)
  }

  /// Takes one voxel per target index, or zero where the index is -1.
  static func pick(_ source: Tensor, _ indices: [[Int32]], order: [Int] = [0, 1, 2]) -> Tensor {
    let view = source.permuted([0] + inverted(order).map { $0 + 1 })
    let target = indices.map(\.count)
    return fill([view.shape[0]] + target, from: view) { source, voxels, range in
      withPointers(indices) { tables in
        withExtents(Array(view.strides.dropFirst())) { strides in
          withExtents(target) { extents in
            martlet_pick(source, strides, tables, extents, range.lowerBound, range.upperBound, voxels)
          }
        }
      }
    }
  }

  // MARK: Kinds of grids

  /// The innermost axis of source and target is the same.
  private static func interpolateDense(_ view: Tensor, _ samples: [AxisSamples]) -> Tensor {
    let (view, inner) = forward(view, samples[2], axis: 3)
    let plane = samples[1].count * samples[2].count
    let scratch = (view.shape[2] + 1) * view.shape[3]
    return fill([view.shape[0]] + samples.map(\.count), from: view) { source, target, range in
      withScratch(scratch) { scratch in
        samples[0].withTable { a in
          samples[1].withTable { b in
            inner.withTable { c in
              martlet_resample_dense(
                source, view.strides[1], view.strides[2], view.shape[2], view.shape[3], a, b, c, range.lowerBound,
                range.upperBound, target, plane, c.count, scratch)
            }
          }
        }
      }
    }
  }

  /// The innermost axis of the source is an outer axis of the target.
  private static func interpolateCrossed(_ view: Tensor, _ samples: [AxisSamples], along fast: Int) -> Tensor {
    let (view, inner) = forward(view, samples[fast], axis: fast + 1)
    let slow = 1 - fast
    let targetStrides = [samples[1].count * samples[2].count, samples[2].count]
    let scratch = view.shape[fast + 1] * Int(MARTLET_CROSSED_TILE)
    return fill([view.shape[0]] + samples.map(\.count), from: view, splitting: slow) { source, target, range in
      withScratch(scratch) { scratch in
        samples[slow].withTable { o in
          inner.withTable { f in
            samples[2].withTable { c in
              martlet_resample_crossed(
                source, view.strides[slow + 1], view.strides[3], view.shape[fast + 1], o, f, c, range.lowerBound,
                range.upperBound, target, targetStrides[slow], targetStrides[fast], scratch)
            }
          }
        }
      }
    }
  }

  private static func sampleObliquely(
    _ source: Tensor, on grid: SamplingGrid, mode: InterpolationMode, padding: SamplePadding
  ) -> Tensor {
    var result = Tensor(.float32, Shape([source.shape[0]] + grid.target), isZeroed: false)
    let kernel = mode == .bilinear ? martlet_resample_linear : martlet_resample_nearest
    let rows = grid.target[0] * grid.target[1]
    result.withMutableElements(of: Float.self) { elements in
      guard let start = elements.baseAddress else { return }
      source.withBase { bytes in
        let from = Shared(bytes.assumingMemoryBound(to: Float.self))
        let to = Shared(start)
        Parallel.forEach(rows, grain: max(1, 16_384 / (source.shape[0] * grid.target[2]))) { range in
          withPointers(grid.base) { base in
            func row(_ r: Int) -> (Double, Double, Double, Double) {
              (grid.theta[r][0], grid.theta[r][1], grid.theta[r][2], grid.theta[r][3])
            }
            var description = martlet_sampling_grid(
              theta: (row(0), row(1), row(2)), base: (base[0], base[1], base[2]),
              target: (grid.target[0], grid.target[1], grid.target[2]),
              source: (grid.source[0], grid.source[1], grid.source[2]),
              stride: (source.strides[1], source.strides[2], source.strides[3]),
              channels: source.shape[0], source_channel: source.strides[0], target_channel: rows * grid.target[2],
              align_corners: grid.alignCorners ? 1 : 0, padding: padding.code, is_plane: grid.isPlane ? 1 : 0)
            kernel(from.value, &description, range.lowerBound, range.upperBound, to.value)
          }
        }
      }
    }
    return result
  }

  /// The nearest voxels at positions in single precision.
  private static func pickObliquely(_ source: Tensor, on grid: SamplingGrid, padding: SamplePadding) -> Tensor {
    let base = grid.base.map { $0.map { Float($0) } }
    func row(_ r: Int) -> (Float, Float, Float, Float) {
      let row = grid.theta[r].map { Float($0) }
      return (row[0], row[1], row[2], row[3])
    }
    let theta = (row(0), row(1), row(2))
    return fill([source.shape[0]] + grid.target, from: source) { values, target, range in
      withPointers(base) { base in
        var description = martlet_single_grid(
          theta: theta, base: (base[0], base[1], base[2]), target: (grid.target[0], grid.target[1], grid.target[2]),
          source: (grid.source[0], grid.source[1], grid.source[2]),
          stride: (source.strides[1], source.strides[2], source.strides[3]),
          align_corners: grid.alignCorners ? 1 : 0, padding: padding.code, is_plane: grid.isPlane ? 1 : 0)
        martlet_resample_nearest_single(values, &description, range.lowerBound, range.upperBound, target)
      }
    }
  }

  // MARK: Pieces

  /// The nearest index of each position, halves to even; -1 outside.
  private static func nearest(_ positions: [Double], extent: Int) -> [Int32] {
    positions.map { position in
      let index = position.rounded(.toNearestOrEven)
      return index >= 0 && index < Double(extent) ? Int32(index) : -1
    }
  }

  private static func byTargetAxis<Table>(_ order: [Int], _ table: (_ row: Int, _ column: Int) -> Table) -> [Table] {
    let rows = inverted(order)
    return (0..<3).map { column in table(rows[column], column) }
  }

  private static func inverted(_ order: [Int]) -> [Int] {
    (0..<order.count).map { column in order.firstIndex(of: column) ?? column }
  }

  /// The view with `axis` running forward in memory, and the samples that belong to it.
  private static func forward(_ view: Tensor, _ samples: AxisSamples, axis: Int) -> (Tensor, AxisSamples) {
    guard view.strides[axis] < 0 else { return (view, samples) }
    return (view.flipped([axis]), samples.reversed(extent: view.shape[axis]))
  }

  /// Makes a float32 tensor, channel by channel and in ranges of one spatial axis, on all cores.
  private static func fill(
    _ shape: [Int], from source: Tensor, splitting axis: Int = 0,
    _ body: @escaping @Sendable (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Range<Int>) -> Void
  ) -> Tensor {
    var result = Tensor(.float32, Shape(shape), isZeroed: false)
    let extent = shape[axis + 1]
    let channelLength = shape.dropFirst().reduce(1, *)
    let channelStride = source.strides[0]
    let grain = max(1, 16_384 * max(extent, 1) / max(channelLength, 1))
    result.withMutableElements(of: Float.self) { elements in
      guard let start = elements.baseAddress else { return }
      source.withBase { bytes in
        let from = Shared(bytes.assumingMemoryBound(to: Float.self))
        let to = Shared(start)
        Parallel.forEach(shape[0] * extent, grain: grain) { range in
          var index = range.lowerBound
          while index < range.upperBound {
            let channel = index / extent
            let end = min(range.upperBound, (channel + 1) * extent)
            body(
              from.value + channel * channelStride, to.value + channel * channelLength,
              index - channel * extent..<end - channel * extent)
            index = end
          }
        }
      }
    }
    return result
  }

  private static func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutablePointer<Float>.allocate(capacity: max(count, 1))
    defer { scratch.deallocate() }
    body(scratch)
  }

  private static func withExtents(_ extents: [Int], _ body: (UnsafePointer<Int>) -> Void) {
    extents.withUnsafeBufferPointer { $0.baseAddress.map(body) }
  }

  /// Lends three arrays at once.
  private static func withPointers<Element>(
    _ arrays: [[Element]], _ body: (UnsafeMutablePointer<UnsafePointer<Element>?>) -> Void
  ) {
    arrays[0].withUnsafeBufferPointer { first in
      arrays[1].withUnsafeBufferPointer { second in
        arrays[2].withUnsafeBufferPointer { third in
          var pointers = [first.baseAddress, second.baseAddress, third.baseAddress]
          pointers.withUnsafeMutableBufferPointer { $0.baseAddress.map(body) }
        }
      }
    }
  }
}
