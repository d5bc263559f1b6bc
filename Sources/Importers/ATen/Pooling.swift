import Graphs
import Tensors

/// Pooling over windows, and over as many windows as the output shall have elements.
let poolingOperators: [ATenOperator] =
  [
    (
      """
      max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, \
      bool ceil_mode=False) -> Tensor
      """, 1
    ),
    (
      """
      max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, \
      bool ceil_mode=False) -> Tensor
      """, 2
    ),
    (
      """
      max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, \
      bool ceil_mode=False) -> Tensor
      """, 3
    ),
  ].map { schema, rank in
    .value(schema) { try maximum($0, rank) }
  }
  + [
    (
      """
      max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, \
      int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
      """, 1
    ),
    (
      """
      max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, \
      int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
      """, 2
    ),
    (
      """
      max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, \
      int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
      """, 3
    ),
  ].map { schema, rank in
    .any(schema) { call in
      let result = try maximum(call, rank)
      let places = try maximumWindows(call, rank)
        .places(call, input(call, rank), counts: call.type(result).spatial)
      // Without its users the computation of the places leaves the graph again.
      return .tuple([call.result(result), places.map(call.result) ?? .none])
    }
  }
  + [
    (
      """
      avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, bool ceil_mode=False, \
      bool count_include_pad=True) -> Tensor
      """, 1
    ),
    (
      """
      avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, \
      bool count_include_pad=True, int? divisor_override=None) -> Tensor
      """, 2
    ),
    (
      """
      avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, \
      bool count_include_pad=True, int? divisor_override=None) -> Tensor
      """, 3
    ),
  ].map { schema, rank in
    .value(schema) { try average($0, rank) }
  }
  + [
    ("adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor", 1),
    ("adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor", 2),
    ("adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor", 3),
  ].map { schema, rank in
    .value(schema) { try adaptive($0, rank, isMaximum: false) }
  }
  + [
    ("adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)", 1),
    ("adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)", 2),
    ("adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)", 3),
  ].map { schema, rank in
    .any(schema) { .tuple([$0.result(try adaptive($0, rank, isMaximum: true)), .none]) }
  }

private func input(_ call: ATenCall, _ rank: Int) throws -> Value {
  let input = try call.value("self")
  guard call.type(input).rank == rank + 2 else {
    throw call.unsupported("the input is \(call.type(input))", expected: "[N, C] and \(rank) spatial axes")
  }
  return input
}

private func maximumWindows(_ call: ATenCall, _ rank: Int) throws -> MaximumWindows {
  let kernel = try call.ints("kernel_size", count: rank)
  return MaximumWindows(
    kernel: kernel, strides: try call.ints("stride", count: rank, fallback: kernel),
    padding: try call.ints("padding", count: rank), dilations: try call.ints("dilation", count: rank))
}

private func maximum(_ call: ATenCall, _ rank: Int) throws -> Value {
  let windows = try maximumWindows(call, rank)
  return try call.graph.maxPool(
    input(call, rank), kernel: windows.kernel, strides: windows.strides, padding: windows.padding,
    dilations: windows.dilations, isCeiling: call.bool("ceil_mode"))
}

private func average(_ call: ATenCall, _ rank: Int) throws -> Value {
  let input = try input(call, rank)
  let kernel = try call.ints("kernel_size", count: rank)
  let strides = try call.ints("stride", count: rank, fallback: kernel)
  let padding = try call.ints("padding", count: rank)
  let divisor = try rank > 1 ? call.optionalInt("divisor_override") : nil
  let countsPadding = try call.bool("count_include_pad")
  guard (kernel + strides).allSatisfy({ (1...1 << 20).contains($0) }),
    zip(padding, kernel).allSatisfy({ $0 >= 0 && 2 * $0 <= $1 })
  else {
    throw call.unsupported(
      "windows \(kernel) by \(strides) with padding \(padding)", expected: "at most half a window of padding")
  }
  let reachesOver =
    try call.bool("ceil_mode")
    && !zip(call.type(input).spatial, zip(kernel, zip(strides, padding))).allSatisfy { extent, window in
      guard let extent = extent.constant else { return false }
      return (extent + 2 * window.1.1 - window.0) % window.1.0 == 0
    }
  if !reachesOver, divisor ?? kernel.reduce(1, *) == kernel.reduce(1, *) {
    return try call.graph.averagePool(
      input, kernel: kernel, strides: strides, padding: padding, countsPadding: countsPadding || divisor != nil)
  }
  let windows = try zip(call.type(input).spatial, zip(kernel, zip(strides, padding))).map { extent, window in
    guard let extent = extent.constant, (1...1 << 20).contains(extent) else {
      throw call.unsupported("the input is \(call.type(input))", expected: "fixed spatial extents")
    }
    return AxisWindows(extent, window.0, window.1.0, window.1.1, reachesOver: reachesOver)
  }
  return try average(call, input, kernel, strides, padding, windows, divisor: divisor, countsPadding: countsPadding)
}

/// The windows of one axis, of which the last may reach past the end.
private struct AxisWindows {
  let count: Int
  /// How much is padded at the end, so that all windows are whole.
  let after: Int
  /// How many elements of each window count: those of the input, and those of its padding too.
  let inside: [Int]
  let padded: [Int]

