import Graphs
import Tensors

/// Operators that join tensors or repeat their elements.
let joiningOperators: [ATenOperator] = [
  .value("cat(Tensor[] tensors, int dim=0) -> Tensor") { try join($0, $0.values("tensors"), axis: $0.int("dim")) },
  .value("concat(Tensor[] tensors, int dim=0) -> Tensor") { try join($0, $0.values("tensors"), axis: $0.int("dim")) },
  .value("stack(Tensor[] tensors, int dim=0) -> Tensor") { call in
    let tensors = try call.values("tensors")
    guard let first = tensors.first else { throw call.unsupported("there are no tensors") }
    let axis = try call.axis(call.int("dim"), rank: call.type(first).rank + 1)
    let expanded = try tensors.map { tensor in
      let shape = call.type(tensor).shape
      return try call.reshape(tensor, shape.prefix(axis) + [1] + shape.dropFirst(axis))
    }
    return try join(call, expanded, axis: axis)
  },
  .value("hstack(Tensor[] tensors) -> Tensor") { call in
    let tensors = try call.values("tensors").map { try call.raised($0, to: 1) }
    return try join(call, tensors, axis: tensors.first.map { call.type($0).rank } == 1 ? 0 : 1)
  },
  .value("vstack(Tensor[] tensors) -> Tensor") { call in
    try join(call, call.values("tensors").map { try call.raised($0, to: 2) }, axis: 0)
  },
  .value("dstack(Tensor[] tensors) -> Tensor") { call in
    try join(call, call.values("tensors").map { try call.raised($0, to: 3) }, axis: 2)
  },
  .value("column_stack(Tensor[] tensors) -> Tensor") { call in
    let columns = try call.values("tensors").map { tensor in
      let shape = call.type(tensor).shape
      return shape.count < 2 ? try call.reshape(tensor, [call.type(tensor).count, 1]) : tensor
    }
    return try join(call, columns, axis: 1)
  },
  .any("atleast_1d(Tensor self) -> Tensor") { $0.result(try $0.raised($0.value("self"), to: 1)) },
  .any("atleast_2d(Tensor self) -> Tensor") { $0.result(try $0.raised($0.value("self"), to: 2)) },
  .any("atleast_3d(Tensor self) -> Tensor") { $0.result(try $0.raised($0.value("self"), to: 3)) },
  .any("broadcast_tensors(Tensor[] tensors) -> Tensor[]") { call in
    let tensors = try call.values("tensors")
    let shape = try tensors.reduce([Dimension]()) { shape, tensor in
      let other = call.type(tensor).shape
      let rank = max(shape.count, other.count)
      let (a, b) = (shape.leftPadded(to: rank), other.leftPadded(to: rank))
      return try zip(a, b).map { first, second in
        guard first == second || first == 1 || second == 1 else { throw call.unsupported("\(shape) and \(other)") }
        return first == 1 ? second : first
      }
    }
    return call.result(try tensors.map { try call.writer.expand($0, shape) })
  },
  .value("tile(Tensor self, SymInt[] dims) -> Tensor") { call in
    let rank = call.type(try call.value("self")).rank
    return try repeated(call, call.dimensions("dims").leftPadded(to: rank))
  },
  .value("fliplr(Tensor self) -> Tensor") { try flipped($0, $0.value("self"), [1]) },
  .value("flipud(Tensor self) -> Tensor") { try flipped($0, $0.value("self"), [0]) },
  .value("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor") { call in
    let input = try call.value("self")
    let axes = try call.ints("dims").map { try call.axis($0, rank: call.type(input).rank) }
    guard axes.count == 2, axes[0] != axes[1] else { throw call.unsupported("a turn of the axes \(axes)") }
    var order = Array(0..<call.type(input).rank)
    order.swapAt(axes[0], axes[1])
    switch (try call.int("k") % 4 + 4) % 4 {
    case 1: return try call.transpose(flipped(call, input, [axes[1]]), order)
    case 2: return try flipped(call, input, axes)
    case 3: return try flipped(call, call.transpose(input, order), [axes[1]])
    default: return input
    }
  },
  .value("channel_shuffle(Tensor self, SymInt groups) -> Tensor") { call in
    let input = try call.value("self")
    let shape = call.type(input).shape
    let groups = try call.int("groups")
    guard shape.count >= 3, groups > 0, let size = shape[1].exactQuotient(by: Dimension(groups)) else {
      throw call.unsupported("\(groups) groups of \(call.type(input))", expected: "a divisor of the channels")
    }
    let parted = try call.reshape(input, [shape[0], Dimension(groups), size] + shape[2...])
    let turned = try call.transpose(parted, [0, 2, 1] + Array(3..<shape.count + 1))
    return try call.reshape(turned, shape)
  },
  .value("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor") { call in
    var result = try call.value("self")
    let shape = call.type(result).shape
    let shifts = try call.ints("shifts")
    var axes = try call.ints("dims")
    let isFlat = axes.isEmpty && shifts.count == 1
    if isFlat {
      result = try call.reshape(result, [call.type(result).count])
      axes = [0]
    }
    guard axes.count == shifts.count else { throw call.unsupported("shifts \(shifts) of axes \(axes)") }
    for (shift, rawAxis) in zip(shifts, axes) {
      let axis = try call.axis(rawAxis, rank: call.type(result).rank)
      guard let extent = call.type(result).shape[axis].constant, extent > 0 else {
        throw call.unsupported("axis \(axis) of \(call.type(result))", expected: "a fixed extent")
      }
      let place = ((extent - shift) % extent + extent) % extent
      if place == 0 { continue }
      let parts = try call.graph.split(result, axis: axis, [place, extent - place])
      result = try call.graph.concat([parts[1], parts[0]], axis: axis)
    }
    return isFlat ? try call.reshape(result, shape) : result
  },
  .value("flip(Tensor self, int[] dims) -> Tensor") { try flipped($0, $0.value("self"), $0.ints("dims")) },
  .value("repeat(Tensor self, SymInt[] repeats) -> Tensor") { try repeated($0, $0.dimensions("repeats")) },
  .value(
    """
    repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor
    """
  ) { call in
    let count = try call.int("repeats")
    guard (1...1 << 20).contains(count) else {
      throw call.unsupported("\(count) repeats", expected: "a positive number")
    }
    var input = try call.value("self")
    let isFlat = try call.isNone("dim")
    if isFlat { input = try call.reshape(input, [call.type(input).count]) }
    let axis = try isFlat ? 0 : call.axis("dim", of: input)
    let shape = call.type(input).shape
    let parted = try call.reshape(input, shape[...axis] + [1] + shape[(axis + 1)...])
    var target = Array(shape[...axis] + [Dimension(count)] + shape[(axis + 1)...])
    let repeated = try call.writer.expand(parted, target)
    target.remove(at: axis + 1)
    target[axis] = try shape[axis].multiplied(by: Dimension(count))
    return try call.reshape(repeated, target)
  },
  .value(
    """
    repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor
    """
  ) { call in
    let counts = try call.constant("repeats").converted(to: .int64).array(of: Int64.self)
    var input = try call.value("self")
    let isFlat = try call.isNone("dim")
    if isFlat { input = try call.reshape(input, [call.type(input).count]) }
    let axis = try isFlat ? 0 : call.axis("dim", of: input)
    guard call.type(input).shape[axis] == Dimension(counts.count), counts.allSatisfy({ (0...1 << 20).contains($0) }),
      counts.reduce(0.0, { $0 + Double($1) }) <= 0x1p24
    else { throw call.unsupported("\(counts.count) numbers of repeats for \(call.type(input))") }
    let places = counts.enumerated().flatMap { place, count in Array(repeating: Int64(place), count: Int(count)) }
    return try call.graph.gather(input, call.graph.constant(places, name: "places"), axis: axis)
  },
]

