import OrderedCollections
import Tensors

/// Operators that pick, mark or write elements by their places.
extension ONNXConversions {
  static let indexing: [String: Conversion] = [
    "Gather": { importer, call in
      let input = try importer.value(call, 0)
      let indices = try importer.value(call, 1)
      let axis = try call.axis(call.int("axis") ?? 0, rank: importer.graph.type(of: input).rank)
      return try importer.apply(call, "Gather", [input, indices], ["axis": .int(axis)])
    },
    "GatherElements": { importer, call in
      let input = try importer.value(call, 0)
      let axis = try call.axis(call.int("axis") ?? 0, rank: importer.graph.type(of: input).rank)
      return try importer.apply(call, "GatherElements", [input, importer.value(call, 1)], ["axis": .int(axis)])
    },
    "GatherND": { importer, call in
      try importer.apply(
        call, "GatherND", [importer.value(call, 0), importer.value(call, 1)],
        ["batch_dims": .int(call.int("batch_dims") ?? 0)])
    },
    "ScatterElements": { importer, call in try importer.scatterElements(call) },
    // Its name up to opset 10.
    "Scatter": { importer, call in try importer.scatterElements(call) },
    "ScatterND": { importer, call in
      try importer.apply(
        call, "ScatterND", (0..<3).map { try importer.value(call, $0) },
        ["reduction": .string(call.string("reduction") ?? "none")])
    },
    "Compress": { importer, call in
      guard let condition = importer.numbers(call, 1)?.integers else {
        throw call.unsupported("which elements stay isn't known before the network runs")
      }
      let places = importer.list(condition.indices.filter { condition[$0] != 0 }, "places")
      let input = try importer.value(call, 0)
      let rank = importer.graph.type(of: input).rank
      guard let axis = call.int("axis") else {
        return [ONNXOperand(try importer.graph.gather(importer.graph.reshape(input, [-1]), places, axis: 0))]
      }
      return try importer.apply(call, "Gather", [input, places], ["axis": .int(call.axis(axis, rank: rank))])
    },
    "OneHot": { importer, call in
      let indices = try importer.graph.cast(importer.value(call, 0), to: .int64)
      let rank = importer.graph.type(of: indices).rank + 1
      let axis = try call.axis(call.int("axis") ?? -1, rank: rank)
      guard let given = importer.tensor(call, 1), given.count == 1 else {
        throw call.unsupported("the depth isn't known before the network runs", hint: ONNXImporter.fixedHint)
      }
      let depth = Int(given.converted(to: .int64).array(of: Int64.self)[0])
      guard (1...1 << 24).contains(depth) else { throw call.invalid("the depth is \(depth)", expected: "1 to 2²⁴") }
      // Negative places count from the back.
      let isNegative = try importer.graph.compare(.less, indices, importer.scalar(0, .int64, "zero"))
      let counted = try importer.graph.select(
        isNegative, importer.graph.add(indices, importer.scalar(Double(depth), .int64, "depth")), indices)
      let isHot = try importer.graph.compare(
        .equal, importer.graph.unsqueeze(counted, axes: [axis]), importer.places(depth, axis, rank: rank))
      let values = try importer.value(call, 2)
      let parts = try (0..<2).map { index in
        try importer.graph.gather(values, importer.graph.constant([Int64(index)], shape: [], name: "entry"), axis: 0)
      }
      return try importer.apply(call, "Where", [isHot, parts[1], parts[0]])
    },
    "Hardmax": { importer, call in
      // Before opset 13 it ran over all axes from `axis` on at once.
      var input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      var axis = try call.axis(call.int("axis") ?? (call.opset < 13 ? 1 : -1), rank: type.rank)
      let isFlat = call.opset < 13 && axis != type.rank - 1
      if isFlat {
        input = try importer.graph.apply("Flatten", [input], ["axis": .int(axis)])[0]
        axis = 1
      }
      let rank = importer.graph.type(of: input).rank
      guard let extent = importer.graph.type(of: input).shape[axis].constant else {
        throw call.unsupported("axis \(axis) of \(type) isn't fixed", hint: ONNXImporter.fixedHint)
      }
      let highest = try importer.graph.argMax(input, axis: axis, keepsAxis: true)
      let isHighest = try importer.graph.compare(.equal, highest, importer.places(extent, axis, rank: rank))
      let result = try importer.graph.cast(isHighest, to: type.elementType)
      return [ONNXOperand(isFlat ? try importer.graph.reshape(result, to: type.shape) : result)]
    },
    "AffineGrid": { importer, call in
      let matrices = try importer.value(call, 0)
      let size = try importer.integers(call, 1, "size")
      guard (4...5).contains(size.count), size.allSatisfy({ (1...1 << 14).contains($0) }) else {
        throw call.invalid("the size is \(size)", expected: "[N, C, H, W] or [N, C, D, H, W]")
      }
      let extents = Array(size.dropFirst(2))
      try call.requireModerate(extents)
      let grid = importer.graph.constant(
        ONNXImporter.affineGrid(extents, alignsCorners: call.int("align_corners") ?? 0 != 0),
        name: importer.graph.scopedName("grid"))
      let type = importer.graph.type(of: matrices)
      let points = type.elementType == .float32 ? grid : try importer.graph.cast(grid, to: type.elementType)
      let moved = try importer.graph.matmul(points, importer.graph.transpose(matrices, [0, 2, 1]))
      return [ONNXOperand(try importer.graph.reshape(moved, [0] + extents + [extents.count]))]
    },
    "CenterCropPad": { importer, call in
      var result = try importer.value(call, 0)
      let type = importer.graph.type(of: result)
      let axes = try (call.ints("axes") ?? Array(0..<type.rank)).map { try call.axis($0, rank: type.rank) }
      let targets = try importer.integers(call, 1, "shape")
      guard targets.count == axes.count, targets.allSatisfy({ $0 >= 0 }) else {
        throw call.invalid("the shape is \(targets)", expected: "\(axes.count) extents")
      }
      var pads = Array(repeating: 0, count: 2 * type.rank)
      for (axis, target) in zip(axes, targets) {
        guard let extent = type.shape[axis].constant else {
          throw call.unsupported("axis \(axis) isn't fixed", hint: ONNXImporter.fixedHint)
        }
        let missing = target - extent
        if missing < 0 {
          result = try importer.graph.slice(result, axis: axis, -missing / 2..<(-missing / 2 + target))
        } else {
          pads[axis] = missing / 2
          pads[axis + type.rank] = missing - missing / 2
        }
      }
      if pads.allSatisfy({ $0 == 0 }) { return [ONNXOperand(result)] }
      return try importer.apply(
        call, "Pad", [result, importer.list(pads, "pads"), importer.scalar(0, type.elementType, "value")],
        ["mode": .string("constant")])
    },
  ]
}

