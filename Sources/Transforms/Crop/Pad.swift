package import Arguments
import Tensors

/// Pads images to a spatial size: MONAI's `SpatialPadd`.
package struct SpatialPadd: ImageTransform, InvertibleTransform, OutliningTransform {
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
    record(try options.pad(&image, to: size, index: index, transform: name), on: &image)
  }
}

/// Pads images so that their extents are multiples of `k`: MONAI's `DivisiblePadd`.
package struct DivisiblePadd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let divisors: [Int]
  let options: PadOptions

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    divisors = try arguments.ints("k")
    options = try PadOptions(&arguments, keys)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let size = try SpatialSize.divisible(image.spatialShape, by: divisors, argument: "k", transform: name)
    record(try options.pad(&image, to: size, index: index, transform: name), on: &image)
  }
}

/// The options that the padding transforms share.
struct PadOptions: Sendable {
  enum Method: String, NamedChoice { case symmetric, end }

  let method: Method
  let modes: [CropOrPad.Mode]
  let value: Double

  init(_ arguments: inout ArgumentReader, _ keys: Keys) throws {
    method = try arguments.choice("method", default: Method.symmetric)
    modes = try arguments.choices("mode", per: keys, default: .constant)
    let constant = try arguments.optionalDouble("constant_values")
    value = try arguments.optionalDouble("value") ?? constant ?? 0
    try arguments.refuseLazy()
  }

  /// Pads `image` where it is smaller than `size`.
  /// - Returns: What undoes it.
  func pad(
    _ image: inout TransformedImage, to size: [Int], index: Int, transform: String
  ) throws -> any InverseOperation {
    let widths = zip(size, image.spatialShape).map { wanted, extent -> (before: Int, after: Int) in
      let width = max(wanted - extent, 0)
      return method == .symmetric ? (width / 2, width - width / 2) : (0, width)
    }
    try CropOrPad.pad(&image, widths, mode: modes[index], value: value, transform: transform)
    return CropOrPad.Unpad(transform: transform, widths: widths)
  }
}

/// Sizes as MONAI's arguments give them.
enum SpatialSize {
  /// One number per axis; one for all, and the image's own extent where it is not positive.
  /// - Throws: ``TransformError`` for another number of axes or a size beyond ``OutputLimit/extent``.
  static func perAxis(_ size: [Int], shape: [Int], argument: String, transform: String) throws -> [Int] {
    let sizes = try oneEach(size, shape, argument, transform)
    return zip(sizes, shape).map { $0 > 0 ? $0 : $1 }
  }

  /// The next multiples of `divisors`.
  static func divisible(_ shape: [Int], by divisors: [Int], argument: String, transform: String) throws -> [Int] {
    let steps = try oneEach(divisors, shape, argument, transform)
    return zip(shape, steps).map { extent, step in step > 0 ? (extent + step - 1) / step * step : extent }
  }

  private static func oneEach(_ values: [Int], _ shape: [Int], _ argument: String, _ transform: String) throws -> [Int]
  {
    let values = values.count == 1 ? shape.map { _ in values[0] } : values
    guard values.count == shape.count else {
      throw TransformError.unsuitable(
        transform: transform, what: "'\(argument)' has \(values.count) numbers for \(shape.count) spatial axes",
        expected: "one number, or one per axis")
    }
    guard values.allSatisfy({ $0 <= OutputLimit.extent }) else {
      throw TransformError.unsuitable(
        transform: transform, what: "'\(argument)' is \(values)",
        expected: "at most \(OutputLimit.extent) voxels on an axis")
    }
    return values
  }
}
