import func Foundation.pow
import Graphs
import Tensors

/// Tensors made of numbers.
let creationOperators: [ATenOperator] =
  [
    (
      """
      zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """, 0.0
    ),
    (
      """
      ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """, 1
    ),
    (
      """
      empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
      """, 0
    ),
  ].map { schema, number in
    .value(schema) { try filled($0, $0.dimensions("size"), number, $0.elementType("dtype") ?? .float32) }
  }
  + [
    (
      """
      zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
      """, 0.0
    ),
    (
      """
      ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
      """, 1
    ),
    (
      """
      empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
      """, 0
    ),
  ].map { schema, number in
    .value(schema) { call in
      let type = call.type(try call.value("self"))
      return try filled(call, type.shape, number, call.elementType("dtype") ?? type.elementType)
    }
  }
  + [
    (
      """
      new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """, 0.0
    ),
    (
      """
      new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """, 1
    ),
    (
      """
      new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """, 0
    ),
  ].map { schema, number in
    .value(schema) { call in
      let type = call.type(try call.value("self"))
      return try filled(call, call.dimensions("size"), number, call.elementType("dtype") ?? type.elementType)
    }
  }
  + [
    .value(
      """
      full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { call in
      try filled(call, call.dimensions("size"), call.double("fill_value"), numberType(call, "fill_value"))
    },
    .value(
      """
      full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
      """
    ) { call in
      let type = call.type(try call.value("self"))
      return try filled(
        call, type.shape, call.double("fill_value"), call.elementType("dtype") ?? type.elementType)
    },
    .value(
      """
      new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) { call in
      let type = call.type(try call.value("self"))
      return try filled(
        call, call.dimensions("size"), call.double("fill_value"), call.elementType("dtype") ?? type.elementType)
    },
    .value(
      """
      scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { try filled($0, [], $0.double("s"), numberType($0, "s")) },
    .value("fill.Scalar(Tensor self, Scalar value) -> Tensor") { call in
      let type = call.type(try call.value("self"))
      return try filled(call, type.shape, call.double("value"), type.elementType)
    },
    .value("fill.Tensor(Tensor self, Tensor value) -> Tensor") { call in
      let type = call.type(try call.value("self"))
      return try call.writer.expand(call.writer.cast(call.value("value"), to: type.elementType), type.shape)
    },
    .value("zero(Tensor self) -> Tensor") { call in
      let type = call.type(try call.value("self"))
      return try filled(call, type.shape, 0, type.elementType)
    },
    .value("copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor") { call in
      let type = call.type(try call.value("self"))
      return try call.writer.expand(call.writer.cast(call.value("src"), to: type.elementType), type.shape)
    },
    .value(
      """
      arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { try openRange($0) ?? range($0, start: 0, end: $0.double("end"), step: 1) },
    .value(
      """
      arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { try openRange($0) ?? range($0, start: $0.double("start"), end: $0.double("end"), step: 1) },
    .value(
      """
      arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) {
      try openRange($0) ?? range($0, start: $0.double("start"), end: $0.double("end"), step: $0.double("step"))
    },
    .value(
      """
      linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) { call in
      let (start, end, steps) = (try call.double("start"), try call.double("end"), try call.int("steps"))
      guard (1...1 << 24).contains(steps) else { throw call.unsupported("\(steps) steps") }
      let values = (0..<steps).map { index in
        steps == 1 ? start : start + (end - start) * Double(index) / Double(steps - 1)
      }
      return call.graph.constant(
        Tensor(values, [steps]).converted(to: try call.elementType("dtype") ?? .float32), name: "linspace")
    },
    .value(
      """
      logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) { call in
      let (start, end, steps) = (try call.double("start"), try call.double("end"), try call.int("steps"))
      let base = try call.double("base")
      guard (1...1 << 24).contains(steps) else { throw call.unsupported("\(steps) steps") }
      let values = (0..<steps).map { index in
        pow(base, steps == 1 ? start : start + (end - start) * Double(index) / Double(steps - 1))
      }
      return call.graph.constant(
        Tensor(values, [steps]).converted(to: try call.elementType("dtype") ?? .float32), name: "logspace")
    },
    .any("meshgrid(Tensor[] tensors) -> Tensor[]") { try mesh($0, isTransposed: false) },
    .any("meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]") {
      try mesh($0, isTransposed: $0.string("indexing") == "xy")
    },
    .value(
      """
      tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) { try triangleIndices($0, isLower: true) },
    .value(
      """
      triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Layout? layout=None, \
      Device? device=None, bool? pin_memory=None) -> Tensor
      """
    ) { try triangleIndices($0, isLower: false) },
    .value(
      """
      eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { try identity($0, $0.int("n"), $0.int("n")) },
    .value(
      """
      eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None) -> Tensor
      """
    ) { try identity($0, $0.int("n"), $0.int("m")) },
    .value("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor") { call in
      guard try call.int("offset") == 0, try call.int("dim1") == -2, try call.int("dim2") == -1 else {
        throw call.unsupported("another diagonal than that of the last two axes")
      }
      return try diagonalMatrices(call)
    },
    .any("diag(Tensor self, int diagonal=0) -> Tensor") { call in
      let input = try call.value("self")
      let (type, offset) = (call.type(input), try call.int("diagonal"))
      if type.rank == 1, offset == 0 { return call.result(try diagonalMatrices(call)) }
      guard type.rank == 2, let rows = type.shape[0].constant, let columns = type.shape[1].constant, rows <= 1 << 16,
        columns <= 1 << 16, abs(offset) <= 1 << 16
      else { throw call.unsupported("diagonal \(offset) of \(type)", expected: "a fixed matrix, or 0 of a vector") }
      let places = (0..<rows).filter { (0..<columns).contains($0 + offset) }.map { Int64($0 * columns + $0 + offset) }
      let flat = try call.reshape(input, [Dimension(rows * columns)])
      return call.result(try call.graph.gather(flat, call.graph.constant(places, name: "diagonal"), axis: 0))
    },
    .value("tril(Tensor self, SymInt diagonal=0) -> Tensor") { try triangle($0, isLower: true) },
    .value("triu(Tensor self, SymInt diagonal=0) -> Tensor") { try triangle($0, isLower: false) },
    .value("affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor") { call in
      let theta = try call.value("theta")
      let size = try call.dimensions("size")
      let spatial = size.dropFirst(2).compactMap(\.constant)
      guard spatial.count == size.count - 2, (2...3).contains(spatial.count), spatial.allSatisfy({ $0 > 0 }),
        spatial.reduce(1.0, { $0 * Double($1) }) <= 0x1p24
      else { throw call.unsupported("the size \(size)", expected: "[N, C, H, W] or [N, C, D, H, W] of fixed extents") }
      let base = call.graph.constant(
        gridPoints(spatial, alignsCorners: try call.bool("align_corners")),
        shape: [spatial.reduce(1, *), spatial.count + 1], name: "points")
      let places = try call.graph.matmul(base, call.transpose(theta, [0, 2, 1]))
      return try call.reshape(places, [call.type(theta).shape[0]] + size.dropFirst(2) + [Dimension(spatial.count)])
    },
  ]

/// A constant of one number; extents may depend on the batch.
func filled(_ call: ATenCall, _ shape: [Dimension], _ number: Double, _ type: ElementType) throws -> Value {
  guard shape.allSatisfy({ ($0.constant ?? 1) >= 0 }), shape.count <= 16,
    shape.reduce(1.0, { $0 * Double($1.constant ?? 1) }) <= 0x1p40
  else { throw call.unsupported("the shape [\(shape.map(\.description).joined(separator: ", "))]") }
  let scalar = Tensor([number], []).converted(to: type)
  let fixed = Shape(shape.map { $0.constant ?? 1 })
  guard fixed.count <= 1 << 24 else { throw call.unsupported("a constant of the shape \(fixed)") }
  let constant = call.graph.constant(scalar.expanded(to: fixed), name: "constant")
  return try call.writer.expand(constant, shape)
}

/// The element type that PyTorch gives a tensor of one number.
private func numberType(_ call: ATenCall, _ name: String) throws -> ElementType {
  if let type = try call.elementType("dtype") { return type }
  return switch try call.argument(name) {
  case .int: call.operation.schema.name == "scalar_tensor" ? .float32 : .int64
  case .bool: .bool
  default: .float32
  }
}

/// 0, 1 … up to an extent of the input that depends on the batch; nil for another range.
private func openRange(_ call: ATenCall) throws -> Value? {
  guard let end = try? call.dimension("end"), end.symbol != nil else { return nil }
  for (name, number) in [("start", 0.0), ("step", 1)] {
    guard call.operation.schema.parameters.contains(where: { $0.name == name }) else { continue }
    guard try call.double(name) == number else { return nil }
  }
  let counted = try call.graph.cumulativeSum(call.writer.ones(end), axis: 0)
  let places = try call.graph.subtract(counted, call.graph.constant([Int64(1)], shape: [], name: "one"))
  return try call.writer.cast(places, to: call.elementType("dtype") ?? .int64)
}

private func range(_ call: ATenCall, start: Double, end: Double, step: Double) throws -> Value {
  let count = ((end - start) / step).rounded(.up)
  guard step != 0, count >= 0, count <= 0x1p24 else {
    throw call.unsupported("the range from \(start) to \(end) by \(step)", expected: "at most 2²⁴ numbers")
  }
  var isFloat = false
  for name in ["start", "end", "step"] where call.operation.schema.parameters.contains(where: { $0.name == name }) {
    if case .double = try call.argument(name) { isFloat = true }
  }
  let values = (0..<Int(count)).map { start + Double($0) * step }
  let type = try call.elementType("dtype") ?? (isFloat ? .float32 : .int64)
  return call.graph.constant(Tensor(values, [values.count]).converted(to: type), name: "arange")
}

private func identity(_ call: ATenCall, _ rows: Int, _ columns: Int) throws -> Value {
  guard rows >= 0, columns >= 0, rows <= 1 << 12, columns <= 1 << 12 else {
    throw call.unsupported("\(rows) rows and \(columns) columns")
  }
  let values = (0..<rows * columns).map { $0 / columns == $0 % columns ? 1.0 : 0 }
  return call.graph.constant(
    Tensor(values, [rows, columns]).converted(to: try call.elementType("dtype") ?? .float32), name: "eye")
}

/// `[…, N]` on the diagonal of `[…, N, N]`, zeros elsewhere.
private func diagonalMatrices(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input)
  guard let extent = type.shape.last?.constant, extent <= 1 << 12 else {
    throw call.unsupported("the input is \(type)", expected: "a fixed last extent")
  }
  let marks = (0..<extent * extent).map { UInt8($0 / extent == $0 % extent ? 1 : 0) }
  let mask = call.graph.constant(Tensor(marks, [extent, extent]).converted(to: .bool), name: "diagonal")
  let rows = try call.graph.unsqueeze(input, axes: [type.rank])
  return try call.graph.select(mask, rows, call.scalar(0, type.elementType))
}

