package import Graphs
import OrderedCollections

/// Joining what was joined along the same axis is one join; joining neighbouring slices of one tensor, or all parts of
/// a split one, is a slice of it or the tensor itself.
package struct ConcatMerging: RewriteRule {
  package let name = "concat-merging"
  package let operators: Set<String> = ["Concat"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let axis = index.axis(of: node), node.inputs.count > 1 else { return nil }
    let inputs = node.inputs.compactMap(\.self)
    return rejoined(node, inputs, axis, index) ?? flattened(node, inputs, axis, index)
      ?? neighbours(node, inputs, axis, index)
  }

  /// All outputs of a split in their order, alone or among others.
  private func rejoined(_ node: Node, _ inputs: [Value], _ axis: Int, _ index: GraphIndex) -> Patch? {
    for place in inputs.indices {
      guard let split = index.producer(of: inputs[place], "Split"), index.axis(of: split) == axis,
        inputs[place...].starts(with: split.outputs), let whole = split.inputs[0]
      else { continue }
      let others = Array(inputs[..<place]) + [whole] + Array(inputs[(place + split.outputs.count)...])
      return others.count == 1
        ? .replacement("\(split.name) and \(node.name)", by: whole) : join(others, axis, node)
    }
    return nil
  }

  private func flattened(_ node: Node, _ inputs: [Value], _ axis: Int, _ index: GraphIndex) -> Patch? {
    let parts = inputs.map { input -> [Value] in
      guard let inner = index.producer(of: input, "Concat"), index.isReadOnce(input), index.axis(of: inner) == axis
      else {
        return [input]
      }
      return inner.inputs.compactMap(\.self)
    }
    let all = parts.flatMap(\.self)
    return all.count == inputs.count ? nil : join(all, axis, node)
  }

  /// The first two slices of one tensor that lie beside each other.
  private func neighbours(_ node: Node, _ inputs: [Value], _ axis: Int, _ index: GraphIndex) -> Patch? {
    for place in 1..<inputs.count {
      guard let first = index.producer(of: inputs[place - 1], "Slice"),
        let second = index.producer(of: inputs[place], "Slice"), let whole = first.inputs[0], second.inputs[0] == whole,
        let left = SliceRange.all(of: first, index), let right = SliceRange.all(of: second, index),
        left.filter({ $0.key != axis }) == right.filter({ $0.key != axis }),
        let before = left[axis], let behind = right[axis], before.step == 1, behind.step == 1,
        before.end == behind.start
      else { continue }
      var ranges = left
      ranges[axis] = SliceRange(start: before.start, count: before.count + behind.count, step: 1)
      let others = Array(inputs[..<(place - 1)]) + [whole] + Array(inputs[(place + 1)...])
      return Patch("\(first.name) and \(second.name)", operands: others) { rebuilder in
        var parts = try others.map { try rebuilder.value($0) }
        parts[place - 1] = try rebuilder.slice(parts[place - 1], ranges, named: first.name)
        if parts.count == 1 { return parts }
        return [try rebuilder.apply("Concat", parts, ["axis": .int(axis)], named: node.name)]
      }
    }
    return nil
  }

  private func join(_ parts: [Value], _ axis: Int, _ node: Node) -> Patch {
    Patch(node.name, operands: parts) { rebuilder in
      let values = try parts.map { try rebuilder.value($0) }
      return [try rebuilder.apply("Concat", values, ["axis": .int(axis)], named: node.name)]
    }
  }
}
