import CKernels
import Graphs
import Interpreter
import OrderedCollections
import Tensors

extension NativePlanner {
  /// Plans one node: with a kernel of this engine where one fits, with the interpreter otherwise.
  mutating func add(_ node: Node, _ index: Int) throws {
    let isPlanned =
      switch node.operator {
      case "Conv", "ConvTranspose": try convolution(node) || depthwiseConvolution(node)
      case "InstanceNormalization": try instanceNormalization(node)
      case "BatchNormalization": try batchNormalization(node)
      case "LayerNormalization": try layerNormalization(node)
      case "Relu", "LeakyRelu", "PRelu": try rectifier(node) || function(node)
      case "Add": try arithmetic(node, MARTLET_COMBINE_ADD) || broadcasting(node)
      case "Mul": try arithmetic(node, MARTLET_COMBINE_MULTIPLY) || broadcasting(node)
      case "Sub", "Div", "Max", "Min": try broadcasting(node)
      case "MatMul": try matrixProduct(node, index)
      case "Gemm": try generalProduct(node)
      case "Softmax": try softmax(node, isLogarithm: false)
      case "LogSoftmax": try softmax(node, isLogarithm: true)
      case "Concat": try concatenation(node) || stridedConcatenation(node)
      case "MaxPool", "AveragePool": try pooling(node)
      case "GlobalAveragePool": try globalPooling(node, MARTLET_REDUCE_MEAN)
      case "GlobalMaxPool": try globalPooling(node, MARTLET_REDUCE_MAX)
      case "Resize": try resize(node) || resampling(node)
      case "Pad": try padding(node)
      case "Transpose": try transposition(node)
      case "Slice": try slice(node)
      case "Split": try split(node)
      case "Gather": try gather(node) || picking(node)
      case "ArgMax", "ArgMin": try extreme(node)
      case "Expand": try expansion(node)
      case "Reshape": try groupNormalization(node) || alias(node)
      case "Flatten", "Squeeze", "Unsqueeze", "Identity": try alias(node)
      case let name where Self.reductions[name] != nil: try reduction(node)
      case _ where functionCall(node) != nil: try function(node)
      default: false
      }
    if !isPlanned { try interpret(node) }
  }

  // MARK: Fusion

  /// The slopes of a rectifier for each of `channels`: 0 for Relu, alpha for LeakyRelu, the constant of PRelu.
  func slopes(of node: Node, channels: Int) throws -> [Float]? {
    switch node.operator {
    case "Relu": return Array(repeating: 0, count: channels)
    case "LeakyRelu": return Array(repeating: node.float("alpha") ?? 0.01, count: channels)
    case "PRelu":
      guard let values = floats(node.inputs[1]), let operand = node.inputs[1] else { return nil }
      if values.count == 1 { return Array(repeating: values[0], count: channels) }
      let rank = try shape(of: node.outputs[0]).count
      return isPerChannel(try shape(of: operand), rank: rank, channels: channels) ? values : nil
    default: return nil
    }
  }

  /// Whether a constant of this shape has one number for each channel when it broadcasts to a tensor of `rank` axes.
  func isPerChannel(_ shape: [Int], rank: Int, channels: Int) -> Bool {
    let padded = Array(repeating: 1, count: max(0, rank - shape.count)) + shape
    return padded.count == rank && padded[1] == channels && padded.enumerated().allSatisfy { $0 == 1 || $1 == 1 }
  }

  /// The rectifier that alone reads `value`, absorbed: its slopes and its output.
  mutating func absorbRectifier(_ value: inout Value) throws -> [Float]? {
    guard let next = onlyConsumer(value), next.node.inputs[0] == value,
      let slopes = try slopes(of: next.node, channels: try shape(of: value)[1])
    else { return nil }
    absorbed.insert(next.index)
    value = next.node.outputs[0]
    return slopes
  }

  /// The other operand of the addition that alone reads `value`, when it is computed already; absorbed.
  mutating func absorbAddition(_ value: inout Value) throws -> Value? {
    guard let next = onlyConsumer(value), next.node.operator == "Add",
      let other = next.node.inputs.compactMap(\.self).first(where: { $0 != value }), isPlanned(other),
      constant(other) == nil, try shape(of: other) == shape(of: value)
    else { return nil }
    absorbed.insert(next.index)
    value = next.node.outputs[0]
    return other
  }

  /// Whether a normalisation over positions reads the value.
  func feedsNormalization(_ value: Value) -> Bool {
    (consumers[value] ?? []).contains { index in
      let node = graph.nodes[index]
      if node.operator == "InstanceNormalization" { return true }
      guard node.operator == "Reshape", let next = onlyConsumer(node.outputs[0]) else { return false }
      return next.node.operator == "InstanceNormalization"
    }
  }