  init(_ extent: Int, _ kernel: Int, _ stride: Int, _ padding: Int, reachesOver: Bool) {
    let room = extent + 2 * padding - kernel
    var count = max((room + (reachesOver ? stride - 1 : 0)) / stride + 1, 0)
    // A window that began in the padding of the end is left out.
    if reachesOver, count > 1, (count - 1) * stride >= extent + padding { count -= 1 }
    self.count = count
    after = max((count - 1) * stride + kernel - extent - padding, 0)
    let starts = (0..<count).map { $0 * stride - padding }
    inside = starts.map { max(min($0 + kernel, extent) - max($0, 0), 1) }
    padded = starts.map { max(min($0 + kernel, extent + padding) - $0, 1) }
  }
}

/// Averages over whole windows, corrected where fewer elements count or another divisor is given.
private func average(
  _ call: ATenCall, _ input: Value, _ kernel: [Int], _ strides: [Int], _ padding: [Int], _ windows: [AxisWindows],
  divisor: Int?, countsPadding: Bool
) throws -> Value {
  let padded = try call.graph.padSpatial(input, before: padding, after: windows.map(\.after))
  let averages = try call.graph.averagePool(padded, kernel: kernel, strides: strides)
  let type = call.type(input).elementType
  let count = Double(kernel.reduce(1, *))
  if let divisor {
    guard divisor != 0 else { throw call.unsupported("divisor_override is 0", expected: "another number") }
    return try call.graph.multiply(averages, call.scalar(count / Double(divisor), type))
  }
  guard windows.reduce(1.0, { $0 * Double($1.count) }) <= 0x1p24 else {
    throw call.unsupported("windows \(kernel) of \(call.type(input))", expected: "at most 2²⁴ windows")
  }
  var factors = [count]
  for window in windows {
    factors = factors.flatMap { factor in (countsPadding ? window.padded : window.inside).map { factor / Double($0) } }
  }
  let constant = call.graph.constant(
    Tensor(factors, Shape(windows.map(\.count))).converted(to: type), name: "factors")
  return try call.graph.multiply(averages, constant)
}

private func adaptive(_ call: ATenCall, _ rank: Int, isMaximum: Bool) throws -> Value {
  let input = try input(call, rank)
  let extents = try call.type(input).spatial.map { extent in
    guard let extent = extent.constant else {
      throw call.unsupported("the input is \(call.type(input))", expected: "fixed spatial extents")
    }
    return extent
  }
  // None keeps the extent.
  let wanted = try call.argument("output_size").items ?? [call.argument("output_size")]
  let sizes = try zip(wanted.count == 1 && rank > 1 ? Array(repeating: wanted[0], count: rank) : wanted, extents).map {
    value, extent -> Int in
    if case .none = value { return extent }
    guard case .int(let size) = value, let number = size.constant, number > 0, number <= 1 << 16 else {
      throw call.unsupported("output_size has a \(value.typeName)", expected: "positive numbers")
    }
    return number
  }
  if sizes.allSatisfy({ $0 == 1 }) {
    return isMaximum ? try call.graph.globalMaxPool(input) : try call.graph.globalAveragePool(input)
  }
  if sizes == extents { return input }
  if zip(extents, sizes).allSatisfy({ $0 % $1 == 0 }) {
    let kernel = zip(extents, sizes).map { $0 / $1 }
    return isMaximum
      ? try call.graph.maxPool(input, kernel: kernel) : try call.graph.averagePool(input, kernel: kernel)
  }
  // Windows of different lengths.
  guard zip(extents, sizes).allSatisfy({ Double($0) * Double($1) <= 0x1p24 }) else {
    throw call.unsupported("\(extents) in windows for \(sizes)", expected: "smaller extents")
  }
  var result = input
  for (axis, (extent, size)) in zip(extents, sizes).enumerated() where extent != size {
    let bounds = (0..<size).map { ($0 * extent / size, (($0 + 1) * extent + size - 1) / size) }
    if isMaximum {
      // As many elements for each, the last again where a window has fewer.
      let length = bounds.map { $0.1 - $0.0 }.max() ?? 1
      let places = bounds.flatMap { start, end in (0..<length).map { Int64(min(start + $0, end - 1)) } }
      let indices = call.graph.constant(places, shape: [size, length], name: "windows")
      let gathered = try call.graph.gather(result, indices, axis: axis + 2)
      result = try call.graph.reduceMax(gathered, axes: [axis + 3], keepsAxes: false)
    } else {
      var weights = [Float](repeating: 0, count: extent * size)
      for (column, (start, end)) in bounds.enumerated() {
        for row in start..<end { weights[row * size + column] = 1 / Float(end - start) }
      }
      result = try call.product(result, along: axis + 2, with: weights, [extent, size])
    }
  }
  return result
}

extension ATenCall {
  /// Each row of an axis times a matrix `[extent, size]`.
  func product(_ input: Value, along axis: Int, with weights: [Float], _ shape: [Int]) throws -> Value {
    let type = type(input)
    let matrix = graph.constant(
      Tensor(weights, Shape(shape)).converted(to: type.elementType), name: "windows")
    var order = Array(0..<type.rank)
    order.swapAt(axis, type.rank - 1)
    return try transpose(graph.matmul(transpose(input, order), matrix), order)
  }
}
