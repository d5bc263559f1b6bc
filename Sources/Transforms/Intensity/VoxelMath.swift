import CKernels
import Tensors

/// Elementwise work and reductions on float32 voxels, in pieces on all cores.
enum VoxelMath {
  /// Elements of a piece: few enough to stay in a core's cache between two passes.
  private static let grain = 1 << 16

  /// Lets `body` change the elements piece by piece; other types become float32 first. In place when nobody else holds
  /// the voxels.
  static func update(_ tensor: inout Tensor, _ body: @Sendable (UnsafeMutablePointer<Float>, Int) -> Void) {
    updateAll(&tensor) { update($0, body) }
  }

  /// Lets `body` change all elements at once, in the order of memory.
  static func updateAll(_ tensor: inout Tensor, _ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    inMemoryOrder(&tensor) { $0.withMutableElements(of: Float.self, body) }
  }

  /// Gives `body` the voxels as a float32 tensor whose other axes lie as they do in memory, so that flipped and permuted
  /// views needn't be copied; the first axis, the channels, stays. `body` may change the extent of that axis.
  static func inMemoryOrder(_ tensor: inout Tensor, _ body: (inout Tensor) throws -> Void) rethrows {
    if tensor.elementType != .float32 { tensor = tensor.converted(to: .float32) }
    guard tensor.shape.rank > 1, !tensor.isContiguous else { return try body(&tensor) }
    let reversed = tensor.strides.indices.filter { tensor.strides[$0] < 0 }
    let strides = tensor.strides.map(abs)
    let order = [0] + (1..<tensor.shape.rank).sorted { strides[$0] > strides[$1] }
    var dense = tensor.flipped(reversed).permuted(order)
    guard !reversed.contains(0), dense.isContiguous else {
      tensor = tensor.denseCopy()
      return try body(&tensor)
    }
    // The tensor lets go of its voxels, so that they have one owner and are changed in place.
    tensor = Tensor(.float32, [0])
    defer {
      let inverse = (0..<order.count).map { axis in order.firstIndex(of: axis) ?? axis }
      tensor = dense.permuted(inverse).flipped(reversed)
    }
    try body(&dense)
  }

  static func update(
    _ elements: UnsafeMutableBufferPointer<Float>, _ body: @Sendable (UnsafeMutablePointer<Float>, Int) -> Void
  ) {
    guard let start = elements.baseAddress else { return }
    let shared = Shared(start)
    Parallel.forEach(elements.count, grain: grain) { body(shared.value + $0.lowerBound, $0.count) }
  }

  /// The same per channel of a channel-first tensor; `body` gets the elements of one channel after the other.
  static func updateChannels(_ tensor: inout Tensor, _ body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) {
    let channels = tensor.shape.rank > 0 ? tensor.shape[0] : 1
    updateAll(&tensor) { elements in
      let length = channels > 0 ? elements.count / channels : 0
      for channel in 0..<channels {
        body(channel, UnsafeMutableBufferPointer(rebasing: elements[channel * length..<(channel + 1) * length]))
      }
    }
  }

  /// The smallest and largest value; NaN when one is NaN. Zero when there are none.
  static func extrema(_ elements: UnsafeMutableBufferPointer<Float>) -> (lowest: Float, highest: Float) {
    let pieces = reduce(elements) { start, count -> (Float, Float) in
      var low: Float = 0
      var high: Float = 0
      martlet_extrema(start, count, &low, &high)
      return (low, high)
    }
    guard var (low, high) = pieces.first else { return (0, 0) }
    for piece in pieces {
      if piece.0.isNaN { return (.nan, .nan) }
      low = min(low, piece.0)
      high = max(high, piece.1)
    }
    return (low, high)
  }

  /// Mean and standard deviation of the population, in double precision; `skippingZeros` leaves zeros out.
  static func statistics(
    _ elements: UnsafeMutableBufferPointer<Float>, skippingZeros: Bool
  ) -> (mean: Double, deviation: Double, count: Int) {
    let skip: Int32 = skippingZeros ? 1 : 0
    let sums = reduce(elements) { start, count -> (Double, Int) in
      var sum = 0.0
      var counted = 0
      martlet_sum(start, count, skip, &sum, &counted)
      return (sum, counted)
    }
    let count = sums.reduce(0) { $0 + $1.1 }
    guard count > 0 else { return (0, 0, 0) }
    let mean = sums.reduce(0) { $0 + $1.0 } / Double(count)
    let squares = reduce(elements) { start, count in martlet_squared_deviation(start, count, mean, skip) }
    return (mean, (squares.reduce(0, +) / Double(count)).squareRoot(), count)
  }

  /// One value per piece, in order, so that sums don't depend on timing.
  private static func reduce<Value: Sendable>(
    _ elements: UnsafeMutableBufferPointer<Float>, _ body: @Sendable (UnsafePointer<Float>, Int) -> Value
  ) -> [Value] {
    guard let start = elements.baseAddress, elements.count > 0 else { return [] }
    let pieces = (elements.count + grain - 1) / grain
    let shared = Shared(start)
    let count = elements.count
    return [Value](unsafeUninitializedCapacity: pieces) { values, initialized in
      let target = Shared(values)
      Parallel.forEach(pieces) { range in
        for piece in range {
          let begin = piece * grain
          (target.value.baseAddress.unsafelyUnwrapped + piece).initialize(
            to: body(shared.value + begin, min(grain, count - begin)))
        }
      }
      initialized = pieces
    }
  }
}

extension Tensor {
  /// float32 and row-major, for the kernels.
  mutating func becomeDenseFloat() {
    if elementType != .float32 { self = converted(to: .float32) }
    if !isContiguous { self = denseCopy() }
  }

  /// A contiguous copy; for float32 channel-first tensors in blocks that keep to the cache.
  func denseCopy() -> Tensor {
    guard elementType == .float32, shape.rank == 4, count > 0, shape.dimensions.allSatisfy({ $0 <= Int32.max }) else {
      return copy()
    }
    return Resampler.pick(self, shape.dimensions.dropFirst().map { extent in (0..<extent).map { Int32($0) } })
  }
}
