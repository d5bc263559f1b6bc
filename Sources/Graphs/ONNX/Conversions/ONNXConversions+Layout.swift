import OrderedCollections
import Tensors

extension ONNXConversions {
  static let layout: [String: Conversion] = [
    "Reshape": { importer, call in
      let extents = try importer.extents(call, 1, "new extents")
      if call.int("allowzero") == 1, extents.contains(0) {
        let shape = importer.list(try importer.integers(call, 1, "new extents"), "shape")
        return try importer.apply(call, "Reshape", [importer.value(call, 0), shape], ["allowzero": .int(1)])
      }
      return [try importer.reshaped(call, extents)]
    },
    "Flatten": { importer, call in
      let rank = try importer.type(call, 0).rank
      let axis = call.int("axis") ?? 1
      guard (-rank...rank).contains(axis) else { throw call.invalid("axis \(axis)", expected: "at most \(rank)") }
      return try importer.apply(
        call, "Flatten", [importer.value(call, 0)], ["axis": .int(axis < 0 ? axis + rank : axis)])
    },
    "Squeeze": { importer, call in
      let type = try importer.type(call, 0)
      let given = try importer.axes(call)
      let axes =
        try given?.map { try call.axis($0, rank: type.rank) } ?? type.shape.indices.filter { type.shape[$0] == 1 }
      if let numbers = importer.numbers(call, 0), let shape = type.constantShape {
        return [ONNXOperand(numbers.reshaped(shape.indices.filter { !axes.contains($0) }.map { shape[$0] }))]
      }
      if axes.isEmpty { return [ONNXOperand(try importer.value(call, 0))] }
      return try importer.apply(call, "Squeeze", [importer.value(call, 0), importer.list(axes, "axes")])
    },
    "Unsqueeze": { importer, call in
      let type = try importer.type(call, 0)
      let given = try importer.axes(call) ?? []
      let rank = type.rank + given.count
      let axes = try given.map { try call.axis($0, rank: rank) }.sorted()
      guard Set(axes).count == axes.count else { throw call.invalid("the axes \(axes) repeat", expected: "each once") }
      if let shape = type.constantShape, let operand = importer.operand(call, 0), operand.value == nil {
        var extents = shape
        for axis in axes { extents.insert(1, at: axis) }
        if let numbers = importer.numbers(call, 0) { return [ONNXOperand(numbers.reshaped(extents))] }
        if let tensor = operand.tensor { return [ONNXOperand(tensor.reshaped(Shape(extents)))] }
      }
      if axes.isEmpty { return [ONNXOperand(try importer.value(call, 0))] }
      return try importer.apply(call, "Unsqueeze", [importer.value(call, 0), importer.list(axes, "axes")])
    },
    "Transpose": { importer, call in
      let rank = try importer.type(call, 0).rank
      let order = call.ints("perm") ?? Array((0..<rank).reversed())
      guard order.sorted() == Array(0..<rank) else {
        throw call.invalid("perm is \(order)", expected: "an order of \(rank) axes")
      }
      if let operand = importer.operand(call, 0), operand.value == nil {
        if let numbers = importer.numbers(call, 0) { return [ONNXOperand(numbers.transposed(order))] }
        if let tensor = operand.tensor { return [ONNXOperand(tensor.permuted(order))] }
      }
      if order == Array(0..<rank) { return [ONNXOperand(try importer.value(call, 0))] }
      return try importer.apply(call, "Transpose", [importer.value(call, 0)], ["perm": .ints(order)])
    },
    "Concat": { importer, call in
      let axis = try call.axis(call.int("axis") ?? 1, rank: importer.type(call, 0).rank)
      var inputs: [Value] = []
      for index in call.node.inputs.indices {
        // An empty part adds nothing.
        if try importer.type(call, index).shape[...].dropFirst(axis).first == 0 { continue }
        inputs.append(try importer.value(call, index))
      }
      if inputs.isEmpty { inputs = [try importer.value(call, 0)] }
      if inputs.count == 1 { return [ONNXOperand(inputs[0])] }
      return try importer.apply(call, "Concat", inputs, ["axis": .int(axis)])
    },
    "Split": { importer, call in
      let type = try importer.type(call, 0)
      let axis = try call.axis(call.int("axis") ?? 0, rank: type.rank)
      var lengths = call.ints("split") ?? []
      if importer.operand(call, 1) != nil { lengths = try importer.integers(call, 1, "lengths") }
      if lengths.isEmpty {
        let parts = call.int("num_outputs") ?? call.node.outputs.count
        guard let extent = type.shape[axis].constant, parts >= 1, parts == call.node.outputs.count else {
          throw call.unsupported("axis \(axis) of \(type) is split into \(parts) equal parts")
        }
        let length = (extent + parts - 1) / parts
        lengths = (0..<parts).map { min(length, max(extent - $0 * length, 0)) }
      }
      try call.requireModerate(lengths)
      if let numbers = importer.numbers(call, 0), let parts = numbers.split(axis: axis, lengths) {
        return parts.map { ONNXOperand($0) }
      }
      let input = try importer.value(call, 0)
      return try importer.apply(call, "Split", [input, importer.list(lengths, "split")], ["axis": .int(axis)])
    },
    "Slice": { importer, call in try importer.slice(call) },
    "Expand": { importer, call in
      let extents = try importer.extents(call, 1, "new extents")
      if let operand = importer.operand(call, 0), operand.value == nil, let tensor = operand.tensor,
        let shape = try importer.broadcast(call, TensorType(tensor).shape, extents).asNumbers
      {
        try call.requireModerate(shape)
        return [ONNXOperand(tensor.expanded(to: Shape(shape)))]
      }
      return [ONNXOperand(try importer.expanded(call, importer.value(call, 0), to: extents))]
    },
    "Tile": { importer, call in
      let input = try importer.value(call, 0)
      let repeats = try importer.integers(call, 1, "repeats")
      guard repeats.allSatisfy({ (0...1 << 14).contains($0) }) else {
        throw call.invalid("the repeats are \(repeats)", expected: "numbers from 0 to 16384")
      }
      if repeats.allSatisfy({ $0 == 1 }) { return [ONNXOperand(input)] }
      return try importer.apply(call, "Tile", [input, importer.list(repeats, "repeats")])
    },
    "Pad": { importer, call in try importer.pad(call) },
    "DepthToSpace": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      guard type.rank == 4, let block = call.int("blocksize"), (1...1024).contains(block),
        let channels = type.shape[1].exactQuotient(by: Dimension(block * block))
      else { throw call.unsupported("\(type) isn't taken apart by blocks of \(call.int("blocksize") ?? 0)") }
      let side = Dimension(block)
      let (height, width) = (type.shape[2], type.shape[3])
      let isColumnRow = call.string("mode") == "CRD"
      let split =
        isColumnRow
        ? [type.shape[0], channels, side, side, height, width] : [type.shape[0], side, side, channels, height, width]
      let parts = try importer.graph.transpose(
        importer.graph.reshape(input, to: split), isColumnRow ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2])
      return [
        ONNXOperand(try importer.graph.reshape(parts, to: [type.shape[0], channels, height * side, width * side]))
      ]
    },
    "SpaceToDepth": { importer, call in
      let input = try importer.value(call, 0)
      let type = importer.graph.type(of: input)
      guard type.rank == 4, let block = call.int("blocksize"), (1...1024).contains(block),
        let height = type.shape[2].exactQuotient(by: Dimension(block)),
        let width = type.shape[3].exactQuotient(by: Dimension(block))
      else { throw call.unsupported("\(type) isn't put together from blocks of \(call.int("blocksize") ?? 0)") }
      let side = Dimension(block)
      let parts = try importer.graph.transpose(
        importer.graph.reshape(input, to: [type.shape[0], type.shape[1], height, side, width, side]),
        call.string("mode") == "CRD" ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4])
      return [
        ONNXOperand(
          try importer.graph.reshape(parts, to: [type.shape[0], type.shape[1] * side * side, height, width]))
      ]
    },
    "Trilu": { importer, call in
      let type = try importer.type(call, 0)
      let offset = importer.operand(call, 1) == nil ? 0 : try importer.integers(call, 1, "diagonal").first ?? 0
      guard type.rank >= 2, let rows = type.shape[type.rank - 2].constant,
        let columns = type.shape[type.rank - 1].constant,
        rows * columns <= 1 << 26
      else { throw call.unsupported("\(type) isn't a matrix of a fixed size", hint: ONNXImporter.fixedHint) }
      let isUpper = (call.int("upper") ?? 1) != 0
      var mask = [UInt8](repeating: 0, count: rows * columns)
      for row in 0..<rows {
        for column in 0..<columns where isUpper ? column - row >= offset : column - row <= offset {
          mask[row * columns + column] = 1
        }
      }
      let keeps = importer.graph.constant(
        Tensor(mask, [rows, columns]).converted(to: .bool), name: importer.graph.scopedName("mask"))
      return try importer.apply(
        call, "Where", [keeps, importer.value(call, 0), importer.scalar(0, type.elementType, "zero")])
    },
  ]
}