/// The coordinates of a grid, each stretched over it. With "xy" the first two axes change places.
private func mesh(_ call: ATenCall, isTransposed: Bool) throws -> ProgramValue {
  var vectors = try call.values("tensors")
  guard vectors.count <= 16, vectors.allSatisfy({ call.type($0).rank <= 1 }) else {
    throw call.unsupported("\(vectors.count) tensors", expected: "vectors")
  }
  let swaps = isTransposed && vectors.count > 1
  if swaps { vectors.swapAt(0, 1) }
  let shape = vectors.map { call.type($0).count }
  var results = try vectors.enumerated().map { axis, vector in
    let aligned = try call.reshape(vector, shape.indices.map { $0 == axis ? shape[axis] : 1 })
    return try call.writer.expand(aligned, shape)
  }
  if swaps { results.swapAt(0, 1) }
  return call.result(results)
}

/// Rows and columns of the elements on one side of a diagonal.
private func triangleIndices(_ call: ATenCall, isLower: Bool) throws -> Value {
  let (rows, columns, offset) = (try call.int("row"), try call.int("col"), try call.int("offset"))
  guard (0...1 << 12).contains(rows), (0...1 << 12).contains(columns), abs(offset) <= 1 << 20 else {
    throw call.unsupported("\(rows) rows and \(columns) columns")
  }
  let places = (0..<rows * columns).filter { index in
    let distance = index % columns - index / columns
    return isLower ? distance <= offset : distance >= offset
  }
  let values = places.map { Double($0 / columns) } + places.map { Double($0 % columns) }
  return call.graph.constant(
    Tensor(values, [2, places.count]).converted(to: try call.elementType("dtype") ?? .int64), name: "indices")
}

