import CKernels
import Foundation
import Graphs
import Tensors

/// Attention as one step: products of queries and keys, a factor, addends, the softmax and the product with the values.
extension NativePlanner {
  /// The nodes of an attention, and what they read.
  struct Attention {
    let name: String
    let query, key, content: Value
    var scale: Float = 1
    /// Addends of the scores, with the shape that the scores have there.
    var masks: [(value: Value, shape: [Int])] = []
    /// Shapes of the scores and of the result.
    let scores: [Int]
    let shape: [Int]
    /// The nodes between the first product and the last, and the last one.
    let inner: [Int]
    let last: Int
    let output: Value

    var operands: [Value] { [query, key, content] + masks.map(\.value) }
  }

  /// Plans the attention that begins or ends with the product `index`. Its step stands where its last operand is at hand: at
  /// the first product, or where the values are computed behind it, at the last.
  mutating func attention(_ node: Node, _ index: Int) throws -> Bool {
    if let waiting = waitingAttentions.removeValue(forKey: index) {
      try emit(waiting)
      for value in waiting.operands { release(value) }
      return true
    }
    guard let found = try attention(beginningWith: node) else { return false }
    absorbed.formUnion(found.inner)
    if found.operands.allSatisfy({ constant($0) != nil || isPlanned($0) }) {
      absorbed.insert(found.last)
      try emit(found)
    } else {
      for value in found.operands { hold(value) }
      waitingAttentions[found.last] = found
    }
    return true
  }

  private func attention(beginningWith node: Node) throws -> Attention? {
    guard let query = node.inputs[0], let key = node.inputs[1] else { return nil }
    let scores = try shape(of: node.outputs[0])
    let rank = scores.count
    let (queries, keys) = (scores[rank - 2], scores[rank - 1])
    var (value, scale, steps) = (node.outputs[0], Float(1), [Int]())
    var masks: [(value: Value, shape: [Int])] = []
    var weights: Value?
    while weights == nil {
      guard let next = onlyConsumer(value) else { return nil }
      let shape = try shape(of: value)
      let other = next.node.inputs.compactMap(\.self).first { $0 != value }
      switch next.node.operator {
      case "Mul", "Div":
        guard masks.isEmpty, let other, let number = floats(other), number.count == 1, next.node.inputs[0] == value
        else {
          return nil
        }
        scale *= next.node.operator == "Mul" ? number[0] : 1 / number[0]
      case "Add":
        guard masks.count < 2, let other, isFloat(other), try self.shape(of: other).last == keys,
          try self.shape(of: next.node.outputs[0]) == shape
        else { return nil }
        masks.append((other, shape))
      case "Reshape":
        // Samples and windows are counted apart or together.
        guard try self.shape(of: next.node.outputs[0]).suffix(2) == [queries, keys] else { return nil }
      case "Softmax":
        let axis = next.node.int("axis") ?? -1
        guard axis == -1 || axis == shape.count - 1 else { return nil }
        weights = next.node.outputs[0]
      default: return nil
      }
      steps.append(next.index)
      value = next.node.outputs[0]
    }
    while let next = onlyConsumer(value), next.node.operator == "Reshape",
      try shape(of: next.node.outputs[0]).suffix(2) == [queries, keys]
    {
      steps.append(next.index)
      value = next.node.outputs[0]
    }
    guard let last = onlyConsumer(value), last.node.operator == "MatMul", last.node.inputs[0] == value,
      let content = last.node.inputs[1], content != value, constant(content) == nil
    else { return nil }
    let shape = try shape(of: last.node.outputs[0])
    guard shape.dropLast(2).reduce(1, *) == scores.dropLast(2).reduce(1, *), let depth = shape.last, depth > 0 else {
      return nil
    }
    return Attention(
      name: node.name, query: query, key: key, content: content, scale: scale, masks: masks, scores: scores,
      shape: shape, inner: steps, last: last.index, output: last.node.outputs[0])
  }