extension [Dimension] {
  /// The extents as numbers, when no symbol is in them.
  fileprivate var asNumbers: [Int]? {
    let numbers = compactMap(\.constant)
    return numbers.count == count ? numbers : nil
  }
}

extension ONNXImporter {
  /// The axes: an attribute up to opset 12, an input since.
  mutating func axes(_ call: ONNXCall) throws -> [Int]? {
    if let axes = call.ints("axes") { return axes }
    return operand(call, 1) == nil ? nil : try integers(call, 1, "axes")
  }

  /// Another shape of the same elements; 0 keeps an extent, -1 takes what is left.
  mutating func reshaped(_ call: ONNXCall, _ extents: [Dimension]) throws -> ONNXOperand {
    let type = try type(call, 0)
    if let constant = type.constantShape, let operand = operand(call, 0), operand.value == nil,
      let shape = Self.resolved(extents, for: constant)
    {
      if let numbers = numbers(call, 0) { return ONNXOperand(numbers.reshaped(shape)) }
      if let tensor = operand.tensor { return ONNXOperand(tensor.reshaped(Shape(shape))) }
    }
    let input = try value(call, 0)
    var target: [Int] = []
    for (axis, extent) in Self.closed(extents, for: type).enumerated() {
      let isKept = axis < type.rank && extent == type.shape[axis]
      target.append(isKept && extent.constant == nil ? 0 : extent.constant ?? -1)
    }
    guard target.allSatisfy({ $0 >= -1 }) else {
      throw call.invalid("the new shape is \(target)", expected: "extents, 0 or -1")
    }
    try call.requireModerate(target.map { max($0, 1) })
    guard target.filter({ $0 == -1 }).count <= 1 else {
      throw call.unsupported(
        "two extents of the new shape \(extents) depend on the batch", hint: "export the network with a fixed batch")
    }
    return try apply(call, "Reshape", [input, list(target, "shape")])[0]
  }

