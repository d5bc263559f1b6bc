package import Arguments
import Tensors

/// Scales images by a factor: MONAI's `Zoomd`. With `keep_size`, the default, the result is cut or padded to the size
/// that the image had.
package struct Zoomd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let factors: [Double]
  let keepsSize: Bool
  let options: [Interpolation]
  let padding: [CropOrPad.Mode]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    factors = try arguments.doubles("zoom")
    keepsSize = try arguments.bool("keep_size", default: true)
    options = try Interpolation.perKey(&arguments, keys)
    padding = try arguments.choices("padding_mode", per: keys, default: .edge)
    try arguments.refuseLazy()
    try arguments.finish()
    guard factors.allSatisfy({ $0.isFinite && $0 > 0 && $0 <= 1000 }) else {
      throw arguments.unsupported("zoom", "not a factor", supported: "positive factors")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.spatialShape
    let target = try zoomedShape(shape)
    try options[index].resize(&image, to: target, transform: name)
    let sizing = keepsSize ? try fit(&image, to: shape, mode: padding[index]) : []
    let scaling = Interpolation.Inverse(transform: name, shape: shape, options: options[index])
    record(Inverse(steps: sizing + [scaling]), on: &image)
  }

  func outline(_ image: inout TransformedImage, index: Int) throws {
    guard !keepsSize else { return }
    let shape = [image.voxels.shape[0]] + (try zoomedShape(image.spatialShape))
    try OutputLimit.check(shape, transform: name)
    image.voxels = .hollow(shape)
  }

  private func zoomedShape(_ shape: [Int]) throws -> [Int] {
    let factors = self.factors.count == 1 ? shape.map { _ in self.factors[0] } : self.factors
    guard factors.count == shape.count else {
      throw TransformError.unsuitable(
        transform: name, what: "'zoom' has \(factors.count) numbers for \(shape.count) spatial axes",
        expected: "one number, or one per axis")
    }
    return zip(shape, factors).map { Int((Double($0) * $1).rounded(.down)) }
  }

  /// Cuts around the centre, or pads both ends, to `shape`.
  /// - Returns: What undoes it, in the order to apply.
  private func fit(
    _ image: inout TransformedImage, to shape: [Int], mode: CropOrPad.Mode
  ) throws -> [any InverseOperation] {
    let zoomed = image.spatialShape
    guard zoomed != shape else { return [] }
    let ranges = zip(zoomed, shape).map { extent, size in
      let start = max(extent / 2 - size / 2, 0)
      return start..<min(start + size, extent)
    }
    CropOrPad.crop(&image, to: ranges)
    let widths = zip(ranges, shape).map { range, size in
      (before: (size - range.count) / 2, after: size - range.count - (size - range.count) / 2)
    }
    try CropOrPad.pad(&image, widths, mode: mode, transform: name)
    return [
      CropOrPad.Unpad(transform: name, widths: widths),
      CropOrPad.Uncrop(transform: name, widths: zip(ranges, zoomed).map { ($0.lowerBound, $1 - $0.upperBound) }),
    ]
  }

  private struct Inverse: InverseOperation {
    let steps: [any InverseOperation]

    func apply(to image: inout TransformedImage) throws {
      for step in steps { try step.apply(to: &image) }
    }

    var withNearestInterpolation: any InverseOperation { Inverse(steps: steps.map(\.withNearestInterpolation)) }
  }
}
