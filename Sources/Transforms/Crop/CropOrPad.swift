import Images
import Tensors

/// Cuts voxels off or adds some at the ends of the spatial axes.
enum CropOrPad {
  /// How the added voxels are filled, in PyTorch's and numpy's words.
  enum Mode: String, NamedChoice {
    case constant, edge, replicate, reflect, symmetric, wrap, circular
    /// Along each axis in turn, the least, largest, mean or median value of all the axis' places.
    case minimum, maximum, mean, median
    /// Along each axis in turn, from the value at the border down to zero.
    case linearRamp = "linear_ramp"

    /// Whether the added voxels are computed from a line's own.
    var isComputed: Bool { [.minimum, .maximum, .mean, .median, .linearRamp].contains(self) }

    /// The place inside 0..<`extent` that `index` takes its value from; -1 for the constant.
    func source(_ index: Int, extent: Int) -> Int {
      if (0..<extent).contains(index) { return index }
      switch self {
      case .constant, .minimum, .maximum, .mean, .median, .linearRamp: return -1
      case .edge, .replicate: return min(max(index, 0), extent - 1)
      case .symmetric:
        let place = ((index % (2 * extent)) + 2 * extent) % (2 * extent)
        return place < extent ? place : 2 * extent - 1 - place
      case .wrap, .circular: return ((index % extent) + extent) % extent
      case .reflect:
        guard extent > 1 else { return 0 }
        let period = 2 * (extent - 1)
        let place = ((index % period) + period) % period
        return place < extent ? place : period - place
      }
    }
  }

  /// The voxels `ranges` of each spatial axis, which must lie inside the image. A view.
  static func crop(_ image: inout TransformedImage, to ranges: [Range<Int>]) {
    for (axis, range) in ranges.enumerated() { image.voxels = image.voxels.sliced(axis + 1, range) }
    shift(&image, by: ranges.map(\.lowerBound))
  }

  /// Cuts around the centre where the image is larger than `size`.
  /// - Returns: How much was cut off before and after each axis.
  static func cropCentre(_ image: inout TransformedImage, to size: [Int]) -> [(before: Int, after: Int)] {
    let shape = image.spatialShape
    let ranges = zip(shape, size).map { extent, size in
      let start = max(extent / 2 - size / 2, 0)
      return start..<min(start + size, extent)
    }
    crop(&image, to: ranges)
    return zip(ranges, shape).map { ($0.lowerBound, $1 - $0.upperBound) }
  }

  /// Adds voxels before and after each spatial axis.
  /// - Throws: ``TransformError`` when the result is too large.
  static func pad(
    _ image: inout TransformedImage, _ widths: [(before: Int, after: Int)], mode: Mode, value: Double = 0,
    transform: String
  ) throws {
    guard widths.contains(where: { $0.before != 0 || $0.after != 0 }) else { return }
    let shape = zip(image.spatialShape, widths).map { $0 + $1.before + $1.after }
    let volume = try image.volume(for: transform)
    try OutputLimit.check([volume.channelCount] + shape, transform: transform)
    guard !image.voxels.isHollow else {
      image.voxels = .hollow([image.voxels.shape[0]] + shape)
      return shift(&image, by: widths.map { -$0.before })
    }
    let type = image.voxels.elementType
    let indices = zip(image.spatialShape, widths).map { extent, width in
      (-width.before..<extent + width.after).map { Int32(mode.source($0, extent: extent)) }
    }
    let planar = indices.count == 2 ? [[Int32(0)]] : []
    var padded = Resampler.pick(volume.voxels.converted(to: .float32), indices + planar)
    if mode == .constant, value != 0 { fill(&padded, outside: indices + planar, Float(value)) }
    if mode.isComputed {
      for (axis, width) in widths.enumerated() {
        padded.fillOutside(axis: axis + 1, width.before..<padded.shape[axis + 1] - width.after, mode)
      }
    }
    image.voxels = (indices.count == 2 ? padded.reshaped(Shape([volume.channelCount] + shape)) : padded).converted(
      to: type)
    shift(&image, by: widths.map { -$0.before })
  }

  /// Moves the affine's origin to the voxel `offset`.
  private static func shift(_ image: inout TransformedImage, by offset: [Int]) {
    image.affine = image.affine * Affine.translation((offset + [0]).prefix(3).map { Double($0) })
  }

  /// Writes `value` where an index is -1.
  private static func fill(_ voxels: inout Tensor, outside indices: [[Int32]], _ value: Float) {
    let shape = voxels.shape.dimensions
    voxels.withMutableElements(of: Float.self) { elements in
      var place = 0
      for _ in 0..<shape[0] {
        for x in indices[0] {
          for y in indices[1] {
            for z in indices[2] {
              if x < 0 || y < 0 || z < 0 { elements[place] = value }
              place += 1
            }
          }
        }
      }
    }
  }

  /// Puts zeros where voxels were cut off.
  struct Uncrop: InverseOperation {
    let transform: String
    let widths: [(before: Int, after: Int)]

    func apply(to image: inout TransformedImage) throws {
      try CropOrPad.pad(&image, widths, mode: .constant, transform: "the inverse of \(transform)")
    }
  }

  /// Cuts off what was added.
  struct Unpad: InverseOperation {
    let transform: String
    let widths: [(before: Int, after: Int)]
    var onlyMovesVoxels: Bool { true }

    func apply(to image: inout TransformedImage) throws {
      let ranges = zip(image.spatialShape, widths).map { ($1.before, $0 - $1.after) }
      guard ranges.allSatisfy({ $0.0 < $0.1 }) else {
        throw TransformError.emptyResult(transform: "the inverse of \(transform)", shape: ranges.map { $0.1 - $0.0 })
      }
      CropOrPad.crop(&image, to: ranges.map { $0.0..<$0.1 })
    }
  }
}

extension Tensor {
  /// Writes to the places of `axis` outside `inside` what the mode makes of those inside.
  fileprivate mutating func fillOutside(axis: Int, _ inside: Range<Int>, _ mode: CropOrPad.Mode) {
    let (count, step) = (shape[axis], shape.dimensions[(axis + 1)...].reduce(1, *))
    let lines = shape.dimensions[..<axis].reduce(1, *)
    withMutableElements(of: Float.self) { elements in
      for line in 0..<lines {
        for column in 0..<step {
          let first = line * count * step + column
          let values = inside.lazy.map { elements[first + $0 * step] }
          if mode == .linearRamp {
            let (low, high) = (
              elements[first + inside.lowerBound * step], elements[first + (inside.upperBound - 1) * step]
            )
            for place in 0..<inside.lowerBound {
              elements[first + place * step] = low * Float(place) / Float(inside.lowerBound)
            }
            for place in inside.upperBound..<count {
              elements[first + place * step] = high * Float(count - 1 - place) / Float(count - inside.upperBound)
            }
            continue
          }
          let filling: Float =
            switch mode {
            case .minimum: values.min() ?? 0
            case .maximum: values.max() ?? 0
            case .median: Self.median(Array(values))
            default: values.reduce(0, +) / Float(inside.count)
            }
          for place in 0..<count where !inside.contains(place) { elements[first + place * step] = filling }
        }
      }
    }
  }

  /// The middle value, or the mean of the two in the middle. There must be one.
  private static func median(_ values: [Float]) -> Float {
    let ordered = values.sorted()
    let middle = ordered.count / 2
    return ordered.count % 2 == 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2
  }
}