extension [Dimension] {
  /// With extents of 1 in front.
  func leftPadded(to rank: Int) -> [Dimension] { Array(repeating: 1, count: Swift.max(rank - count, 0)) + self }
}

extension ATenCall {
  /// With axes of extent 1 added until there are `rank`, as NumPy's `atleast` and `stack` functions do.
  fileprivate func raised(_ value: Value, to rank: Int) throws -> Value {
    let shape = type(value).shape
    guard shape.count < rank else { return value }
    switch (shape.count, rank) {
    case (1, 3): return try reshape(value, [1, shape[0], 1])
    case (2, 3): return try reshape(value, [shape[0], shape[1], 1])
    default: return try reshape(value, shape.leftPadded(to: rank))
    }
  }
}

private func flipped(_ call: ATenCall, _ input: Value, _ axes: [Int]) throws -> Value {
  var result = input
  for rawAxis in axes {
    let axis = try call.axis(rawAxis, rank: call.type(result).rank)
    guard let extent = call.type(result).shape[axis].constant, extent <= 1 << 24 else {
      throw ImportError.undecidable(what: "the reversed axis \(axis) of \(call.type(result))")
    }
    let indices = call.graph.constant((0..<Int64(extent)).reversed(), name: "indices")
    result = try call.graph.gather(result, indices, axis: axis)
  }
  return result
}

private func repeated(_ call: ATenCall, _ repeats: [Dimension]) throws -> Value {
  let input = try call.value("self")
  let shape = call.type(input).shape
  guard repeats.count >= shape.count else { throw call.unsupported("repeats \(repeats) of \(call.type(input))") }
  let padded = shape.leftPadded(to: repeats.count)
  let reshaped = try call.reshape(input, padded)
  // An axis of extent 1 is stretched, which also works for a batch.
  let target = try zip(padded, repeats).map { try $0 == 1 ? $1 : $0.multiplied(by: $1) }
  if zip(padded, repeats).allSatisfy({ $0 == 1 || $1 == 1 }) { return try call.writer.expand(reshaped, target) }
  let counts = repeats.compactMap(\.constant)
  guard counts.count == repeats.count, counts.allSatisfy({ (0...1 << 20).contains($0) }) else {
    throw ImportError.undecidable(what: "the number of repeats")
  }
  return try call.graph.tile(reshaped, counts)
}

private func join(_ call: ATenCall, _ tensors: [Value], axis: Int) throws -> Value {
  // PyTorch lets empty vectors pass.
  let filled = tensors.filter { !(call.type($0).rank == 1 && call.type($0).shape[0] == 0) }
  guard let first = filled.first else { throw call.unsupported("there are no tensors") }
  if filled.count == 1 { return first }
  let types = filled.map { call.type($0).elementType }
  let type = types.first(where: \.isFloatingPoint) ?? types[0]
  return try call.graph.concat(
    filled.map { try call.writer.cast($0, to: type) }, axis: call.axis(axis, rank: call.type(first).rank))
}
