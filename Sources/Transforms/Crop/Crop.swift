package import Arguments
import Images
import OrderedCollections
import Tensors

/// Cuts the centre out of images: MONAI's `CenterSpatialCropd`. A view.
package struct CenterSpatialCropd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let size: [Int]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    size = try arguments.ints("roi_size")
    try arguments.refuseLazy()
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    // A larger box than the image is the whole image.
    let size = try SpatialSize.perAxis(
      size.map { min($0, OutputLimit.extent) }, shape: image.spatialShape, argument: "roi_size", transform: name)
    let widths = CropOrPad.cropCentre(&image, to: size)
    record(CropOrPad.Uncrop(transform: name, widths: widths), on: &image)
  }
}

/// Cuts images to the bounding box of the foreground of one of them: MONAI's `CropForegroundd`.
package struct CropForegroundd: KeyedTransform, InvertibleTransform {
  package let keys: Keys
  let sourceKey: String
  let selection: ForegroundSelection
  let channels: [Int]?
  let margin: [Int]
  let allowsSmaller: Bool
  let divisors: [Int]
  let modes: [CropOrPad.Mode]
  let value: Double
  let startKey: String?
  let endKey: String?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    sourceKey = try arguments.string("source_key")
    selection = try ForegroundSelection(&arguments, "select_fn", keys)
    channels = try arguments.optionalInts("channel_indices")
    margin = try arguments.ints("margin", default: [0])
    allowsSmaller = try arguments.bool("allow_smaller", default: false)
    divisors = try arguments.ints("k_divisible", default: [1])
    modes = try arguments.choices("mode", per: keys, default: .constant)
    let constant = try arguments.optionalDouble("constant_values")
    value = try arguments.optionalDouble("value") ?? constant ?? 0
    startKey = try Self.coordinateKey("start_coord_key", default: "foreground_start_coord", &arguments)
    endKey = try Self.coordinateKey("end_coord_key", default: "foreground_end_coord", &arguments)
    try arguments.refuseLazy()
    try arguments.finish()
    guard margin.allSatisfy({ (0...OutputLimit.extent).contains($0) }) else {
      throw arguments.unsupported("margin", "\(margin)", supported: "0 to \(OutputLimit.extent) voxels")
    }
  }

  /// `None` switches the key off.
  private static func coordinateKey(
    _ name: String, default fallback: String, _ arguments: inout ArgumentReader
  ) throws -> String? {
    arguments.value(name) == nil ? fallback : try arguments.optionalString(name)
  }

  package func apply(_ sample: inout Sample) throws {
    let box = try boundingBox(try sample.image(sourceKey, for: name))
    if let startKey { sample[startKey] = .value(.list(box.map { .int($0.lowerBound) })) }
    if let endKey { sample[endKey] = .value(.list(box.map { .int($0.upperBound) })) }
    for (index, key) in try keys.present(in: sample) {
      try sample.updateImage(key, for: name) { try crop(&$0, to: box, index: index) }
    }
  }

  /// Cuts to `box`, padding where it reaches outside.
  private func crop(_ image: inout TransformedImage, to box: [Range<Int>], index: Int) throws {
    let shape = image.spatialShape
    guard box.count == shape.count else {
      throw TransformError.unsuitable(
        transform: name, what: "an image has \(shape.count) spatial axes and '\(sourceKey)' has \(box.count)",
        expected: "images with the same axes")
    }
    let inside = zip(box, shape).map { range, extent in range.clamped(to: 0..<extent) }
    guard inside.allSatisfy({ !$0.isEmpty }) else {
      throw TransformError.emptyResult(transform: name, shape: inside.map(\.count))
    }
    let added = zip(box, inside).map {
      (before: $1.lowerBound - $0.lowerBound, after: $0.upperBound - $1.upperBound)
    }
    CropOrPad.crop(&image, to: inside)
    try CropOrPad.pad(&image, added, mode: modes[index], value: value, transform: name)
    let cut = zip(inside, shape).map { (before: $0.lowerBound, after: $1 - $0.upperBound) }
    record(Inverse(transform: name, added: added, cut: cut), on: &image)
  }

  private struct Inverse: InverseOperation {
    let transform: String
    let added: [(before: Int, after: Int)]
    let cut: [(before: Int, after: Int)]

    func apply(to image: inout TransformedImage) throws {
      try CropOrPad.Unpad(transform: transform, widths: added).apply(to: &image)
      try CropOrPad.Uncrop(transform: transform, widths: cut).apply(to: &image)
    }
  }

  /// The box of the selected voxels with its margin, grown to multiples of `k_divisible`.
  private func boundingBox(_ image: TransformedImage) throws -> [Range<Int>] {
    let shape = image.spatialShape
    guard let extents = try foreground(image) else {
      throw TransformError.unsuitable(
        transform: name, what: "no voxel of '\(sourceKey)' is foreground", expected: "voxels that 'select_fn' takes")
    }
    let margins = margin.count == 1 ? shape.map { _ in margin[0] } : margin
    guard margins.count == shape.count else {
      throw TransformError.unsuitable(
        transform: name, what: "'margin' has \(margin.count) numbers for \(shape.count) axes",
        expected: "one number, or one per axis")
    }
    let box = zip(zip(extents, margins), shape).map { pair, extent -> Range<Int> in
      let grown = pair.0.lowerBound - pair.1..<pair.0.upperBound + pair.1
      return allowsSmaller ? grown.clamped(to: 0..<extent) : grown
    }
    let sizes = try SpatialSize.divisible(
      box.map(\.count), by: divisors, argument: "k_divisible", transform: name)
    return zip(box, sizes).map { range, size in
      let start = range.lowerBound - (size - range.count) / 2
      return start..<start + size
    }
  }

  /// The range of selected indices per axis; nil when there are none.
  private func foreground(_ image: TransformedImage) throws -> [Range<Int>]? {
    let (voxels, comparison) = try selection.candidates(try chosen(image), transform: name)
    guard voxels.shape.dimensions.dropFirst() == image.voxels.shape.dimensions.dropFirst() else {
      throw TransformError.unsuitable(
        transform: name, what: "'select_fn' makes the shape \(voxels.shape) of \(image.voxels.shape)",
        expected: "the same spatial axes")
    }
    let volume = try TransformedImage(voxels: voxels, affine: image.affine).volume(for: name)
    let shape = volume.spatialShape
    var lower = shape
    var upper = [-1, -1, -1]
    volume.voxels.converted(to: .float32).withElements(of: Float.self) { elements in
      var place = 0
      for _ in 0..<volume.channelCount {
        for x in 0..<shape[0] {
          for y in 0..<shape[1] {
            for z in 0..<shape[2] {
              if comparison.selects(elements[place]) {
                lower = [min(lower[0], x), min(lower[1], y), min(lower[2], z)]
                upper = [max(upper[0], x), max(upper[1], y), max(upper[2], z)]
              }
              place += 1
            }
          }
        }
      }
    }
    guard upper[0] >= 0 else { return nil }
    return (0..<image.spatialRank).map { lower[$0]..<upper[$0] + 1 }
  }

  /// The voxels of the channels that count.
  private func chosen(_ image: TransformedImage) throws -> Tensor {
    let count = try image.volume(for: name).channelCount
    guard let channels else { return image.voxels }
    let parts = try channels.map { channel in
      let index = channel < 0 ? channel + count : channel
      guard (0..<count).contains(index) else {
        throw TransformError.unsuitable(
          transform: name, what: "'channel_indices' names channel \(channel) of \(count)", expected: "a channel")
      }
      return image.voxels.sliced(0, index..<index + 1)
    }
    if parts.count == 1 { return parts[0] }
    return Tensor.concatenated(parts.map { $0.converted(to: .float32) }).converted(to: image.voxels.elementType)
  }
}

