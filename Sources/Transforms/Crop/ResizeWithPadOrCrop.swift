package import Arguments
import Tensors

/// Cuts or pads images around their centre to a size: MONAI's `ResizeWithPadOrCropd`.
package struct ResizeWithPadOrCropd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let size: [Int]
  let options: PadOptions

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    size = try arguments.ints("spatial_size")
    options = try PadOptions(&arguments, keys)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let size = try SpatialSize.perAxis(size, shape: image.spatialShape, argument: "spatial_size", transform: name)
    let cut = CropOrPad.cropCentre(&image, to: size)
    let padding = try options.pad(&image, to: size, index: index, transform: name)
    let uncrop = CropOrPad.Uncrop(transform: name, widths: cut)
    record(Inverse(unpad: padding, uncrop: cut.contains { $0 != (0, 0) } ? uncrop : nil), on: &image)
  }

  private struct Inverse: InverseOperation {
    let unpad: any InverseOperation
    /// nil where nothing was cut off.
    let uncrop: CropOrPad.Uncrop?
    var onlyMovesVoxels: Bool { uncrop == nil }

    func apply(to image: inout TransformedImage) throws {
      try unpad.apply(to: &image)
      try uncrop?.apply(to: &image)
    }
  }
}

/// Cuts a box out of images: MONAI's `SpatialCropd`. A view.
package struct SpatialCropd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// Per axis, from the first one on; the other axes stay whole. nil for the axis' own end; negative from its end.
  let bounds: [(start: Int?, end: Int?)]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    let centre = try arguments.optionalInts("roi_center")
    let size = try arguments.optionalInts("roi_size")
    let start = try arguments.optionalInts("roi_start")
    let end = try arguments.optionalInts("roi_end")
    let slices = try Self.slices(&arguments)
    try arguments.refuseLazy()
    try arguments.finish()
    if let slices {
      bounds = slices
      return
    }
    let all = [centre, size, start, end].compactMap { $0 }.flatMap { $0 }
    if let far = all.first(where: { $0.magnitude > OutputLimit.extent }) {
      throw arguments.unsupported(
        "roi_size", "a place or a size of \(far)", supported: "at most \(OutputLimit.extent) voxels")
    }
    if let centre, let size, let pairs = Self.paired(centre, size) {
      bounds = pairs.map { centre, size in
        // Python's `//` rounds down.
        let start = max(centre - Int((Double(size) / 2).rounded(.down)), 0)
        return (start, start + max(size, 0))
      }
    } else if let start, let end, let pairs = Self.paired(start, end) {
      bounds = pairs.map { (max($0, 0), max($0, $1, 0)) }
    } else {
      throw arguments.unsupported(
        "roi_size", "without its counterpart, or of another length",
        supported: "'roi_center' with 'roi_size', or 'roi_start' with 'roi_end'")
    }
  }

  /// `roi_slices`: Python's slices of step 1.
  private static func slices(_ arguments: inout ArgumentReader) throws -> [(start: Int?, end: Int?)]? {
    guard let value = arguments.present("roi_slices") else { return nil }
    let expected = "a list of slices without a step, such as \"$[slice(2, 20), slice(None)]\""
    guard case .list(let items) = value else { throw arguments.wrongKind("roi_slices", value, expected: expected) }
    return try items.map { item in
      guard case .component(let slice) = item, slice.className == "slice", (1...3).contains(slice.positional.count),
        slice.positional.allSatisfy({ $0.isNull || ($0.asInt).map { $0.magnitude <= OutputLimit.extent } == true }),
        slice.positional.count < 3 || slice.positional[2].isNull || slice.positional[2].asInt == 1
      else { throw arguments.wrongKind("roi_slices", item, expected: expected) }
      // A single number is the end.
      let ends = slice.positional.count == 1 ? [.null] + slice.positional : slice.positional
      return (ends[0].asInt, ends[1].asInt)
    }
  }

  /// One number stands for as many as the other list has.
  private static func paired(_ first: [Int], _ second: [Int]) -> [(Int, Int)]? {
    let count = max(first.count, second.count)
    let lists = [first, second].map { $0.count == 1 ? Array(repeating: $0[0], count: count) : $0 }
    return lists[0].count == lists[1].count ? Array(zip(lists[0], lists[1])) : nil
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.spatialShape
    let ranges = shape.enumerated().map { axis, extent -> Range<Int> in
      guard axis < bounds.count else { return 0..<extent }
      func place(_ index: Int) -> Int { min(max(index < 0 ? index + extent : index, 0), extent) }
      let start = bounds[axis].start.map(place) ?? 0
      return start..<max(start, bounds[axis].end.map(place) ?? extent)
    }
    guard ranges.allSatisfy({ !$0.isEmpty }) else {
      throw TransformError.emptyResult(transform: name, shape: ranges.map(\.count))
    }
    CropOrPad.crop(&image, to: ranges)
    let widths = zip(ranges, shape).map { (before: $0.lowerBound, after: $1 - $0.upperBound) }
    record(CropOrPad.Uncrop(transform: name, widths: widths), on: &image)
  }
}

/// Adds voxels around images: MONAI's `BorderPadd`.
package struct BorderPadd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// One number for all sides, one per axis, or two per axis.
  let border: [Int]
  let modes: [CropOrPad.Mode]
  let value: Double

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    border = try arguments.ints("spatial_border").map { max($0, 0) }
    modes = try arguments.choices("mode", per: keys, default: .constant)
    let constant = try arguments.optionalDouble("constant_values")
    value = try arguments.optionalDouble("value") ?? constant ?? 0
    try arguments.refuseLazy()
    try arguments.finish()
    guard border.allSatisfy({ $0 <= OutputLimit.extent }) else {
      throw arguments.unsupported("spatial_border", "\(border)", supported: "at most \(OutputLimit.extent) voxels")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.spatialRank
    let widths: [(before: Int, after: Int)]
    switch border.count {
    case 1: widths = Array(repeating: (border[0], border[0]), count: rank)
    case rank: widths = border.map { ($0, $0) }
    case rank * 2: widths = (0..<rank).map { (border[2 * $0], border[2 * $0 + 1]) }
    default:
      throw TransformError.unsuitable(
        transform: name, what: "'spatial_border' has \(border.count) numbers for \(rank) spatial axes",
        expected: "one number, one per axis, or two per axis")
    }
    try CropOrPad.pad(&image, widths, mode: modes[index], value: value, transform: name)
    record(CropOrPad.Unpad(transform: name, widths: widths), on: &image)
  }
}
