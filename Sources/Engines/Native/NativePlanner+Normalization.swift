import CKernels
import Graphs
import Tensors

extension NativePlanner {
  /// (x - mean) / √(variance + ε) · scale + bias over the positions of each channel.
  mutating func instanceNormalization(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), let scale = floats(node.inputs[1]),
      let bias = floats(node.inputs[2])
    else { return false }
    let shape = try shape(of: input)
    guard NativeValue.isSpatial(shape) else { return false }
    try normalize(
      input, groups: shape[1], scale: scale, bias: bias, epsilon: node.float("epsilon") ?? 1e-5,
      result: node.outputs[0], name: node.name)
    return true
  }

  /// The way the graph writes group normalisation: a reshape to groups, an instance normalisation, the reshape back,
  /// and perhaps a factor and an addend for each channel.
  mutating func groupNormalization(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let shape = try shape(of: input)
    let grouped = try self.shape(of: node.outputs[0])
    guard NativeValue.isSpatial(shape), grouped.count == 3, grouped[0] == shape[0], shape[1] % grouped[1] == 0,
      let norm = onlyConsumer(node.outputs[0]), norm.node.operator == "InstanceNormalization",
      let ones = floats(norm.node.inputs[1]), ones.allSatisfy({ $0 == 1 }),
      let zeros = floats(norm.node.inputs[2]), zeros.allSatisfy({ $0 == 0 }),
      let back = onlyConsumer(norm.node.outputs[0]), back.node.operator == "Reshape",
      try self.shape(of: back.node.outputs[0]) == shape
    else { return false }
    absorbed.formUnion([norm.index, back.index])
    var value = back.node.outputs[0]
    let scale = try absorbPerChannel("Mul", &value)
    let bias = try absorbPerChannel("Add", &value)
    try normalize(
      input, groups: grouped[1], scale: scale ?? Array(repeating: 1, count: shape[1]),
      bias: bias ?? Array(repeating: 0, count: shape[1]), epsilon: norm.node.float("epsilon") ?? 1e-5, result: value,
      name: norm.node.name)
    return true
  }

  /// The constant for each channel that the only reader of `value` combines with it; absorbed.
  private mutating func absorbPerChannel(_ operatorName: String, _ value: inout Value) throws -> [Float]? {
    let type = try shape(of: value)
    guard let next = onlyConsumer(value), next.node.operator == operatorName,
      let other = next.node.inputs.compactMap(\.self).first(where: { $0 != value }), let numbers = floats(other),
      isPerChannel(try shape(of: other), rank: type.count, channels: type[1])
    else { return nil }
    absorbed.insert(next.index)
    value = next.node.outputs[0]
    return numbers
  }

  /// Defines `result` as the normalised input: the same elements with factors to apply on load, which a step computes
  /// from the statistics. A rectifier behind it becomes their slope.
  private mutating func normalize(
    _ input: Value, groups: Int, scale: [Float], bias: [Float], epsilon: Float, result: Value, name: String
  ) throws {
    let source = try preferred(input)
    let (batch, channels, padded) = (source.shape[0], source.shape[1], source.channels)
    let positions = source.positions
    var value = result
    let slopes = try absorbRectifier(&value) ?? Array(repeating: 1, count: channels)
    let statistics = source.statistics ?? arena.allocate(batch * padded * 4)
    if source.statistics == nil {
      step(name, "statistics") { run in
        var tensor = source.tensor
        martlet_statistics(run.pool.pool, &tensor, run.pointer(source.slot), run.doubles(statistics))
      }
    }
    var normalized = source
    normalized.statistics = nil
    let load = allocateLoad(batch * padded)
    normalized.load = load
    arena.retain(source.slot)
    define(value, normalized)
    step(name, "normalize") { run in
      let sums = run.doubles(statistics)
      let (scales, shifts, slope) = (run.pointer(load.scale), run.pointer(load.shift), run.pointer(load.slope))
      let size = channels / groups
      for sample in 0..<batch {
        for channel in channels..<max(padded, channels) {
          let place = sample * padded + channel
          (scales[place], shifts[place], slope[place]) = (0, 0, 0)
        }
        for group in 0..<groups {
          var (sum, squares) = (0.0, 0.0)
          for channel in group * size..<(group + 1) * size {
            sum += sums[2 * (sample * padded + channel)]
            squares += sums[2 * (sample * padded + channel) + 1]
          }
          let count = Double(size * positions)
          let mean = sum / count
          let factor = 1 / (max(squares / count - mean * mean, 0) + Double(epsilon)).squareRoot()
          for channel in group * size..<(group + 1) * size {
            let place = sample * padded + channel
            scales[place] = Float(factor * Double(scale[channel]))
            shifts[place] = Float(Double(bias[channel]) - mean * factor * Double(scale[channel]))
            slope[place] = slopes[channel]
          }
        }
      }
    }
    if source.statistics == nil { arena.release(statistics) }
  }

  /// Known statistics: factors on load, with the rectifier behind them.
  mutating func batchNormalization(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), let factors = batchFactors(node),
      NativeValue.isSpatial(try shape(of: input))
    else { return false }
    let source = try preferred(input)
    var value = node.outputs[0]
    let slopes = try absorbRectifier(&value)
    try define(value, source, scale: factors.scale, shift: factors.shift, slope: slopes, node: node.name)
    return true
  }

  /// A batch normalisation as a factor and an addend for each channel.
  func batchFactors(_ node: Node) -> (scale: [Float], shift: [Float])? {
    let parameters = (1...4).compactMap { floats(node.inputs[$0])?.map(Double.init) }
    guard parameters.count == 4 else { return nil }
    let epsilon = Double(node.float("epsilon") ?? 1e-5)
    let factors = zip(parameters[0], parameters[3]).map { $0 / ($1 + epsilon).squareRoot() }
    let shifts = factors.indices.map { parameters[1][$0] - parameters[2][$0] * factors[$0] }
    return (factors.map { Float($0) }, shifts.map { Float($0) })
  }
}

extension NativeRun {
  func doubles(_ slot: Slot) -> UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(pointer(slot)).assumingMemoryBound(to: Double.self)
  }
}