  /// The extents with the number that an open one must be, where a symbol stands beside it.
  private static func closed(_ extents: [Dimension], for type: TensorType) -> [Dimension] {
    guard extents.contains(where: { $0.constant == nil }), extents.filter({ $0 == -1 }).count == 1,
      extents.allSatisfy({ $0 == -1 || ($0.constant ?? 1) > 0 && $0.magnitude <= 1 << 30 }),
      extents.reduce(1.0, { $0 * max(Double($1.magnitude), 1) }) <= 0x1p48
    else { return extents }
    let known = extents.reduce(Dimension(1)) { $1 == -1 ? $0 : $0 * $1 }
    guard let rest = type.count.exactQuotient(by: known) else { return extents }
    return extents.map { $0 == -1 ? rest : $0 }
  }

  /// The shape that `extents` mean for a tensor at hand; nil when they don't fit it.
  private static func resolved(_ extents: [Dimension], for shape: [Int]) -> [Int]? {
    let numbers = extents.compactMap(\.constant)
    guard numbers.count == extents.count else { return nil }
    var result = numbers.enumerated().map { $1 == 0 && $0 < shape.count ? shape[$0] : $1 }
    let count = shape.reduce(1, *)
    guard result.reduce(1.0, { $0 * Double(max($1, 1)) }) <= 0x1p48 else { return nil }
    if let open = result.firstIndex(of: -1) {
      let rest = result.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
      guard rest > 0, count % rest == 0 else { return nil }
      result[open] = count / rest
    }
    return result.allSatisfy({ $0 >= 0 }) && Shape(result).checkedCount == count ? result : nil
  }

  func broadcast(_ call: ONNXCall, _ left: [Dimension], _ right: [Dimension]) throws -> [Dimension] {
    let rank = max(left.count, right.count)
    let padded = [left, right].map { Array(repeating: Dimension(1), count: rank - $0.count) + $0 }
    return try zip(padded[0], padded[1]).map { first, second in
      if first == second || second == 1 { return first }
      guard first == 1 else {
        throw call.invalid("\(left) doesn't stretch to \(right)", expected: "equal extents, or 1")
      }
      return second
    }
  }