extension ONNXImporter {
  fileprivate mutating func scatterElements(_ call: ONNXCall) throws -> [ONNXOperand] {
    let inputs = try (0..<3).map { try value(call, $0) }
    let axis = try call.axis(call.int("axis") ?? 0, rank: graph.type(of: inputs[0]).rank)
    return try apply(
      call, "ScatterElements", inputs,
      ["axis": .int(axis), "reduction": .string(call.string("reduction") ?? "none")])
  }

  /// 0, 1, 2 … along one of `rank` axes.
  fileprivate mutating func places(_ count: Int, _ axis: Int, rank: Int) -> Value {
    var shape = Array(repeating: 1, count: rank)
    shape[axis] = count
    return graph.constant((0..<count).map(Int64.init), shape: Shape(shape), name: "places")
  }

  /// The homogeneous coordinates, from -1 to 1 and the last axis first, of every position: `[positions, axes + 1]`.
  fileprivate static func affineGrid(_ extents: [Int], alignsCorners: Bool) -> Tensor {
    let count = extents.reduce(1, *)
    let width = extents.count + 1
    var values = [Float](repeating: 1, count: count * width)
    for position in 0..<count {
      var rest = position
      for (column, extent) in extents.reversed().enumerated() {
        let index = Double(rest % extent)
        rest /= extent
        let place =
          alignsCorners
          ? (extent == 1 ? 0 : 2 * index / Double(extent - 1) - 1) : (2 * index + 1) / Double(extent) - 1
        values[position * width + column] = Float(place)
      }
    }
    return Tensor(values, [count, width])
  }
}
