package import Arguments
import Images
import Tensors

/// Scales images to a spatial size: MONAI's `Resized`, PyTorch's `interpolate`.
package struct Resized: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  let size: [Int]
  let scalesLongest: Bool
  let options: [Interpolation]
  /// Per key the sigma in voxels of the smoothing that goes before an axis shrinks, one or one per axis; empty for what the
  /// factors ask for; nil for no smoothing.
  let smoothing: [[Double]?]

  private enum SizeMode: String, NamedChoice { case all, longest }

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    size = try arguments.ints("spatial_size")
    scalesLongest = try arguments.choice("size_mode", default: SizeMode.all) == .longest
    options = try Interpolation.perKey(&arguments, keys)
    let smooths = try arguments.bools("anti_aliasing", per: keys, default: false)
    let widths = try arguments.optionalDoubles("anti_aliasing_sigma")
    smoothing = smooths.map { $0 ? .some(widths ?? []) : nil }
    try arguments.refuseLazy()
    try arguments.finish()
    guard !scalesLongest || (size.count == 1 && (1...OutputLimit.extent).contains(size[0])) else {
      throw arguments.unsupported("spatial_size", "\(size)", supported: "a single number of voxels for 'longest'")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.spatialShape
    let target = try targetShape(shape)
    if let sigma = smoothing[index] { try smooth(&image, sigma, to: target) }
    try options[index].resize(&image, to: target, transform: name)
    record(Interpolation.Inverse(transform: name, shape: shape, options: options[index]), on: &image)
  }

  func outline(_ image: inout TransformedImage, index: Int) throws {
    let shape = [image.voxels.shape[0]] + (try targetShape(image.spatialShape))
    try OutputLimit.check(shape, transform: name)
    image.voxels = .hollow(shape)
  }

  private func smooth(_ image: inout TransformedImage, _ sigma: [Double], to target: [Int]) throws {
    let shape = image.spatialShape
    guard target.count == shape.count, zip(target, shape).contains(where: <) else { return }
    guard sigma.count <= 1 || sigma.count == shape.count else {
      throw TransformError.unsuitable(
        transform: name, what: "'anti_aliasing_sigma' has \(sigma.count) numbers for \(shape.count) spatial axes",
        expected: "one number, or one per axis")
    }
    let widths = zip(shape, target).enumerated().map { axis, extents -> Double in
      let factor = Double(Float(extents.0) / Float(extents.1))
      guard factor > 1 else { return 0 }
      return sigma.isEmpty ? (factor - 1) / 2 : sigma[sigma.count == 1 ? 0 : axis]
    }
    GaussianSmoothd.Approximation.erf.smooth(&image.voxels, sigma: widths)
  }

  private func targetShape(_ shape: [Int]) throws -> [Int] {
    guard scalesLongest, let longest = shape.max(), longest > 0 else {
      return try SpatialSize.perAxis(size, shape: shape, argument: "spatial_size", transform: name)
    }
    let scale = Double(size[0]) / Double(longest)
    return shape.map { Int((Double($0) * scale).rounded(.toNearestOrEven)) }
  }
}

/// The options of PyTorch's `interpolate`.
struct Interpolation: Sendable, Equatable {
  enum Mode: String, NamedChoice {
    case area, nearest, trilinear, bicubic
    case nearestExact = "nearest-exact"

    /// The linear modes have one name per number of axes; the orders of splines mean the modes that are most like them.
    init?(configName: String) {
      let word = configName.split(separator: ".").last.map { $0.lowercased() } ?? configName
      let names = [
        "linear": "trilinear", "bilinear": "trilinear", "nearest_exact": "nearest-exact", "0": "nearest-exact",
        "1": "trilinear", "3": "bicubic",
      ]
      self.init(rawValue: names[word] ?? word)
    }
  }

  var mode: Mode
  var alignCorners: Bool
  /// In which linear positions are computed; nil for that of the image.
  var precision: PositionPrecision?

  /// Reads `mode`, `align_corners` and `dtype`.
  static func perKey(_ arguments: inout ArgumentReader, _ keys: Keys) throws -> [Interpolation] {
    let names = try arguments.optionalPerKey("mode", count: keys.names.count, expected: Mode.expectation) {
      value -> String? in
      if case .int(let order) = value { return "\(order)" }
      return value.choiceName
    }
    let modes = try names.map { name in
      guard let mode = Mode(configName: name ?? Mode.area.rawValue) else {
        throw arguments.unsupported("mode", "'\(name ?? "")'", supported: Mode.expectation)
      }
      return mode
    }
    let corners = try arguments.optionalBools("align_corners", per: keys)
    let precisions = try arguments.precisions(keys, default: .float32)
    return try keys.names.indices.map { index in
      guard corners[index] == nil || [.trilinear, .bicubic].contains(modes[index]) else {
        throw arguments.unsupported(
          "align_corners", "given for the mode '\(modes[index].rawValue)'",
          supported: "None: only linear and cubic modes have corners")
      }
      return Interpolation(
        mode: modes[index], alignCorners: corners[index] ?? false, precision: precisions[index])
    }
  }

