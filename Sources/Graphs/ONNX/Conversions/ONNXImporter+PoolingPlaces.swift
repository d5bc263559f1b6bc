import OrderedCollections
import Tensors

extension ONNXImporter {
  /// The second output of max pooling: where in the whole input, counted element by element, the first greatest element
  /// of each window lies. The windows' elements are laid side by side, and the place of the greatest among them tells.
  mutating func places(_ call: ONNXCall, _ window: ONNXWindow) throws -> Value {
    let input = try value(call, 0)
    let type = graph.type(of: input)
    let rank = window.kernel.count
    guard let shape = type.constantShape, window.kernel.reduce(1, *) <= 1024 else {
      throw call.unsupported(
        "the places of the greatest elements of \(type) are asked for", hint: "export the network with fixed shapes")
    }
    try call.requireModerate(shape)
    let extents = Array(shape.suffix(rank))
    let results = extents.indices.map { axis in
      (extents[axis] + window.pads[axis] + window.pads[axis + rank] - window.reach(axis)) / window.strides[axis] + 1
    }
    // How far the next element of an axis is: the last axis is the innermost, or the first (storage_order 1).
    let isColumnMajor = call.int("storage_order") ?? 0 == 1
    let steps = extents.indices.map { axis in
      (isColumnMajor ? extents[..<axis] : extents[(axis + 1)...]).reduce(1, *)
    }
    let padded = try graph.apply(
      "Pad",
      [
        input, list([0, 0] + window.pads.prefix(rank) + [0, 0] + window.pads.suffix(rank), "pads"),
        lowest(type.elementType),
      ], ["mode": .string("constant")])[0]
    let taps = Self.grid(window.kernel)
    let elements = try taps.map { (tap: [Int]) throws -> Value in
      let starts = tap.indices.map { tap[$0] * window.dilations[$0] }
      let ends = starts.indices.map { starts[$0] + (results[$0] - 1) * window.strides[$0] + 1 }
      let slice = try graph.apply(
        "Slice",
        [
          padded, list(starts, "starts"), list(ends, "ends"), list(Array(2..<rank + 2), "axes"),
          list(window.strides, "steps"),
        ])[0]
      return try graph.unsqueeze(slice, axes: [rank + 2])
    }
    let greatest = try graph.argMax(graph.concat(elements, axis: rank + 2), axis: rank + 2, keepsAxis: false)
    let offsets = taps.map { (tap: [Int]) -> Int64 in
      Int64(
        tap.indices.reduce(0) { (sum: Int, axis: Int) -> Int in
          sum + tap[axis] * window.dilations[axis] * steps[axis]
        })
    }
    let within = try graph.gather(greatest: greatest, offsets)
    let corners = Self.grid(results).map { (place: [Int]) -> Int64 in
      Int64(
        place.indices.reduce(0) { (sum: Int, axis: Int) -> Int in
          sum + (place[axis] * window.strides[axis] - window.pads[axis]) * steps[axis]
        })
    }
    let images = (0..<shape[0] * shape[1]).map { Int64($0 * extents.reduce(1, *)) }
    let corner = graph.constant(Tensor(corners, Shape([1, 1] + results)), name: graph.scopedName("corners"))
    let image = graph.constant(
      Tensor(images, Shape(shape[..<2] + extents.map { _ in 1 })), name: graph.scopedName("images"))
    return try graph.add(graph.add(within, corner), image)
  }

  /// The elements of `[N, C, spatial…]` at their places in a larger tensor, zeros elsewhere.
  mutating func maxUnpool(_ call: ONNXCall) throws -> [ONNXOperand] {
    let window = try window(call, kernel: nil)
    let (input, places) = (try value(call, 0), try value(call, 1))
    let rank = window.kernel.count
    guard let shape = graph.type(of: input).constantShape, graph.type(of: places).shape == graph.type(of: input).shape
    else {
      throw call.unsupported("\(graph.type(of: input)) isn't of fixed extents", hint: Self.fixedHint)
    }
    let extents = (0..<rank).map { axis in
      (shape[axis + 2] - 1) * window.strides[axis] + window.kernel[axis] - window.pads[axis] - window.pads[axis + rank]
    }
    let target = Array(shape[..<2]) + extents
    try call.requireModerate(target)
    let elementType = graph.type(of: input).elementType
    let zeros = graph.constant(
      Tensor(scalar: Float(0)).converted(to: elementType).expanded(to: [target.reduce(1, *)]).contiguous(),
      name: graph.scopedName("zeros"))
    let flat = try graph.scatterElements(
      zeros, graph.reshape(places, [-1]), graph.reshape(input, [-1]), axis: 0)
    var result = try graph.reshape(flat, target)
    if operand(call, 2) != nil {
      // The places are those of the smaller tensor; a larger one that is asked for has more zeros at the ends.
      let wanted = try integers(call, 2, "output extents")
      guard wanted.count == target.count, zip(wanted, target).allSatisfy({ $0 >= $1 }) else {
        throw call.invalid("the output extents are \(wanted)", expected: "at least \(target)")
      }
      try call.requireModerate(wanted)
      let pads = list(target.map { _ in 0 } + zip(wanted, target).map { $0 - $1 }, "pads")
      let zero = scalar(0, elementType, "zero")
      result = try graph.apply("Pad", [result, pads, zero], ["mode": .string("constant")])[0]
    }
    return [ONNXOperand(result)]
  }

  /// The smallest number of the type.
  private mutating func lowest(_ type: ElementType) -> Value {
    let number: Double =
      switch type {
      case .int8: -0x1p7
      case .int16: -0x1p15
      case .int32: -0x1p31
      case .int64: -0x1p63
      default: type.isFloatingPoint ? -.infinity : 0
      }
    return scalar(number, type, "lowest")
  }

  /// All places of a tensor of these extents, the last axis innermost.
  private static func grid(_ extents: [Int]) -> [[Int]] {
    extents.reduce([[]]) { places, extent in places.flatMap { place in (0..<extent).map { place + [$0] } } }
  }
}

extension Graph {
  /// For each place, the offset that stands there.
  fileprivate mutating func gather(greatest places: Value, _ offsets: [Int64]) throws -> Value {
    try gather(constant(offsets, name: scopedName("offsets")), places, axis: 0)
  }
}