  private mutating func emit(_ attention: Attention) throws {
    let (scores, shape) = (attention.scores, attention.shape)
    let (outer, heads) = (Array(shape.dropLast(2)), Array(scores.dropLast(2)))
    let (queries, keys) = (scores[scores.count - 2], scores[scores.count - 1])
    let (batch, depth) = (outer.reduce(1, *), shape[shape.count - 1])
    let queryDepth = try self.shape(of: attention.query).last ?? 0
    let query = try rawView(attention.query).expanded(to: heads + [queries, queryDepth])
    let key = try rawView(attention.key).expanded(to: heads + [queryDepth, keys])
    let content = try view(attention.content).expanded(to: outer + [keys, depth])
    let addends = try attention.masks.map { mask in
      let found = compacted(try view(mask.value), shape: mask.shape)
      if found.columnStride == 1 { return found }
      let form = try plain(mask.value)
      return Matrices(NativeView(.slot(form.slot), shape: form.shape).expanded(to: mask.shape))
    }
    let scale = attention.scale * query.scale * key.scale

    // The heads moved behind the queries are written there at once.
    var output = attention.output
    var target = shape
    var order = Array(shape.indices)
    if let next = onlyConsumer(output), next.node.operator == "Transpose", let axes = next.node.ints("perm"),
      axes.last == shape.count - 1
    {
      absorbed.insert(next.index)
      output = next.node.outputs[0]
      target = axes.map { shape[$0] }
      order = axes
    }
    let result = NativeValue(slot: arena.allocate(target.reduce(1, *)), shape: target)
    define(output, result)
    var written = NativeView(.slot(result.slot), shape: shape)
    for (place, axis) in order.enumerated() { written.strides[axis] = NativeView.contiguousStrides(target)[place] }
    let places = Matrices(written)
    let offsets = FixedOffsets(written.outerOffsets(inner: 2))
    let outerRank = key.shape.count - 2
    let keyRows = key.permuted(Array(0..<outerRank) + [outerRank + 1, outerRank])
    let operands = (Matrices(query), Matrices(keyRows), Matrices(content))
    var sizes = martlet_attention()
    sizes.batch = batch
    (sizes.queries, sizes.keys) = (Int32(queries), Int32(keys))
    (sizes.depth, sizes.value_depth) = (Int32(queryDepth), Int32(depth))
    let scratch = arena.allocate(martlet_attention_scratch_count(&sizes, Int32(threads.count)))
    let title = addends.isEmpty ? "attention" : "attention, masks"
    step(attention.name, title, operations: 2 * batch * queries * keys * (queryDepth + depth)) { [addends, scale] run in
      var job = martlet_attention()
      job.batch = batch
      (job.queries, job.keys) = (Int32(queries), Int32(keys))
      (job.depth, job.value_depth) = (Int32(queryDepth), Int32(depth))
      job.query = run.matrices(operands.0)
      job.key = run.matrices(operands.1)
      job.value = run.matrices(operands.2)
      job.scale = scale
      if addends.count > 0 { job.masks.0 = run.matrices(addends[0]) }
      if addends.count > 1 { job.masks.1 = run.matrices(addends[1]) }
      job.target = run.pointer(result.slot)
      job.target_offsets = offsets.pointer
      job.target_row_stride = places.rowStride
      martlet_attention_run(run.pool.pool, &job, run.pointer(scratch))
    }
    arena.release(scratch)
  }

  /// An addend of scores of this shape. Of a constant with many matrices, each is kept once: most windows of a shifted
  /// attention have the same mask.
  private func compacted(_ mask: NativeView, shape: [Int]) -> Matrices {
    let expanded = mask.expanded(to: shape)
    guard case .constant(let floats) = mask.base, mask.isContiguous, mask.count > 1 << 20 else {
      return Matrices(expanded)
    }
    let size = mask.shape.suffix(2).reduce(1, *)
    var (unique, places) = ([Int](), [Int: Int]())
    for offset in Set(expanded.outerOffsets(inner: 2)).sorted() {
      let known = unique.first { memcmp(floats.pointer + $0, floats.pointer + offset, size * 4) == 0 }
      if known == nil { unique.append(offset) }
      places[offset] = (known ?? offset)
    }
    let kept = FixedFloats(count: unique.count * size) { target in
      for (place, offset) in unique.enumerated() {
        copyBytes(target + place * size, floats.pointer + offset, size * 4)
      }
    }
    let starts = Dictionary(uniqueKeysWithValues: unique.enumerated().map { ($1, $0 * size) })
    var view = expanded
    view.base = .constant(kept)
    return Matrices(view, offsets: expanded.outerOffsets(inner: 2).map { starts[places[$0] ?? 0] ?? 0 })
  }
}

extension NativePlanner.Matrices {
  /// Matrices that begin where `offsets` say.
  init(_ view: NativeView, offsets: [Int]) {
    self.view = view
    self.offsets = FixedOffsets(offsets)
    rowStride = view.strides[view.shape.count - 2]
    columnStride = view.strides[view.shape.count - 1]
  }
}

extension NativeRun {
  func matrices(_ matrices: NativePlanner.Matrices) -> martlet_matrices {
    martlet_matrices(
      values: pointer(matrices.view), offsets: matrices.offsets?.pointer, row_stride: matrices.rowStride,
      column_stride: matrices.columnStride)
  }
}