  // MARK: Elements

  /// A rectifier on its own: whoever reads the value applies it.
  mutating func rectifier(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let shape = try shape(of: input)
    guard NativeValue.isSpatial(shape), let slopes = try slopes(of: node, channels: shape[1]) else { return false }
    let form = try preferred(input)
    // Without channels in blocks the factors are a row for each element of the second axis: only few are worth it.
    guard form.isBlocked || shape[1] <= 4 || node.operator == "PRelu" else { return false }
    try define(node.outputs[0], form, scale: nil, shift: nil, slope: slopes, node: node.name)
    return true
  }

  /// `source` with constant factors for each channel to apply on load.
  mutating func define(
    _ value: Value, _ source: NativeValue, scale: [Float]?, shift: [Float]?, slope: [Float]?, node: String
  ) throws {
    let (batch, channels) = (source.shape[0], source.channels)
    var result = source
    result.statistics = nil
    let load = allocateLoad(batch * channels)
    result.load = load
    arena.retain(source.slot)
    define(value, result)
    func padded(_ values: [Float]?, _ neutral: Float) -> FixedFloats {
      let row =
        (values ?? Array(repeating: neutral, count: source.shape[1]))
        + Array(repeating: 0, count: channels - source.shape[1])
      return FixedFloats(Array(repeating: row, count: batch).flatMap(\.self))
    }
    let factors = [(load.scale, padded(scale, 1)), (load.shift, padded(shift, 0)), (load.slope, padded(slope, 1))]
    step(node, "factors") { run in
      for (slot, values) in factors { copyBytes(run.pointer(slot), values.pointer, batch * channels * 4) }
    }
  }

  mutating func allocateLoad(_ count: Int) -> NativeValue.Load {
    let part = (count + 15) / 16 * 16
    let whole = arena.allocate(3 * part)
    let slots = (0..<3).map { Slot(block: whole.block, offset: $0 * part, count: part) }
    return NativeValue.Load(scale: slots[0], shift: slots[1], slope: slots[2], whole: whole)
  }

  /// Whether factors for each channel fit the value: channels in blocks, or few of them.
  private func isChannelwise(_ input: Value, output: Value) throws -> Bool {
    let shape = try shape(of: input)
    guard NativeValue.isSpatial(shape) else { return false }
    return NativeValue.prefersBlocks(shape) ? prefersBlocks(input, output: output) : shape.count > 3
  }

  mutating func arithmetic(_ node: Node, _ combination: martlet_combination) throws -> Bool {
    guard let first = node.inputs[0], let second = node.inputs[1], isFloat(first) else { return false }
    let shape = try shape(of: node.outputs[0])
    guard NativeValue.isSpatial(shape) else { return false }
    for (input, other) in [(first, second), (second, first)] {
      if let values = floats(other), constant(input) == nil {
        guard try isChannelwise(input, output: node.outputs[0]) else { return false }
        return try constantArithmetic(node, input, values, try self.shape(of: other), combination)
      }
    }
    guard constant(first) == nil, constant(second) == nil, try self.shape(of: first) == shape,
      try self.shape(of: second) == shape
    else { return false }
    let isBlocked = try [first, second].contains { try isChannelwise($0, output: node.outputs[0]) }
    guard isBlocked else { return false }
    let inBlocks = NativeValue.prefersBlocks(shape)
    let a = try inBlocks ? blocked(first, allowsLoad: true) : plain(first, allowsLoad: true)
    let b = try inBlocks ? blocked(second, allowsLoad: true) : plain(second, allowsLoad: true)
    var value = node.outputs[0]
    let slopes = try absorbRectifier(&value)
    var result = a
    result.load = nil
    result.statistics = nil
    result.slot = try resultSlot(value, shape, isBlocked: result.isBlocked, over: [(first, a), (second, b)])
    let padding = result.channels - shape[1]
    let slope = slopes.map { FixedFloats($0 + Array(repeating: 0, count: padding)) }
    define(value, result)
    step(node.name, combination == MARTLET_COMBINE_ADD ? "add" : "multiply") { [result] run in
      var tensor = result.tensor
      martlet_combine(
        run.pool.pool, &tensor, combination, run.operand(a, a.load), run.operand(b, b.load), slope?.pointer,
        run.pointer(result.slot), result.sampleStride)
    }
    return true
  }

  /// A number, or one for each channel, added or multiplied: factors on load.
  private mutating func constantArithmetic(
    _ node: Node, _ input: Value, _ values: [Float], _ valuesShape: [Int], _ combination: martlet_combination
  ) throws -> Bool {
    let shape = try shape(of: node.outputs[0])
    guard try self.shape(of: input) == shape,
      values.count == 1 || isPerChannel(valuesShape, rank: shape.count, channels: shape[1])
    else { return false }
    let numbers = values.count == 1 ? Array(repeating: values[0], count: shape[1]) : values
    let form = try preferred(input)
    let isSum = combination == MARTLET_COMBINE_ADD
    try define(
      node.outputs[0], form, scale: isSum ? nil : numbers, shift: isSum ? numbers : nil, slope: nil, node: node.name)
    return true
  }

