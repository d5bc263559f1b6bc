import Tensors

extension ONNXImporter {
  /// A resize of a box of the input, as TensorFlow's `crop_and_resize` does it: element i of an axis of O elements lies
  /// at start·(L - 1) + i·(end - start)·(L - 1)/(O - 1) of the L input elements, where the box runs from `start` to
  /// `end` in parts of the axis. What lies outside of the input gets `extrapolation_value`. The box must be known on
  /// reading, so that each axis becomes a gathering of rows and a mean of two.
  mutating func cropAndResize(_ call: ONNXCall, _ type: TensorType, mode: String) throws -> [ONNXOperand] {
    let axes = try call.ints("axes")?.map { try call.axis($0, rank: type.rank) } ?? Array(0..<type.rank)
    let box = try floats(call, 1, "corners of the box")
    guard box.count == 2 * axes.count, type.elementType.isFloatingPoint, mode != "cubic",
      call.int("antialias") ?? 0 == 0, call.int("exclude_outside") ?? 0 == 0
    else { throw call.unsupported("the box \(box) of \(type), mode '\(mode)', isn't cropped and resized") }
    let rounding = NearestRounding(rawValue: call.string("nearest_mode") ?? "round_prefer_floor") ?? .preferFloor
    let outside = scalar(Double(call.float("extrapolation_value") ?? 0), type.elementType, "outside")
    let sizes = operand(call, 3) == nil ? nil : try integers(call, 3, "sizes")
    let scales = sizes == nil ? try floats(call, 2, "scales") : nil
    guard sizes?.count ?? axes.count == axes.count, scales?.count ?? axes.count == axes.count else {
      throw call.invalid("its factors don't fit \(axes.count) axes", expected: "one for each axis")
    }
    var result = try value(call, 0)
    var masks: [Value] = []
    for (index, axis) in axes.enumerated() {
      let (start, end) = (Double(box[index]), Double(box[index + axes.count]))
      guard let extent = type.shape[axis].constant, extent > 0 else {
        // Only an open axis that stays as it is.
        guard start == 0, end == 1, scales?[index] ?? 1 == 1, sizes == nil else {
          throw call.unsupported("axis \(axis) of \(type) isn't fixed", hint: Self.fixedHint)
        }
        continue
      }
      let size = sizes?[index] ?? Int((Double(extent) * (end - start) * Double(scales?[index] ?? 1)).rounded(.down))
      guard (1...1 << 16).contains(size) else {
        throw call.invalid("it makes \(size) elements of axis \(axis)", expected: "1 to 65536")
      }
      if start == 0, end == 1, size == extent { continue }
      let last = Double(extent - 1)
      let step: Double = size == 1 ? 0 : (end - start) * last / Double(size - 1)
      let first: Double = size == 1 ? 0.5 * (start + end) * last : start * last
      let places: [Double] = (0..<size).map { first + Double($0) * step }
      let isInside = places.map { $0 >= 0 && $0 <= last }
      func perElement(_ tensor: Tensor, _ name: String) -> Value {
        var shape = Array(repeating: 1, count: type.rank)
        shape[axis] = size
        return graph.constant(tensor.reshaped(Shape(shape)), name: graph.scopedName(name))
      }
      func rows(_ indices: [Int], _ graph: inout Graph) throws -> Value {
        let kept = indices.map { Int64(min(max($0, 0), extent - 1)) }
        return try graph.gather(result, graph.constant(kept, name: graph.scopedName("rows")), axis: axis)
      }
      let inside: [Double] = zip(places, isInside).map { $1 ? $0 : 0 }
      if mode == "nearest" {
        result = try rows(inside.map(rounding.index), &graph)
      } else {
        let floors = inside.map { $0.rounded(.down) }
        let parts: [Double] = zip(inside, floors).map { $0 - $1 }
        let weights = Tensor(parts, [size]).converted(to: type.elementType)
        let others = Tensor(parts.map { 1 - $0 }, [size]).converted(to: type.elementType)
        let (below, above) = (
          try rows(floors.map { Int($0) }, &graph), try rows(floors.map { Int($0) + 1 }, &graph)
        )
        result = try graph.add(
          graph.multiply(below, perElement(others, "below")), graph.multiply(above, perElement(weights, "above")))
      }
      if isInside.contains(false) {
        masks.append(
          perElement(Tensor(isInside.map { $0 ? UInt8(1) : UInt8(0) }, [size]).converted(to: .bool), "inside"))
      }
    }
    for mask in masks { result = try graph.select(mask, result, outside) }
    return [ONNXOperand(result)]
  }
}