/// Which voxels are foreground: a comparison with a number, or any lambda that can be evaluated.
enum ForegroundSelection: Sendable {
  case comparison(VoxelComparison)
  case function(TensorExpression)

  /// - Throws: `ArgumentError` for what is no lambda, ``TransformError`` for one that can't be evaluated.
  init(_ arguments: inout ArgumentReader, _ name: String, _ keys: Keys) throws {
    switch arguments.present(name) {
    case nil: self = .comparison(VoxelComparison(relation: .greater, limit: 0))
    case .lambda(let source):
      if let comparison = VoxelComparison(source) {
        self = .comparison(comparison)
      } else {
        self = .function(try TensorExpression(source, component: keys.component))
      }
    case .some(let value):
      throw arguments.unsupported(name, value.summary, supported: "a lambda such as \"$lambda x: x > 0\"")
    }
  }

  /// The values that are compared, and the comparison that takes those of the foreground.
  func candidates(_ voxels: Tensor, transform: String) throws -> (voxels: Tensor, comparison: VoxelComparison) {
    switch self {
    case .comparison(let comparison): (voxels, comparison)
    case .function(let function):
      (try function.value(for: voxels, transform: transform), VoxelComparison(relation: .different, limit: 0))
    }
  }
}

/// A comparison with a number, read from the one form of `lambda` that configs use: `lambda x: x > 0`.
struct VoxelComparison: Sendable {
  enum Relation: String {
    case greater = ">", atLeast = ">=", less = "<", atMost = "<=", equal = "==", different = "!="
  }

  let relation: Relation
  let limit: Double

  init(relation: Relation, limit: Double) {
    self.relation = relation
    self.limit = limit
  }

  /// nil for any other function.
  init?(_ source: String) {
    let words = source.split(whereSeparator: \.isWhitespace).map(String.init)
    guard words.count == 5, words[0] == "lambda", words[1] == words[2] + ":",
      let relation = Relation(rawValue: words[3]), let limit = Double(words[4])
    else { return nil }
    self.relation = relation
    self.limit = limit
  }

  func selects(_ value: Float) -> Bool {
    let value = Double(value)
    return switch relation {
    case .greater: value > limit
    case .atLeast: value >= limit
    case .less: value < limit
    case .atMost: value <= limit
    case .equal: value == limit
    case .different: value != limit
    }
  }
}