  /// Scales the image's voxels to `shape`, as float32, and its affine with them.
  func resize(_ image: inout TransformedImage, to shape: [Int], transform: String) throws {
    let volume = try image.volume(for: transform)
    let old = image.spatialShape
    guard old != shape else {
      image.voxels = image.voxels.converted(to: .float32)
      return
    }
    try OutputLimit.check([volume.channelCount] + shape, transform: transform)
    guard volume.voxels.count > 0 else {
      throw TransformError.emptyResult(transform: transform, shape: volume.voxels.shape.dimensions)
    }
    let target = (shape + [1]).prefix(3).map { $0 }
    guard mode != .bicubic || shape.count == 2 else {
      throw TransformError.unsuitable(
        transform: transform, what: "'bicubic' on \(shape.count) spatial axes", expected: "two, as PyTorch has it")
    }
    let positions = AxisPositions(
      alignCorners: alignCorners, isPlane: shape.count == 2,
      precision: precision ?? (image.voxels.elementType == .float64 ? .double : .single))
    let voxels = sample(volume.voxels.converted(to: .float32), to: target, positions)
    image.voxels = shape.count == 3 ? voxels : voxels.reshaped(Shape([volume.channelCount] + shape))
    image.affine = image.affine * SpacingGeometry.scaling(from: old, to: shape, alignCorners: alignCorners)
  }

  private func sample(_ voxels: Tensor, to target: [Int], _ positions: AxisPositions) -> Tensor {
    let source = Array(voxels.shape.dimensions.dropFirst())
    switch mode {
    case .area:
      var result = voxels
      result.becomeDenseFloat()
      // The axis that shrinks most goes first, so that the others have less to do.
      for axis in (0..<3).sorted(by: { target[$0] * source[$1] < target[$1] * source[$0] })
      where source[axis] != target[axis] {
        result = AxisFilter.area(extent: source[axis], count: target[axis]).apply(to: result, axis: axis + 1)
      }
      return result
    case .bicubic:
      var result = voxels
      result.becomeDenseFloat()
      for axis in 0..<2 {
        let places = positions.unbounded(extent: source[axis], count: target[axis])
        result = AxisFilter.cubic(positions: places, extent: source[axis]).apply(to: result, axis: axis + 1)
      }
      return result
    case .nearest, .nearestExact:
      return Resampler.pick(voxels, (0..<3).map { nearest(extent: source[$0], count: target[$0]) })
    case .trilinear:
      return Resampler.interpolate(
        voxels,
        (0..<3).map { axis in
          AxisSamples(linear: positions.bounded(extent: source[axis], count: target[axis]), extent: source[axis])
        })
    }
  }

  /// PyTorch scales in float32 and takes the voxel below.
  private func nearest(extent: Int, count: Int) -> [Int32] {
    let scale = Float(extent) / Float(count)
    let shift: Float = mode == .nearestExact ? 0.5 : 0
    return (0..<count).map { Int32(min(((Float($0) + shift) * scale).rounded(.down), Float(extent - 1))) }
  }

  /// Scales back to the size that the image had.
  struct Inverse: InverseOperation {
    let transform: String
    let shape: [Int]
    var options: Interpolation

    func apply(to image: inout TransformedImage) throws {
      try options.resize(&image, to: shape, transform: "the inverse of \(transform)")
    }

    var withNearestInterpolation: any InverseOperation {
      var copy = self
      copy.options = Interpolation(mode: .nearest, alignCorners: false)
      return copy
    }
  }
}

/// Where PyTorch's `interpolate` finds its outputs along an axis, with its rounding.
private struct AxisPositions {
  let alignCorners: Bool
  let isPlane: Bool
  let precision: PositionPrecision

  func unbounded(extent: Int, count: Int) -> [Double] {
    switch precision {
    case .single: places(extent, count, as: Float.self)
    case .double: places(extent, count, as: Double.self)
    }
  }

  /// Between the first and the last voxel.
  func bounded(extent: Int, count: Int) -> [Double] {
    unbounded(extent: extent, count: count).map { min(max($0, 0), Double(extent - 1)) }
  }

  private func places<Scalar: BinaryFloatingPoint>(_ extent: Int, _ count: Int, as _: Scalar.Type) -> [Double] {
    if alignCorners {
      let scale = count > 1 ? Scalar(extent - 1) / Scalar(count - 1) : 0
      return (0..<count).map { Double(Scalar($0) * scale) }
    }
    let scale = Scalar(extent) / Scalar(count)
    return (0..<count).map { index in
      let centre = Scalar(index) + 0.5
      // PyTorch's code for planes is compiled with fused operations.
      return Double(isPlane ? Scalar(-0.5).addingProduct(scale, centre) : scale * centre - 0.5)
    }
  }
}