  /// The input stretched to extents. One that is the batch is taken from a network's input: nothing else knows it.
  mutating func expanded(_ call: ONNXCall, _ input: Value, to extents: [Dimension]) throws -> Value {
    let type = graph.type(of: input)
    let target = try broadcast(call, type.shape, extents)
    if target == type.shape { return input }
    var result = input
    let rank = target.count
    for (axis, extent) in target.enumerated() where extent.constant == nil {
      let place = axis - (rank - type.rank)
      if place >= 0, type.shape[place] == extent { continue }
      result = try withBatch(call, result, extent, axis: axis, rank: rank)
    }
    if graph.type(of: result).shape == target { return result }
    let numbers = target.map { $0.constant ?? 1 }
    return try graph.apply("Expand", [result, list(numbers, "shape")])[0]
  }

  /// The input stretched by a row of zeros, one for each sample of a network's input.
  private mutating func withBatch(
    _ call: ONNXCall, _ input: Value, _ extent: Dimension, axis: Int, rank: Int
  ) throws -> Value {
    let elementType = graph.type(of: input).elementType
    guard elementType != .bool,
      let source = graph.inputs.first(where: {
        graph.type(of: $0).shape.first == extent && graph.type(of: $0).elementType != .bool
      })
    else {
      throw call.unsupported(
        "the extent \(extent) of the result depends on the batch", hint: "export the network with a fixed batch")
    }
    let rows = try graph.apply("Flatten", [source], ["axis": .int(1)])[0]
    let sourceType = graph.type(of: source).elementType
    let first = try graph.slice(rows, axis: 1, 0..<1)
    let zero = scalar(0, sourceType, "zero")
    var zeros = try graph.apply("Clip", [first, zero, zero])[0]
    if sourceType != elementType { zeros = try graph.cast(zeros, to: elementType) }
    zeros = try graph.reshape(zeros, (0..<rank).map { $0 == axis ? -1 : 1 })
    return try graph.add(input, zeros)
  }

  // MARK: Slices

  /// Slices by attributes (up to opset 9) or inputs; axes in any order, steps of either sign.
  mutating func slice(_ call: ONNXCall) throws -> [ONNXOperand] {
    let type = try type(call, 0)
    let starts: [Dimension]
    let ends: [Dimension]
    var axes: [Int]?
    var steps: [Int]?
    if call.opset < 10 {
      starts = (call.ints("starts") ?? []).map { Dimension($0) }
      ends = (call.ints("ends") ?? []).map { Dimension($0) }
      axes = call.ints("axes")
    } else {
      starts = try extents(call, 1, "starts")
      ends = try extents(call, 2, "ends")
      if operand(call, 3) != nil { axes = try integers(call, 3, "axes") }
      if operand(call, 4) != nil { steps = try integers(call, 4, "steps") }
    }
    let places = try (axes ?? Array(starts.indices)).map { try call.axis($0, rank: type.rank) }
    let strides = (steps ?? places.map { _ in 1 }).map { min(max($0, -Int(Int32.max)), Int(Int32.max)) }
    guard starts.count == places.count, ends.count == places.count, strides.count == places.count,
      !strides.contains(0)
    else {
      throw call.invalid("\(starts.count) starts for \(places.count) axes", expected: "one for each, no step of 0")
    }
    if operand(call, 0)?.value == nil, let whole = numbers(call, 0),
      let first = SymbolicTensor(starts).integers, let last = SymbolicTensor(ends).integers
    {
      let part = places.enumerated().reduce(Optional(whole)) { part, place in
        let (index, axis) = place
        return part?.sliced(axis: axis, from: first[index], to: last[index], step: strides[index])
      }
      if let part { return [ONNXOperand(part)] }
    }
    return [ONNXOperand(try sliced(call, type, Array(zip(places, strides)), starts, ends))]
  }

