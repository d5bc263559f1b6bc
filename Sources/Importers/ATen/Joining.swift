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
  .value("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor") { call in
    var result = try call.value("self")
    let shifts = try call.ints("shifts")
    let axes = try call.ints("dims")
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
    return result
  },
  .value("flip(Tensor self, int[] dims) -> Tensor") { call in
    var result = try call.value("self")
    for rawAxis in try call.ints("dims") {
      let axis = try call.axis(rawAxis, rank: call.type(result).rank)
      guard let extent = call.type(result).shape[axis].constant, extent <= 1 << 24 else {
        throw call.unsupported("axis \(axis) of \(call.type(result))", expected: "a fixed extent")
      }
      let indices = call.graph.constant((0..<Int64(extent)).reversed(), name: "indices")
      result = try call.graph.gather(result, indices, axis: axis)
    }
    return result
  },
  .value("repeat(Tensor self, SymInt[] repeats) -> Tensor") { call in
    let input = try call.value("self")
    let repeats = try call.dimensions("repeats")
    let shape = call.type(input).shape
    guard repeats.count >= shape.count else { throw call.unsupported("repeats \(repeats) of \(call.type(input))") }
    let padded = Array(repeating: Dimension(1), count: repeats.count - shape.count) + shape
    let reshaped = try call.reshape(input, padded)
    // An axis of extent 1 is stretched, which also works for a batch.
    let target = try zip(padded, repeats).map { try $0 == 1 ? $1 : $0.multiplied(by: $1) }
    if zip(padded, repeats).allSatisfy({ $0 == 1 || $1 == 1 }) { return try call.writer.expand(reshaped, target) }
    let counts = repeats.compactMap(\.constant)
    guard counts.count == repeats.count, counts.allSatisfy({ (0...1 << 20).contains($0) }) else {
      throw ImportError.undecidable(what: "the number of repeats")
    }
    return try call.graph.tile(reshaped, counts)
  },
  .value(
    """
    repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, SymInt? output_size=None) -> Tensor
    """
  ) { call in
    let count = try call.int("repeats")
    guard (1...1 << 20).contains(count), try !call.isNone("dim") else {
      throw call.unsupported("\(count) repeats", expected: "a positive number along an axis")
    }
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    let shape = call.type(input).shape
    let parted = try call.reshape(input, shape[...axis] + [1] + shape[(axis + 1)...])
    var target = Array(shape[...axis] + [Dimension(count)] + shape[(axis + 1)...])
    let repeated = try call.writer.expand(parted, target)
    target.remove(at: axis + 1)
    target[axis] = try shape[axis].multiplied(by: Dimension(count))
    return try call.reshape(repeated, target)
  },
]

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
