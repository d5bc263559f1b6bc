import CKernels
import Graphs
import Tensors

/// Operators that move elements: views wherever the strides allow, copies elsewhere.
extension NativePlanner {
  mutating func transposition(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input) else { return false }
    let shape = try shape(of: input)
    let axes = node.ints("perm") ?? Array((0..<shape.count).reversed())
    // From blocks straight into the new order.
    if let form = blockedForm(input), form.load == nil, !hasPlainForm(input), shape[1] % 16 == 0, shape.count <= 8 {
      let result = NativeValue(slot: arena.allocate(form.count), shape: axes.map { shape[$0] })
      let target = NativeView.contiguousStrides(result.shape)
      var strides = Array(repeating: 0, count: shape.count)
      for (place, axis) in axes.enumerated() { strides[axis] = target[place] }
      let (extents, from) = blockedAxes(shape)
      let to = [strides[0], 16 * strides[1]] + strides[2...] + [strides[1]]
      define(node.outputs[0], result)
      step(node.name, "permute") { run in
        var axes = nativeAxes(extents)
        martlet_copy_strided(run.pool.pool, &axes, run.pointer(form.slot), from, run.pointer(result.slot), to)
      }
      return true
    }
    define(node.outputs[0], try rawView(input).permuted(axes))
    return true
  }

  /// The axes of a blocked value with channels split, `[N, C / 16, spatial…, 16]`, and their strides.
  func blockedAxes(_ shape: [Int]) -> (extents: [Int], strides: [Int]) {
    let extents = [shape[0], NativeValue.paddedChannels(shape[1]) / 16] + shape[2...] + [16]
    return (extents, NativeView.contiguousStrides(extents))
  }

  mutating func slice(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input), let starts = integers(node, 1), let ends = integers(node, 2)
    else { return false }
    let shape = try shape(of: input)
    let axes = node.inputs.count > 3 && node.inputs[3] != nil ? integers(node, 3) : Array(starts.indices)
    let steps = node.inputs.count > 4 && node.inputs[4] != nil ? integers(node, 4) : starts.map { _ in 1 }
    guard let axes, let steps, steps.allSatisfy({ $0 > 0 }) else { return false }
    var result = try view(input)
    for (position, given) in axes.enumerated() {
      let axis = given < 0 ? given + shape.count : given
      let extent = result.shape[axis]
      let bounds = [starts[position], ends[position]].map { min(max($0 < 0 ? $0 + extent : $0, 0), extent) }
      let count = (max(bounds[1] - bounds[0], 0) + steps[position] - 1) / steps[position]
      result = result.sliced(axis, from: bounds[0], count: count, step: steps[position])
    }
    guard result.count > 0 else { return false }
    define(node.outputs[0], result)
    return true
  }

  mutating func split(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input) else { return false }
    let source = try view(input)
    let given = node.int("axis") ?? 0
    let axis = given < 0 ? given + source.shape.count : given
    var start = 0
    for output in node.outputs {
      let count = try shape(of: output)[axis]
      define(output, source.sliced(axis, from: start, count: count))
      start += count
    }
    return true
  }

  /// One entry of an axis, chosen by a constant.
  mutating func gather(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input), let indices = integers(node, 1), indices.count == 1 else {
      return false
    }
    let source = try view(input)
    let given = node.int("axis") ?? 0
    let axis = given < 0 ? given + source.shape.count : given
    let index = indices[0] < 0 ? indices[0] + source.shape[axis] : indices[0]
    guard (0..<source.shape[axis]).contains(index) else { return false }
    var result = source.sliced(axis, from: index, count: 1)
    // The axis takes the shape of the indices: none, or ones.
    let rank = try shape(of: node.outputs[0]).count - source.shape.count + 1
    result.shape.replaceSubrange(axis...axis, with: Array(repeating: 1, count: rank))
    result.strides.replaceSubrange(axis...axis, with: Array(repeating: 0, count: rank))
    define(node.outputs[0], result)
    return true
  }

  mutating func expansion(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input) else { return false }
    define(node.outputs[0], try view(input).expanded(to: try shape(of: node.outputs[0])))
    return true
  }

  /// The same elements in another shape.
  mutating func alias(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input) else { return false }
    let target = try shape(of: node.outputs[0])
    if !hasPlainForm(input), let known = views[input], let result = known.reshaped(to: target) {
      define(node.outputs[0], result)
      return true
    }
    var form = try plain(input)
    form.shape = target
    form.statistics = nil
    arena.retain(form.slot)
    define(node.outputs[0], form)
    return true
  }

  /// Inputs joined along an axis, each copied to its place.
  mutating func stridedConcatenation(_ node: Node) throws -> Bool {
    let shape = try shape(of: node.outputs[0])
    let inputs = node.inputs.compactMap(\.self)
    guard inputs.allSatisfy(isFloat) else { return false }
    let given = node.int("axis") ?? 0
    let axis = given < 0 ? given + shape.count : given
    let parts = try inputs.map { try view($0) }
    let result = NativeValue(slot: arena.allocate(shape.reduce(1, *)), shape: shape)
    define(node.outputs[0], result)
    let strides = NativeView.contiguousStrides(shape)
    var start = 0
    for part in parts {
      copy(part, to: result.slot, offset: start * strides[axis], strides: strides, node.name, "concatenate")
      start += part.shape[axis]
    }
    return true
  }

  /// A step that copies a view to a place of a slot at the given strides.
  mutating func copy(
    _ source: NativeView, to slot: Slot, offset: Int = 0, strides: [Int], _ node: String, _ title: String
  ) {
    step(node, title) { run in
      var axes = nativeAxes(source.shape)
      martlet_copy_strided(
        run.pool.pool, &axes, run.pointer(source), source.strides, run.pointer(slot) + offset, strides)
    }
  }

  mutating func padding(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], isFloat(input), constant(input) == nil, let pads = integers(node, 1) else {
      return false
    }
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    let rank = from.count
    guard to.allSatisfy({ $0 > 0 }), pads.allSatisfy({ $0 >= 0 }), rank <= 9 else { return false }
    let mode = PaddingMode(rawValue: node.string("mode") ?? "constant") ?? .constant
    if mode == .constant {
      let fill = node.inputs.count > 2 && node.inputs[2] != nil ? floats(node.inputs[2])?.first : 0
      guard let fill else { return false }
      if prefersBlocks(input, output: node.outputs[0]), try blockedPadding(node, pads, fill) { return true }
      let source = try view(input)
      let result = NativeValue(slot: arena.allocate(to.reduce(1, *)), shape: to)
      define(node.outputs[0], result)
      let strides = NativeView.contiguousStrides(to)
      let offset = (0..<rank).reduce(0) { $0 + pads[$1] * strides[$1] }
      step(node.name, "pad") { run in martlet_fill(run.pool.pool, fill, result.count, run.pointer(result.slot)) }
      copy(source, to: result.slot, offset: offset, strides: strides, node.name, "pad")
      return true
    }
    return try mirroredPadding(node, mode, pads)
  }

  /// Padding with a number in blocks. Where channels are added in front, those of a block that stay beside each other move
  /// together.
  private mutating func blockedPadding(_ node: Node, _ pads: [Int], _ fill: Float) throws -> Bool {
    guard let input = node.inputs[0] else { return false }
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    let rank = from.count
    guard NativeValue.prefersBlocks(from), from[0] == to[0] else { return false }
    // Channels that move together: whole blocks, or the largest parts of them that none is cut by the padding.
    var width = 16
    while pads[1] % width != 0 || (from[1] != to[1] && from[1] % width != 0) { width /= 2 }
    guard width >= 4 else { return false }
    let source = try blocked(input)
    let result = NativeValue(slot: try resultSlot(node.outputs[0], to, isBlocked: true), shape: to, isBlocked: true)
    define(node.outputs[0], result)
    let (extents, sourceStrides) = blockedAxes(from)
    let strides = blockedAxes(to).strides
    let origin = (2..<rank).reduce(0) { $0 + pads[$1] * strides[$1] }
    let groups = (from[1] + width - 1) / width
    // The groups that begin at one lane of their blocks.
    let moves = (0..<16 / width).compactMap { lane -> (extents: [Int], source: Int, target: Int)? in
      let count = (groups - lane + 16 / width - 1) / (16 / width)
      guard count > 0 else { return nil }
      let first = pads[1] + lane * width
      var part = extents
      (part[1], part[part.count - 1]) = (count, width)
      return (part, lane * width, origin + first / 16 * strides[1] + first % 16)
    }
    step(node.name, "pad") { run in
      martlet_fill(run.pool.pool, fill, result.count, run.pointer(result.slot))
      for move in moves {
        var axes = nativeAxes(move.extents)
        martlet_copy_strided(
          run.pool.pool, &axes, run.pointer(source.slot) + move.source, sourceStrides,
          run.pointer(result.slot) + move.target, strides)
      }
    }
    return true
  }

  /// Padding that repeats elements: the input is put in its place, then each axis in turn copies from inside.
  private mutating func mirroredPadding(_ node: Node, _ mode: PaddingMode, _ pads: [Int]) throws -> Bool {
    guard let input = node.inputs[0] else { return false }
    let source = try view(input)
    let (from, to) = (source.shape, try shape(of: node.outputs[0]))
    let rank = from.count
    let limits = zip(from, (0..<rank).map { max(pads[$0], pads[$0 + rank]) })
    // Reflections that leave the axis are the interpreter's to refuse.
    guard mode != .reflect || limits.allSatisfy({ $1 < $0 }) else { return false }
    let result = NativeValue(slot: arena.allocate(to.reduce(1, *)), shape: to)
    define(node.outputs[0], result)
    let whole = NativeView(.slot(result.slot), shape: to)
    let origin = (0..<rank).reduce(0) { $0 + pads[$1] * whole.strides[$1] }
    copy(source, to: result.slot, offset: origin, strides: whole.strides, node.name, "pad")
    // Axes in front are whole already, those behind are still as wide as the input.
    var inside = whole
    for axis in 0..<rank { inside = inside.sliced(axis, from: pads[axis], count: from[axis]) }
    for axis in 0..<rank where pads[axis] + pads[axis + rank] > 0 {
      let places = Array(0..<pads[axis]) + Array(pads[axis] + from[axis]..<to[axis])
      for place in places {
        let index = place - pads[axis]
        let extent = from[axis]
        let origin =
          switch mode {
          case .reflect: index < 0 ? -index : 2 * (extent - 1) - index
          case .wrap: (index % extent + extent) % extent
          default: min(max(index, 0), extent - 1)
          }
        let slab = inside.sliced(axis, from: origin, count: 1)
        let target = inside.sliced(axis, from: index, count: 1)
        copy(slab, to: result.slot, offset: target.offset, strides: whole.strides, node.name, "pad")
      }
      inside.offset -= pads[axis] * whole.strides[axis]
      inside.shape[axis] = to[axis]
    }
    return true
  }

  /// The numbers of a constant operand such as axes or a shape.
  func integers(_ node: Node, _ index: Int) -> [Int]? {
    guard index < node.inputs.count, let value = node.inputs[index], let tensor = constant(value) else { return nil }
    return tensor.converted(to: .int64).array(of: Int64.self).map(Int.init)
  }
}
