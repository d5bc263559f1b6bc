import Arguments
import CKernels
import Tensors

/// How an image is sampled on another grid: the `mode`, `padding_mode`, `align_corners` and `dtype` of MONAI's resampling.
struct SamplingOptions: Sendable, Equatable {
  var sampling: VoxelSampling
  var alignCorners: Bool
  var precision = PositionPrecision.double
}

/// How an image is sampled between its voxels, and what lies outside. MONAI takes PyTorch for the modes with names and SciPy
/// for those that are numbers.
enum VoxelSampling: Sendable, Equatable {
  /// `torch.nn.functional.grid_sample`.
  case grid(InterpolationMode, SamplePadding)
  /// B-splines of the order 0 to 5: `scipy.ndimage.map_coordinates`.
  case spline(order: Int, SplineExtension)

  static let orders = 0...5

  /// The nearest voxel instead, as `nearest_interp` of an inversion asks for; nil where PyTorch has no such padding.
  var nearest: VoxelSampling? {
    switch self {
    case .grid(_, let padding): .grid(.nearest, padding)
    case .spline(_, let outside): outside.padding.map { .grid(.nearest, $0) }
    }
  }
}

/// The modes of PyTorch's sampling.
enum InterpolationMode: String, NamedChoice {
  case bilinear, nearest

  /// The linear modes have one name per number of axes.
  init?(configName: String) {
    let word = configName.split(separator: ".").last.map { $0.lowercased() } ?? configName
    self.init(rawValue: ["linear", "trilinear"].contains(word) ? "bilinear" : word)
  }
}

/// What lies outside an image for PyTorch.
enum SamplePadding: String, NamedChoice {
  case border, zeros, reflection

  /// SciPy's names mean the padding that is most like theirs.
  init?(configName: String) {
    let word = configName.split(separator: ".").last.map { $0.lowercased() } ?? configName
    if let padding = SplineExtension(name: word)?.padding {
      self = padding
    } else {
      self.init(rawValue: word)
    }
  }

  var code: Int32 {
    switch self {
    case .zeros: Int32(MARTLET_PADDING_ZEROS)
    case .border: Int32(MARTLET_PADDING_BORDER)
    case .reflection: Int32(MARTLET_PADDING_REFLECTION)
    }
  }
}

/// What lies outside an image for SciPy's splines.
enum SplineExtension: String, NamedChoice {
  case nearest, constant, reflect, mirror, wrap
  case gridConstant = "grid-constant"
  case gridMirror = "grid-mirror"
  case gridWrap = "grid-wrap"

  /// - Parameter name: In small letters; an enumeration's member has an underscore.
  init?(name: String) { self.init(rawValue: name.replacing("_", with: "-")) }

  /// PyTorch's names mean the extension that is most like theirs.
  init?(configName: String) {
    let word = configName.split(separator: ".").last.map { $0.lowercased() } ?? configName
    let names = ["zeros": "constant", "border": "nearest", "reflection": "reflect"]
    self.init(name: names[word] ?? word)
  }

  /// What MONAI takes in PyTorch for it.
  var padding: SamplePadding? {
    switch self {
    case .constant, .gridConstant: .zeros
    case .nearest: .border
    case .reflect, .gridMirror, .wrap, .gridWrap: .reflection
    case .mirror: nil
    }
  }

  var code: Int32 {
    switch self {
    case .nearest: Int32(MARTLET_EXTEND_NEAREST)
    case .constant: Int32(MARTLET_EXTEND_CONSTANT)
    case .gridConstant: Int32(MARTLET_EXTEND_GRID_CONSTANT)
    case .reflect, .gridMirror: Int32(MARTLET_EXTEND_REFLECT)
    case .mirror: Int32(MARTLET_EXTEND_MIRROR)
    case .wrap: Int32(MARTLET_EXTEND_WRAP)
    case .gridWrap: Int32(MARTLET_EXTEND_GRID_WRAP)
    }
  }
}

extension ArgumentReader {
  /// Reads `dtype`: per key the precision of positions; nil for `None`. Voxels always have single precision.
  mutating func precisions(_ keys: Keys, default fallback: ElementType) throws -> [PositionPrecision?] {
    try elementTypes("dtype", per: keys, default: fallback).map { type in
      switch type {
      case nil: nil
      case .float64: .double
      case .float32: .single
      case .some(let type): throw unsupported("dtype", type.rawValue, supported: "float64, float32 or None")
      }
    }
  }

  /// Reads `mode` and `padding_mode`: one for all of `count` keys, or one per key.
  mutating func samplings(_ count: Int, default mode: InterpolationMode) throws -> [VoxelSampling] {
    let expected = "\(InterpolationMode.expectation) or the order of a spline, 0 to 5"
    let modes = try optionalPerKey("mode", count: count, expected: expected) { value -> PlainValue? in
      if case .int = value { return value }
      return value.choiceName == nil ? nil : value
    }
    // Which words there are depends on the mode.
    let words = try optionalPerKey("padding_mode", count: count, expected: "a name", \.choiceName)
    return try zip(modes, words).map { found, word in
      if case .int(let order)? = found {
        guard VoxelSampling.orders.contains(order) else { throw unsupported("mode", "\(order)", supported: expected) }
        return .spline(order: order, try padding(word) ?? .nearest)
      }
      let name = found?.choiceName ?? mode.rawValue
      guard let named = InterpolationMode(configName: name) else {
        throw unsupported("mode", "'\(name)'", supported: expected)
      }
      return .grid(named, try padding(word) ?? .border)
    }
  }

  private func padding<Padding: NamedChoice>(_ word: String?) throws -> Padding? {
    guard let word else { return nil }
    guard let padding = Padding(configName: word) else {
      throw unsupported("padding_mode", "'\(word)'", supported: Padding.expectation)
    }
    return padding
  }
}
