import CKernels
import Graphs
import Tensors

/// Layer normalisation, softmax, reductions and pooling over all positions.
extension NativePlanner {
  mutating func layerNormalization(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), let scale = floats(node.inputs[1]) else {
      return false
    }
    let hasBias = node.inputs.count > 2 && node.inputs[2] != nil
    let bias = hasBias ? floats(node.inputs[2]) : nil
    if hasBias, bias == nil { return false }
    let source = try plain(input)
    let axis = node.int("axis") ?? -1
    let count = source.shape[(axis < 0 ? axis + source.shape.count : axis)...].reduce(1, *)
    guard count > 0, scale.count == count, bias == nil || bias?.count == count else { return false }
    let rows = source.count / count
    let epsilon = node.float("epsilon") ?? 1e-5
    let result = NativeValue(slot: arena.allocate(source.count), shape: source.shape)
    define(node.outputs[0], result)
    let (factors, addends) = (FixedFloats(scale), bias.map { FixedFloats($0) })
    step(node.name, "layer norm") { run in
      martlet_layer_norm(
        run.pool.pool, rows, count, epsilon, factors.pointer, addends?.pointer, run.pointer(source.slot),
        run.pointer(result.slot))
    }
    return true
  }

  mutating func softmax(_ node: Node, isLogarithm: Bool) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let source = try plain(input)
    let given = node.int("axis") ?? -1
    let axis = given < 0 ? given + source.shape.count : given
    guard source.count > 0 else { return false }
    let outer = source.shape[..<axis].reduce(1, *)
    let inner = source.shape[(axis + 1)...].reduce(1, *)
    let count = source.shape[axis]
    let result = NativeValue(slot: arena.allocate(source.count), shape: source.shape)
    define(node.outputs[0], result)
    step(node.name, "softmax") { run in
      martlet_softmax_along(
        run.pool.pool, outer, count, inner, isLogarithm ? 1 : 0, run.pointer(source.slot), run.pointer(result.slot))
    }
    return true
  }

  static let reductions: [String: martlet_reduction] = [
    "ReduceSum": MARTLET_REDUCE_SUM, "ReduceMean": MARTLET_REDUCE_MEAN, "ReduceMax": MARTLET_REDUCE_MAX,
    "ReduceMin": MARTLET_REDUCE_MIN, "ReduceL1": MARTLET_REDUCE_L1, "ReduceL2": MARTLET_REDUCE_L2,
    "ReduceSumSquare": MARTLET_REDUCE_SUM_SQUARE,
  ]

  mutating func reduction(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), let given = integers(node, 1),
      let reduction = Self.reductions[node.operator]
    else { return false }
    let shape = try shape(of: input)
    var axes = Set(given.map { $0 < 0 ? $0 + shape.count : $0 })
    if axes.isEmpty { axes = Set(shape.indices) }
    return try reduce(input, over: axes, reduction, node)
  }

  mutating func globalPooling(_ node: Node, _ reduction: martlet_reduction) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let shape = try shape(of: input)
    guard isHeldBlocked(input), reduction == MARTLET_REDUCE_MEAN, NativeValue.isSpatial(shape) else {
      return try reduce(input, over: Set(2..<shape.count), reduction, node)
    }
    // The sums that a normalisation takes.
    let source = try blocked(input)
    let (channels, padded, positions) = (shape[1], source.channels, source.positions)
    let statistics = source.statistics ?? arena.allocate(shape[0] * padded * 4)
    let result = NativeValue(slot: arena.allocate(shape[0] * channels), shape: try self.shape(of: node.outputs[0]))
    define(node.outputs[0], result)
    let isGathered = source.statistics != nil
    step(node.name, "mean") { run in
      var tensor = source.tensor
      if !isGathered { martlet_statistics(run.pool.pool, &tensor, run.pointer(source.slot), run.doubles(statistics)) }
      let (sums, target) = (run.doubles(statistics), run.pointer(result.slot))
      for sample in 0..<shape[0] {
        for channel in 0..<channels {
          target[sample * channels + channel] = Float(sums[2 * (sample * padded + channel)] / Double(positions))
        }
      }
    }
    if !isGathered { arena.release(statistics) }
    return true
  }

  private mutating func reduce(
    _ input: Value, over axes: Set<Int>, _ reduction: martlet_reduction, _ node: Node
  ) throws -> Bool {
    let source = try view(input)
    let kept = source.shape.indices.filter { !axes.contains($0) }
    let ordered = source.permuted(kept + axes.sorted())
    let count = axes.reduce(1) { $0 * source.shape[$1] }
    guard source.count > 0 else { return false }
    let rows = source.count / count
    let result = NativeValue(slot: arena.allocate(rows), shape: try shape(of: node.outputs[0]))
    define(node.outputs[0], result)
    var rowsView = ordered
    var copied: Slot?
    if !ordered.isContiguous {
      let slot = arena.allocate(source.count)
      copy(ordered, to: slot, strides: NativeView.contiguousStrides(ordered.shape), node.name, "permute")
      rowsView = NativeView(.slot(slot), shape: ordered.shape)
      copied = slot
    }
    step(node.name, "reduce") { [rowsView] run in
      martlet_reduce(run.pool.pool, reduction, rows, count, run.pointer(rowsView), run.pointer(result.slot))
    }
    if let copied { arena.release(copied) }
    return true
  }
}