/// The input with zeros on the other side of a diagonal.
private func triangle(_ call: ATenCall, isLower: Bool) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input)
  let diagonal = try call.int("diagonal")
  guard type.rank >= 2, let rows = type.shape[type.rank - 2].constant, let columns = type.shape[type.rank - 1].constant,
    Double(rows) * Double(columns) <= 0x1p24
  else { throw call.unsupported("the input is \(type)", expected: "matrices of fixed extents") }
  let mask = (0..<rows * columns).map { index -> UInt8 in
    let distance = index % columns - index / columns
    return isLower ? (distance <= diagonal ? 1 : 0) : (distance >= diagonal ? 1 : 0)
  }
  let truth = call.graph.constant(Tensor(mask, [rows, columns]).converted(to: .bool), name: "mask")
  return try call.graph.select(truth, input, call.scalar(0, type.elementType))
}

/// Rows (…, y, x reversed, 1) of a regular grid from -1 to 1, the last axis first.
private func gridPoints(_ shape: [Int], alignsCorners: Bool) -> [Float] {
  func coordinate(_ index: Int, _ extent: Int) -> Float {
    if extent == 1, alignsCorners { return 0 }
    return alignsCorners
      ? Float(2 * index) / Float(extent - 1) - 1 : Float(2 * index + 1) / Float(extent) - 1
  }
  var points: [Float] = []
  for place in 0..<shape.reduce(1, *) {
    var rest = place
    for extent in shape.reversed() {
      points.append(coordinate(rest % extent, extent))
      rest /= extent
    }
    points.append(1)
  }
  return points
}
