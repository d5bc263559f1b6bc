package import Graphs
import OrderedCollections
import Tensors

/// A slice of a slice is one; a slice of joined tensors that lies in one of them is a slice of that one.
package struct SliceMerging: RewriteRule {
  package let name = "slice-merging"
  package let operators: Set<String> = ["Slice"]

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard let outer = SliceRange.all(of: node, index) else { return nil }
    if let first = index.producer(of: node.inputs[0], "Slice"), let input = first.inputs[0],
      let inner = SliceRange.all(of: first, index)
    {
      var ranges = inner
      for (axis, range) in outer {
        ranges[axis] =
          ranges[axis].map { inner in
            SliceRange(start: inner.start + range.start * inner.step, count: range.count, step: inner.step * range.step)
          } ?? range
      }
      return slice(input, ranges, "\(first.name) and \(node.name)", node)
    }
    guard let join = index.producer(of: node.inputs[0], "Concat"), let axis = index.axis(of: join), outer.count == 1,
      let range = outer[axis]
    else { return nil }
    var start = 0
    for case let part? in join.inputs {
      guard let extent = index.graph.type(of: part).shape[axis].constant else { return nil }
      if range.start >= start, range.end <= start + extent {
        return slice(
          part, [axis: SliceRange(start: range.start - start, count: range.count, step: range.step)],
          "\(node.name) of \(join.name)", node)
      }
      start += extent
    }
    return nil
  }

  private func slice(_ input: Value, _ ranges: [Int: SliceRange], _ label: String, _ node: Node) -> Patch {
    Patch(label, operands: [input]) { rebuilder in
      [try rebuilder.slice(rebuilder.value(input), ranges, named: node.name)]
    }
  }
}

/// What a slice takes of one axis.
struct SliceRange: Equatable {
  let start: Int
  let count: Int
  let step: Int

  /// One behind the last element.
  var end: Int { start + (count - 1) * step + 1 }

  /// The ranges by axis; nil for a slice that takes nothing, or of an open axis.
  static func all(of node: Node, _ index: GraphIndex) -> [Int: SliceRange]? {
    guard node.operator == "Slice", let input = node.inputs[0], let starts = index.ints(node.inputs[1]),
      let axes = index.ints(node.inputs[3])
    else { return nil }
    let steps = node.inputs.count > 4 ? index.ints(node.inputs[4]) : nil
    let (from, to) = (index.graph.type(of: input), index.graph.type(of: node.outputs[0]))
    var ranges: [Int: SliceRange] = [:]
    for (place, rawAxis) in axes.enumerated() {
      let axis = rawAxis < 0 ? rawAxis + from.rank : rawAxis
      guard let extent = from.shape[axis].constant, let count = to.shape[axis].constant, count > 0 else { return nil }
      let start = min(max(starts[place] < 0 ? starts[place] + extent : starts[place], 0), extent)
      ranges[axis] = SliceRange(start: start, count: count, step: steps?[place] ?? 1)
    }
    return ranges
  }
}

extension GraphRebuilder {
  mutating func slice(_ input: Value, _ ranges: [Int: SliceRange], named name: String) throws -> Value {
    let sorted = ranges.sorted { $0.key < $1.key }
    func operand(_ suffix: String, _ number: (SliceRange) -> Int) -> Value {
      graph.constant(Tensor(sorted.map { Int64(number($0.value)) }, [sorted.count]), name: "\(name)/\(suffix)")
    }
    let axes = graph.constant(Tensor(sorted.map { Int64($0.key) }, [sorted.count]), name: "\(name)/axes")
    var operands = [input, operand("starts", \.start), operand("ends", \.end), axes]
    if sorted.contains(where: { $0.value.step != 1 }) { operands.append(operand("steps", \.step)) }
    return try apply("Slice", operands, named: name)
  }
}

extension GraphIndex {
  /// The axis of a Concat or Split, counted from the front.
  func axis(of node: Node) -> Int? {
    guard let first = node.inputs.first ?? nil else { return nil }
    let axis = node.int("axis") ?? 0
    return axis < 0 ? axis + graph.type(of: first).rank : axis
  }
}
