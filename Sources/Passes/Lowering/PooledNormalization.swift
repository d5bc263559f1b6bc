import Graphs
import OrderedCollections
import Tensors

/// A normalisation of each channel, or of groups of channels, by operators that read the channels as they lie. Means are
/// pooled window by window; where channels form groups, a 1×1 convolution averages them over each group:
///
///     mean = average(pool(x)), variance = average(pool((x - mean)²)), f = scale / √(variance + ε)
///     y = x · f + (bias - mean · f)
///
/// A window sums at most some hundred numbers. One mean over all positions, which OpenVINO's plugin sums number by number,
/// would be off by 2e-4, and by 1e-2 where most of them are equal.
struct PooledNormalization {
  let channels: Int
  let groups: Int
  /// The spatial extents, two or three.
  let extents: [Int]
  let epsilon: Float
  /// What the new nodes' names begin with; the last one has it.
  let name: String

  /// Numbers that one window sums at most, where the extents have such divisors.
  private static let largestSum = 256

  /// - Parameters:
  ///   - input: `[N, C, spatial…]`.
  ///   - scale: `[1, C, 1…]`, as `bias`.
  func append(to rebuilder: inout GraphRebuilder, input: Value, scale: Value, bias: Value) throws -> Value {
    let average = groups < channels ? constant(averages, [channels, channels], "groups", in: &rebuilder) : nil
    let epsilon = rebuilder.graph.constant(Tensor(scalar: self.epsilon), name: "\(name)/epsilon")
    let two = rebuilder.graph.constant(Tensor(scalar: Float(2)), name: "\(name)/two")
    let windows = Self.windows(extents)
    func apply(_ name: String, _ inputs: [Value], _ suffix: String) throws -> Value {
      try rebuilder.apply(name, inputs, named: "\(self.name)/\(suffix)")
    }
    func mean(_ value: Value, _ suffix: String) throws -> Value {
      let pooled = try windows.reduce(value) { value, window in
        try rebuilder.apply(
          "AveragePool", [value], ["kernel_shape": .ints(window), "strides": .ints(window)],
          named: "\(name)/\(suffix)/AveragePool")
      }
      return try average.map { try apply("Conv", [pooled, $0], suffix) } ?? pooled
    }
    let means = try mean(input, "mean")
    let square = try apply("Pow", [apply("Sub", [input, means], "centred"), two], "square")
    let root = try apply("Sqrt", [apply("Add", [mean(square, "variance"), epsilon], "sum")], "root")
    let factors = try apply("Div", [scale, root], "factors")
    let addends = try apply("Sub", [bias, apply("Mul", [means, factors], "offset")], "addends")
    return try rebuilder.apply("Add", [apply("Mul", [input, factors], "scaled"), addends], named: name)
  }

  /// A constant `shape` followed by ones for the spatial axes.
  func constant(_ numbers: [Float], _ shape: [Int], _ suffix: String, in rebuilder: inout GraphRebuilder) -> Value {
    let ones = Array(repeating: 1, count: extents.count)
    return rebuilder.graph.constant(Tensor(numbers, Shape(shape + ones)), name: "\(name)/\(suffix)")
  }

  /// The windows of poolings behind each other that leave one position.
  private static func windows(_ extents: [Int]) -> [[Int]] {
    var (windows, rest) = ([[Int]](), extents)
    while let last = rest.lastIndex(where: { $0 > 1 }) {
      var window = rest.map { _ in 1 }
      var room = largestSum
      for axis in rest.indices.reversed() {
        window[axis] = largestDivisor(of: rest[axis], upTo: room)
        room /= window[axis]
      }
      // An extent without such divisors is summed at once.
      if !window.contains(where: { $0 > 1 }) { window[last] = rest[last] }
      windows.append(window)
      rest = zip(rest, window).map { $0 / $1 }
    }
    return windows
  }

  static func largestDivisor(of extent: Int, upTo limit: Int) -> Int {
    stride(from: min(extent, limit), to: 1, by: -1).first { extent % $0 == 0 } ?? 1
  }

  /// The weight of a 1×1 convolution that gives each channel the mean over its group.
  private var averages: [Float] {
    let size = channels / groups
    return (0..<channels * channels).map { place in
      place / channels / size == place % channels / size ? 1 / Float(size) : 0
    }
  }
}