  private mutating func sliced(
    _ call: ONNXCall, _ type: TensorType, _ places: [(axis: Int, step: Int)], _ starts: [Dimension], _ ends: [Dimension]
  ) throws -> Value {
    var kept: [(axis: Int, start: Int, end: Int, step: Int)] = []
    var reversed: [(axis: Int, start: Int, end: Int, step: Int)] = []
    for (index, place) in places.enumerated() {
      let extent = type.shape[place.axis]
      // An end that is the axis' own extent means all that is left, whatever the batch.
      let end = ends[index] == extent ? Int(Int32.max) : ends[index].constant
      guard let start = starts[index].constant, let end else {
        throw call.unsupported("a bound of axis \(place.axis) depends on the batch", hint: Self.fixedHint)
      }
      if place.step == 1, start == 0, end >= extent.constant ?? Int(Int32.max) { continue }
      if place.step > 0 {
        kept.append((place.axis, start, min(end, Int(Int32.max)), place.step))
      } else {
        reversed.append((place.axis, start, end, place.step))
      }
    }
    var result = try value(call, 0)
    if !kept.isEmpty {
      let operands = [
        list(kept.map { max($0.start, -Int(Int32.max)) }, "starts"),
        list(kept.map { max($0.end, -Int(Int32.max)) }, "ends"),
        list(kept.map(\.axis), "axes"),
      ]
      let steps = kept.allSatisfy({ $0.step == 1 }) ? [] : [list(kept.map(\.step), "steps")]
      result = try graph.apply("Slice", [result] + operands + steps, named: call.node.title)[0]
    }
    for part in reversed { result = try backwards(call, result, part) }
    return result
  }

  /// Elements of one axis from the back, as indices.
  private mutating func backwards(
    _ call: ONNXCall, _ input: Value, _ part: (axis: Int, start: Int, end: Int, step: Int)
  ) throws -> Value {
    guard let extent = graph.type(of: input).shape[part.axis].constant else {
      throw call.unsupported("axis \(part.axis) is reversed, and its extent isn't fixed", hint: Self.fixedHint)
    }
    guard extent <= 1 << 24 else { throw call.unsupported("an axis of \(extent) elements is reversed") }
    let indices = SymbolicTensor.places(extent, from: part.start, to: part.end, step: part.step)
    return try graph.gather(input, list(indices, "indices"), axis: part.axis)
  }

  // MARK: Padding

  /// Padding by attributes (up to opset 10) or inputs, of all axes or of some (since 18). Negative numbers crop.
  mutating func pad(_ call: ONNXCall) throws -> [ONNXOperand] {
    let input = try value(call, 0)
    let type = graph.type(of: input)
    let given = try call.opset < 11 ? call.ints("pads") ?? [] : integers(call, 1, "pads")
    let axes = try operand(call, 3) == nil ? nil : integers(call, 3, "axes").map { try call.axis($0, rank: type.rank) }
    let places = axes ?? Array(0..<type.rank)
    guard given.count == 2 * places.count, given.allSatisfy({ (-1 << 30...1 << 30).contains($0) }) else {
      throw call.invalid("the pads are \(given) for \(places.count) axes", expected: "two for each axis")
    }
    var pads = Array(repeating: 0, count: 2 * type.rank)
    for (index, axis) in places.enumerated() {
      pads[axis] = given[index]
      pads[axis + type.rank] = given[index + places.count]
    }
    let mode = call.string("mode") ?? "constant"
    guard PaddingMode(rawValue: mode) != nil else { throw call.unsupported("the mode '\(mode)' isn't supported") }
    var result = input
    if pads.contains(where: { $0 > 0 }) {
      var operands: [Value?] = [result, list(pads.map { max($0, 0) }, "pads")]
      if mode == PaddingMode.constant.rawValue {
        if let fill = try call.opset < 11 ? nil : optionalValue(call, 2) {
          operands.append(graph.type(of: fill).rank == 0 ? fill : try graph.reshape(fill, []))
        } else {
          operands.append(scalar(Double(call.float("value") ?? 0), type.elementType, "value"))
        }
      }
      result = try graph.apply("Pad", operands, ["mode": .string(mode)], named: call.node.title)[0]
    }
    for axis in 0..<type.rank where pads[axis] < 0 || pads[axis + type.rank] < 0 {
      guard let extent = graph.type(of: result).shape[axis].constant else {
        throw call.unsupported("axis \(axis) is cropped, and its extent isn't fixed", hint: Self.fixedHint)
      }
      let range = max(-pads[axis], 0)..<max(extent - max(-pads[axis + type.rank], 0), max(-pads[axis], 0))
      result = try graph.slice(result, axis: axis, range)
    }
    return [ONNXOperand(result)]
  }
}
