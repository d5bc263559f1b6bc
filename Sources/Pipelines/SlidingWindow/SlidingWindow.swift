package import Arguments

/// One value for all spatial axes, or one per axis.
package enum PerAxis<Value: Sendable & Equatable>: Sendable, Equatable {
  case uniform(Value)
  case perAxis([Value])

  /// The values of `rank` axes; nil when there are more or fewer.
  func values(rank: Int) -> [Value]? {
    switch self {
    case .uniform(let value): Array(repeating: value, count: rank)
    case .perAxis(let values): values.count == rank ? values : nil
    }
  }
}

/// How the outputs of overlapping windows are weighted.
package enum BlendMode: String, Sendable, CaseIterable { case constant, gaussian }

/// What lies outside an image that is smaller than a window, as `torch.nn.functional.pad` names it.
package enum PaddingMode: String, Sendable, CaseIterable { case constant, reflect, replicate, circular }

/// Sliding-window inference: the network sees the image in overlapping windows, whose outputs are averaged.
///
/// The same windows, in the same order, with the same weights as `monai.inferers.sliding_window_inference` of
/// MONAI 1.6.1.
package struct SlidingWindow: Inferer, Equatable {
  /// The stage that progress tells.
  static let stage = "inference"

  /// The window's extent; an axis where it isn't positive takes the whole image.
  package var roiSize: PerAxis<Int>
  /// Windows per call of the network. The result doesn't depend on it.
  package var batchSize: Int
  /// The part of a window that its neighbour covers too, 0 ≤ overlap < 1.
  package var overlap: PerAxis<Double>
  package var mode: BlendMode
  /// The Gaussian's standard deviation over the window's extent.
  package var sigmaScale: PerAxis<Double>
  package var paddingMode: PaddingMode
  /// What constant padding is filled with.
  package var fill: Double

  package init(
    roiSize: PerAxis<Int>, batchSize: Int = 1, overlap: PerAxis<Double> = .uniform(0.25), mode: BlendMode = .constant,
    sigmaScale: PerAxis<Double> = .uniform(0.125), paddingMode: PaddingMode = .constant, fill: Double = 0
  ) {
    self.roiSize = roiSize
    self.batchSize = batchSize
    self.overlap = overlap
    self.mode = mode
    self.sigmaScale = sigmaScale
    self.paddingMode = paddingMode
    self.fill = fill
  }

  /// The inferer that a config's `SlidingWindowInferer` describes.
  /// - Throws: `ArgumentError` for arguments that are unknown, of the wrong kind or outside their range.
  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    roiSize = try arguments.roiSize("roi_size")
    batchSize = try arguments.int("sw_batch_size", default: 1)
    guard batchSize >= 1 else {
      throw arguments.unsupported("sw_batch_size", "\(batchSize)", supported: "at least 1")
    }
    overlap = try arguments.perAxis("overlap", default: 0.25, supported: "0 ≤ overlap < 1") { 0 <= $0 && $0 < 1 }
    mode = try arguments.choice("mode", default: .constant)
    sigmaScale = try arguments.perAxis("sigma_scale", default: 0.125, supported: "a finite number other than 0") {
      $0.isFinite && $0 != 0
    }
    paddingMode = try arguments.choice("padding_mode", default: .constant)
    fill = try arguments.double("cval", default: 0)
    guard try !arguments.bool("with_coord", default: false) else {
      throw arguments.unsupported(
        "with_coord", "True", supported: "False: no network of MONAI takes a window's slices as a second argument")
    }
    // Where tensors are kept and how the work is shown: MONAI's result doesn't depend on these.
    arguments.ignore("sw_device", "device", "cpu_thresh", "progress", "cache_roi_weight_map")
    // Buffering changes the order of the sums only.
    arguments.ignore("buffer_steps", "buffer_dim")
    try arguments.finish()
  }
}

extension ArgumentReader {
  /// An integer or None for all axes, or a list of them; None is 0.
  fileprivate mutating func roiSize(_ name: String) throws -> PerAxis<Int> {
    let expected = "an integer, or a list with an integer or None per axis"
    switch value(name) {
    case .null?: return .uniform(0)
    case .list(let items)?:
      return .perAxis(
        try items.map { item in
          if item.isNull { return 0 }
          guard let extent = item.asInt else { throw wrongKind(name, item, expected: expected) }
          return extent
        })
    default: return .uniform(try int(name))
    }
  }

  /// A number for all axes or a list with one per axis, each accepted by `isSupported`.
  fileprivate mutating func perAxis(
    _ name: String, default fallback: Double, supported: String, _ isSupported: (Double) -> Bool
  ) throws -> PerAxis<Double> {
    guard let numbers = try optionalDoubles(name) else { return .uniform(fallback) }
    if let stranger = numbers.first(where: { !isSupported($0) }) {
      throw unsupported(name, "\(stranger)", supported: supported)
    }
    guard case .list? = value(name) else { return .uniform(numbers[0]) }
    return .perAxis(numbers)
  }

  /// One of an enumeration's names.
  fileprivate mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ name: String, default fallback: Choice
  ) throws -> Choice {
    guard let found = try optionalString(name) else { return fallback }
    guard let choice = Choice(rawValue: found) else {
      throw unsupported(name, "'\(found)'", supported: Choice.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }
}
