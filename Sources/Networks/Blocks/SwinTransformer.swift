import Graphs
import Tensors

/// `SwinTransformer` of MONAI's SwinUNETR: four stages of attention within windows, which every second block shifts by
/// half (https://arxiv.org/abs/2103.14030). Padding, windows and masks follow from the input's spatial shape, which
/// is fixed.
///
/// State-dict keys: `patch_embed.proj`, `layers<stage>.0.blocks.<i>`, `layers<stage>.0.downsample`,
/// `layers<stage>c.0.layer`.
struct SwinTransformer: Sendable {
  let features: Int
  /// Per spatial axis.
  let patchSize: [Int]
  let windowSize: [Int]
  /// Per stage.
  let depths: [Int]
  let heads: [Int]
  let mlpRatio: Double
  let hasBias: Bool
  /// Whether the states are normed over their channels.
  let isNormalized: Bool
  let hasPatchNorm: Bool
  let isSecondVersion: Bool
  let isSecondMerging: Bool

  private var rank: Int { patchSize.count }

  /// The embedding and each stage's result, `[N, C, spatial…]`.
  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> [Value] {
    var features = try builder.module("patch_embed") { try embed(&$0, input) }
    var states = [try state(&builder, features)]
    for stage in 0..<4 {
      if isSecondVersion {
        let block = UnetBlock(
          outputChannels: builder.channels(of: features), kernelSize: PerAxis.all(3).expanded(rank),
          strides: PerAxis.all(1).expanded(rank), normalization: .instance(epsilon: 1e-5, isAffine: false),
          isResidual: true)
        features = try builder.module("layers\(stage + 1)c") { builder in
          try builder.module("0") { builder in try builder.module("layer") { try block.build(&$0, features) } }
        }
      }
      features = try builder.module("layers\(stage + 1)") { builder in
        try builder.module("0") { try layer(&$0, features, stage) }
      }
      states.append(try state(&builder, features))
    }
    return states
  }

  private func embed(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let embedded = try builder.convolution(
      "proj", input, outputs: features, kernel: .each(patchSize), strides: .each(patchSize))
    guard hasPatchNorm else { return embedded }
    let normalized = try builder.layerNorm("norm", channelsLast(&builder, embedded))
    return try channelsFirst(&builder, normalized)
  }

  /// A stage's result as the U-Net sees it: normed over the channels, without parameters.
  private func state(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    guard isNormalized else { return input }
    let channels = builder.channels(of: input)
    let last = try channelsLast(&builder, input)
    let normalized = try builder.normalize(
      "proj_out", last, .layer(shape: [channels], epsilon: 1e-5, isAffine: false, hasBias: false))
    return try channelsFirst(&builder, normalized)
  }

  private func channelsLast(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.emit { try $0.transpose(input, [0] + Array(2..<2 + rank) + [1]) }
  }

  private func channelsFirst(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.emit { try $0.transpose(input, [0, rank + 1] + Array(1...rank)) }
  }

  /// `BasicLayer`: a stage's blocks, then half the extents and twice the channels.
  private func layer(_ builder: inout NetworkBuilder, _ input: Value, _ stage: Int) throws -> Value {
    let windows = SwinWindows(shape: builder.spatial(of: input), windowSize: windowSize)
    var result = try channelsLast(&builder, input)
    var mask: Value?
    if depths[stage] > 1, windows.isShifted { mask = try builder.emit { try windows.mask(&$0) } }
    for index in 0..<depths[stage] {
      let isShifted = index % 2 == 1 && windows.isShifted
      result = try builder.module("blocks") { builder in
        try builder.module("\(index)") {
          try block(&$0, result, stage, windows, isShifted: isShifted, mask: isShifted ? mask : nil)
        }
      }
    }
    result = try builder.module("downsample") { try merge(&$0, result) }
    return try channelsFirst(&builder, result)
  }

  /// `SwinTransformerBlock` on `[N, spatial…, C]`.
  private func block(
    _ builder: inout NetworkBuilder, _ input: Value, _ stage: Int, _ windows: SwinWindows, isShifted: Bool,
    mask: Value?
  ) throws -> Value {
    let channels = features << stage
    let normalized = try builder.layerNorm("norm1", input)
    let partitioned = try builder.emit {
      try windows.partition(&$0, windows.padded(&$0, normalized), channels, isShifted: isShifted)
    }
    let attended = try builder.module("attn") { try attend(&$0, partitioned, stage, windows, mask: mask) }
    let joined = try builder.emit { try windows.joined(&$0, attended, channels, isShifted: isShifted) }
    let sum = try builder.add(input, joined)
    let again = try builder.layerNorm("norm2", sum)
    let mlp = MLPBlock(width: Int(Double(channels) * mlpRatio))
    return try builder.add(sum, builder.module("mlp") { try mlp.build(&$0, again) })
  }

