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
    .any(schema) { .tuple([$0.result(try maximum($0, rank)), .none]) }
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

private func maximum(_ call: ATenCall, _ rank: Int) throws -> Value {
  let kernel = try call.ints("kernel_size", count: rank)
  return try call.graph.maxPool(
    input(call, rank), kernel: kernel, strides: call.ints("stride", count: rank, fallback: kernel),
    padding: call.ints("padding", count: rank), dilations: call.ints("dilation", count: rank),
    isCeiling: call.bool("ceil_mode"))
}

private func average(_ call: ATenCall, _ rank: Int) throws -> Value {
  let input = try input(call, rank)
  let kernel = try call.ints("kernel_size", count: rank)
  let strides = try call.ints("stride", count: rank, fallback: kernel)
  let padding = try call.ints("padding", count: rank)
  if rank > 1, let divisor = try call.optionalInt("divisor_override"), divisor != kernel.reduce(1, *) {
    throw call.unsupported("divisor_override is \(divisor)", expected: "None")
  }
  let countsPadding = try call.bool("count_include_pad")
  guard try call.bool("ceil_mode") else {
    return try call.graph.averagePool(
      input, kernel: kernel, strides: strides, padding: padding, countsPadding: countsPadding)
  }
  let exact = zip(call.type(input).spatial, zip(kernel, zip(strides, padding))).allSatisfy { extent, window in
    guard let extent = extent.constant else { return false }
    return (extent + 2 * window.1.1 - window.0) % window.1.0 == 0
  }
  guard exact else {
    throw call.unsupported("ceil_mode leaves a window that reaches past the end", expected: "windows that fit exactly")
  }
  return try call.graph.averagePool(
    input, kernel: kernel, strides: strides, padding: padding, countsPadding: countsPadding)
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
  guard !isMaximum else {
    throw call.unsupported("\(extents) in windows for \(sizes)", expected: "sizes that divide the extents")
  }
  // Windows of different lengths: a product with a matrix of weights along each axis.
  var result = input
  for (axis, (extent, size)) in zip(extents, sizes).enumerated() where extent != size {
    var weights = [Float](repeating: 0, count: extent * size)
    for column in 0..<size {
      let start = column * extent / size
      let end = ((column + 1) * extent + size - 1) / size
      for row in start..<end { weights[row * size + column] = 1 / Float(end - start) }
    }
    let matrix = call.graph.constant(weights, shape: [extent, size], name: "windows")
    var order = Array(0..<rank + 2)
    order.swapAt(axis + 2, rank + 1)
    let isLast = axis == rank - 1
    let turned = isLast ? result : try call.graph.transpose(result, order)
    let product = try call.graph.matmul(turned, matrix)
    result = isLast ? product : try call.graph.transpose(product, order)
  }
  return result
}
