import Arguments
import Graphs

/// `torch.nn.functional.interpolate`.
struct Interpolation: Sendable, Hashable {
  var mode: ResizeMode
  var alignsCorners: Bool

  static let nearest = Interpolation(mode: .nearest, alignsCorners: false)

  private var coordinates: ResizeCoordinates {
    mode == .nearest ? .asymmetric : alignsCorners ? .alignCorners : .halfPixel
  }

  /// Each spatial extent multiplied by its factor, rounded down.
  func build(_ builder: inout NetworkBuilder, _ input: Value, scales: [Double]) throws -> Value {
    if scales.allSatisfy({ $0 == 1 }) { return input }
    return try builder.emit {
      try $0.resize(input, scales: scales.map { Float($0) }, mode: mode, coordinates: coordinates)
    }
  }

  /// The given spatial extents.
  func build(_ builder: inout NetworkBuilder, _ input: Value, sizes: [Int]) throws -> Value {
    if builder.spatial(of: input) == sizes { return input }
    return try builder.emit { try $0.resize(input, to: sizes, mode: mode, coordinates: coordinates) }
  }
}

extension ArgumentReader {
  /// MONAI's `InterpolateMode`; the linear ones all mean linear along every axis.
  mutating func resizeMode(_ name: String, default fallback: ResizeMode) throws -> ResizeMode {
    guard let text = try optionalString(name) else { return fallback }
    switch text.lowercased() {
    case "nearest": return .nearest
    case "linear", "bilinear", "trilinear": return .linear
    case "bicubic": return .cubic
    default: throw unsupported(name, "'\(text)'", supported: "nearest, linear, bilinear, trilinear, bicubic")
    }
  }
}