  /// `WindowAttention` on `[N · windows, positions, C]`, with a learned bias per relative position.
  private func attend(
    _ builder: inout NetworkBuilder, _ input: Value, _ stage: Int, _ windows: SwinWindows, mask: Value?
  ) throws -> Value {
    let (channels, heads, count) = (features << stage, heads[stage], windows.positions)
    let width = channels / heads
    let table = builder.weight(
      "relative_position_bias_table", [windowSize.reduce(1) { $0 * (2 * $1 - 1) }, heads])
    builder.ignoreWeight("relative_position_index")
    let combined = try builder.linear("qkv", input, outputs: 3 * channels, hasBias: hasBias)
    let result = try builder.emit { graph in
      // One transposition brings queries, keys and values to the front; a second one of the keys alone is part of
      // the product in every engine.
      let stacked = try graph.transpose(graph.reshape(combined, [-1, count, 3, heads, width]), [2, 0, 3, 1, 4])
      let parts = try graph.split(stacked, axis: 0, [1, 1, 1]).map { try graph.squeeze($0, axes: [0]) }
      let queries = try graph.scale(parts[0], by: 1 / Float(width).squareRoot())
      let keys = try graph.transpose(parts[1], [0, 1, 3, 2])
      let values = parts[2]
      let index = graph.constant(windows.relativeIndices, shape: [count, count], name: "relative_position_index")
      let bias = try graph.transpose(graph.gather(table, index, axis: 0), [2, 0, 1])
      var scores = try graph.add(graph.matmul(queries, keys), bias)
      if let mask {
        let perWindow = try graph.reshape(scores, [-1, windows.count, heads, count, count])
        scores = try graph.reshape(graph.add(perWindow, mask), [-1, heads, count, count])
      }
      let mixed = try graph.matmul(graph.softmax(scores, axis: 3), values)
      return try graph.reshape(graph.transpose(mixed, [0, 2, 1, 3]), [-1, count, channels])
    }
    return try builder.linear("proj", result, outputs: channels)
  }

  /// `PatchMerging` and `PatchMergingV2`: each cell of two positions per axis becomes one; they differ in the order.
  private func merge(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let channels = builder.type(of: input).shape.last?.constant ?? 0
    let odd = (1...rank).map { (builder.type(of: input).shape[$0].constant ?? 0) % 2 }
    let merged = try builder.emit { graph in
      let none = PerAxis.all(0).expanded(rank + 2)
      let even = odd.contains(1) ? try graph.pad(input, before: none, after: [0] + odd + [0]) : input
      let cells = try mergingOrder.map { starts in
        try starts.enumerated().reduce(even) { try graph.slice($0, axis: $1.offset + 1, from: $1.element, step: 2) }
      }
      return try graph.concat(cells, axis: rank + 1)
    }
    let normalized = try builder.layerNorm("norm", merged)
    return try builder.linear("reduction", normalized, outputs: 2 * channels, hasBias: false)
  }

  private var mergingOrder: [[Int]] {
    if rank == 2 { return [[0, 0], [1, 0], [0, 1], [1, 1]] }
    if isSecondMerging {
      return (0..<8).map { [$0 >> 2 & 1, $0 >> 1 & 1, $0 & 1] }
    }
    return [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
  }
}

/// How an image of a fixed shape falls into windows: each axis that is no longer than its window is one window and
/// isn't shifted.
struct SwinWindows: Sendable {
  /// The image's extents.
  let shape: [Int]
  private let fullWindow: [Int]
  private let window: [Int]
  private let shift: [Int]
  /// The extents padded to whole windows.
  private let paddedShape: [Int]

  init(shape: [Int], windowSize: [Int]) {
    self.shape = shape
    fullWindow = windowSize
    window = zip(shape, windowSize).map { min($0, $1) }
    shift = zip(shape, windowSize).map { $0 <= $1 ? 0 : $1 / 2 }
    paddedShape = zip(shape, window).map { ($0 + $1 - 1) / $1 * $1 }
  }

  private var grid: [Int] { zip(paddedShape, window).map { $0 / $1 } }
  /// Windows of an image.
  var count: Int { grid.reduce(1, *) }
  /// Positions of a window.
  var positions: Int { window.reduce(1, *) }
  var isShifted: Bool { shift.contains { $0 > 0 } }