  // MARK: Windows and interpolation

  mutating func pooling(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input),
      case .ints(let kernel)? = node.attributes["kernel_shape"], (node.ints("dilations") ?? []).allSatisfy({ $0 == 1 })
    else { return false }
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    guard NativeValue.isSpatial(from) else { return false }
    let source = try blocked(input)
    let result = NativeValue(slot: try resultSlot(node.outputs[0], to, isBlocked: true), shape: to, isBlocked: true)
    define(node.outputs[0], result)
    let missing = 5 - from.count
    let ones = kernel.map { _ in 1 }
    func three(_ values: [Int], _ filler: Int) -> (Int32, Int32, Int32) {
      let all = (Array(repeating: filler, count: missing) + Array(values[..<(3 - missing)])).map(Int32.init)
      return (all[0], all[1], all[2])
    }
    let extents = result.extents.map(Int32.init)
    let pooling = martlet_pooling(
      kernel: three(kernel, 1), stride: three(node.ints("strides") ?? ones, 1),
      pad: three(node.ints("pads") ?? kernel.map { _ in 0 }, 0), out: (extents[0], extents[1], extents[2]),
      is_mean: node.operator == "AveragePool" ? 1 : 0, counts_padding: Int32(node.int("count_include_pad") ?? 0))
    step(node.name, "pool") { run in
      var (tensor, pooling) = (source.tensor, pooling)
      martlet_pool_blocked(run.pool.pool, &tensor, &pooling, run.pointer(source.slot), run.pointer(result.slot))
    }
    return true
  }

  mutating func resize(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    guard NativeValue.isSpatial(from), from[..<2] == to[..<2],
      let mode = ResizeMode(rawValue: node.string("mode") ?? "nearest"),
      mode != .cubic, node.int("antialias") ?? 0 == 0, node.int("exclude_outside") ?? 0 == 0,
      let rounding = NearestRounding(rawValue: node.string("nearest_mode") ?? "round_prefer_floor"),
      let coordinates = ResizeCoordinates(rawValue: node.string("coordinate_transformation_mode") ?? "half_pixel")
    else { return false }
    let source = try blocked(input)
    let scales = node.inputs.count > 2 ? floats(node.inputs[2]) : nil
    let tables = (2..<from.count).map { axis in
      ResizeTable(
        AxisSamples(
          extent: from[axis], count: to[axis], scale: scales?[axis], mode, coordinates, -0.75, rounding: rounding))
    }
    let missing = Array(repeating: ResizeTable.identity, count: 5 - from.count)
    var value = node.outputs[0]
    let added = try absorbAddition(&value)
    let addend = try added.map { try blocked($0) }
    let slot = try resultSlot(value, to, isBlocked: true, over: [(added, addend)])
    let result = NativeValue(slot: slot, shape: to, isBlocked: true)
    define(value, result)
    let all = missing + tables
    step(node.name, addend == nil ? "resize" : "resize, add") { run in
      var tensor = source.tensor
      var axes = all.map(\.table)
      martlet_resize_blocked(
        run.pool.pool, &tensor, &axes, run.pointer(source.slot), addend.map { UnsafePointer(run.pointer($0.slot)) },
        run.pointer(result.slot))
    }
    return true
  }
}

/// Where the elements of a resized axis come from, at addresses that stay.
private struct ResizeTable: Sendable {
  private let indices: Tensor
  private let weights: FixedFloats
  private let count: Int

  static let identity = ResizeTable(
    AxisSamples(extent: 1, count: 1, scale: nil, .nearest, .asymmetric, 0, rounding: .floor))

  init(_ samples: AxisSamples) {
    count = samples.indices.count
    let lower = samples.indices.map { Int32($0[0]) }
    let upper = samples.indices.map { Int32($0[$0.count - 1]) }
    indices = Tensor(lower + upper, [2 * count])
    let isNearest = samples.indices.allSatisfy { $0.count == 1 }
    let first = samples.weights.map { Float($0[0]) }
    weights = FixedFloats(first + (isNearest ? first.map { _ in 0 } : samples.weights.map { Float($0[1]) }))
  }

  /// Valid as long as this value lives.
  var table: martlet_axis_table {
    let base = indices.withBase { $0.assumingMemoryBound(to: Int32.self) }
    return martlet_axis_table(
      lower: base, upper: base + count, lower_weight: weights.pointer, upper_weight: weights.pointer + count,
      count: Int32(count))
  }
}