  /// Zeros behind each axis of `[N, spatial…, C]`, up to whole windows.
  func padded(_ graph: inout Graph, _ input: Value) throws -> Value {
    guard paddedShape != shape else { return input }
    let missing = zip(paddedShape, shape).map { $0 - $1 }
    return try graph.pad(input, before: PerAxis.all(0).expanded(shape.count + 2), after: [0] + missing + [0])
  }

  /// `[N, spatial…, C]` to `[N · windows, positions, C]`.
  func partition(_ graph: inout Graph, _ input: Value, _ channels: Int, isShifted: Bool) throws -> Value {
    let rank = shape.count
    let rolled = isShifted ? try roll(&graph, input, by: shift) : input
    let split = try graph.reshape(rolled, [-1] + zip(grid, window).flatMap { [$0, $1] } + [channels])
    let order = [0] + (0..<rank).map { 1 + 2 * $0 } + (0..<rank).map { 2 + 2 * $0 } + [2 * rank + 1]
    return try graph.reshape(graph.transpose(split, order), [-1, positions, channels])
  }

  /// The reverse of ``padded(_:_:)`` and ``partition(_:_:_:isShifted:)``.
  func joined(_ graph: inout Graph, _ windows: Value, _ channels: Int, isShifted: Bool) throws -> Value {
    let rank = shape.count
    let split = try graph.reshape(windows, [-1] + grid + window + [channels])
    let order = [0] + (0..<rank).flatMap { [1 + $0, 1 + rank + $0] } + [2 * rank + 1]
    var result = try graph.reshape(graph.transpose(split, order), [-1] + paddedShape + [channels])
    if isShifted { result = try roll(&graph, result, by: zip(paddedShape, shift).map { ($0 - $1) % $0 }) }
    for (axis, extent) in shape.enumerated() where paddedShape[axis] != extent {
      result = try graph.slice(result, axis: axis + 1, 0..<extent)
    }
    return result
  }

  /// Each spatial axis of `[N, spatial…, C]` moved towards its beginning, what leaves coming in behind.
  private func roll(_ graph: inout Graph, _ input: Value, by steps: [Int]) throws -> Value {
    try steps.enumerated().reduce(input) { value, step in
      guard step.element > 0 else { return value }
      let extent = paddedShape[step.offset]
      let tail = try graph.slice(value, axis: step.offset + 1, step.element..<extent)
      let head = try graph.slice(value, axis: step.offset + 1, 0..<step.element)
      return try graph.concat([tail, head], axis: step.offset + 1)
    }
  }

  /// `[windows, 1, positions, positions]`: 0 between positions that were neighbours before the shift, -100 between
  /// others. It is computed in the graph from each position's region, which is far smaller.
  func mask(_ graph: inout Graph) throws -> Value {
    let regions = graph.constant(regions, shape: [count, 1, 1, positions], name: "regions")
    let columns = try graph.reshape(regions, [count, 1, positions, 1])
    let difference = try graph.apply("Abs", [graph.subtract(regions, columns)])[0]
    return try graph.scale(graph.clip(difference, 0...1), by: -100)
  }

  /// Per window and position, a number that is the same for positions of one region.
  private var regions: [Float] {
    var result: [Float] = []
    result.reserveCapacity(count * positions)
    for windowIndex in 0..<count {
      let origin = zip(Self.coordinates(windowIndex, grid), window).map { $0 * $1 }
      for position in 0..<positions {
        let place = zip(origin, Self.coordinates(position, window)).map { $0 + $1 }
        result.append(Float(place.indices.reduce(0) { 3 * $0 + region(place[$1], axis: $1) }))
      }
    }
    return result
  }

  private func region(_ place: Int, axis: Int) -> Int {
    if shift[axis] == 0 { return 2 }
    let extent = paddedShape[axis]
    return place < extent - window[axis] ? 0 : place < extent - shift[axis] ? 1 : 2
  }

  /// The row of the bias table for each two positions. Windows smaller than the full one use the full one's first
  /// positions, as MONAI does.
  var relativeIndices: [Int64] {
    let places = (0..<positions).map { Self.coordinates($0, fullWindow) }
    return places.flatMap { first in
      places.map { second in
        Int64(
          first.indices.reduce(0) { sum, axis in
            sum * (2 * fullWindow[axis] - 1) + first[axis] - second[axis] + fullWindow[axis] - 1
          })
      }
    }
  }

  /// The row-major coordinates of `index` in an array of `shape`.
  private static func coordinates(_ index: Int, _ shape: [Int]) -> [Int] {
    var rest = index
    var result = Array(repeating: 0, count: shape.count)
    for axis in shape.indices.reversed() {
      result[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
    return result
  }
}
