import Graphs
import OrderedCollections
import Tensors

/// Operators that show a tensor's elements in another shape or order.
let viewOperators: [ATenOperator] =
  [
    .any("view(Tensor self, SymInt[] size) -> Tensor", reshapeOperator),
    .any("reshape(Tensor self, SymInt[] shape) -> Tensor", reshapeOperator),
    .any("_unsafe_view(Tensor self, SymInt[] size) -> Tensor", reshapeOperator),
    .any("view_as(Tensor self, Tensor other) -> Tensor") { try reshaped($0, $0.type($0.value("other")).shape) },
    .any("reshape_as(Tensor self, Tensor other) -> Tensor") { try reshaped($0, $0.type($0.value("other")).shape) },
    .any("flatten.using_ints(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor") { call in
      let shape = call.type(try call.value("self")).shape
      let first = try call.axis(call.int("start_dim"), rank: shape.count, allowsScalar: true)
      let last = try call.axis(call.int("end_dim"), rank: shape.count, allowsScalar: true)
      guard first <= last else { throw call.unsupported("axes \(first) to \(last)", expected: "start_dim ≤ end_dim") }
      let merged = shape.isEmpty ? Dimension(1) : shape[first...last].reduce(1, *)
      return try reshaped(call, shape.prefix(first) + [merged] + shape.dropFirst(last + 1))
    },
    .any("unflatten.int(Tensor self, int dim, SymInt[] sizes) -> Tensor") { call in
      let shape = call.type(try call.value("self")).shape
      let axis = try call.axis(call.int("dim"), rank: shape.count)
      let parts = try call.completed(call.dimensions("sizes"), count: shape[axis])
      return try reshaped(call, shape[..<axis] + parts + shape[(axis + 1)...])
    },
    .any("squeeze(Tensor self) -> Tensor") { call in
      try reshaped(call, call.type(call.value("self")).shape.filter { $0 != 1 })
    },
    .any("squeeze.dim(Tensor self, int dim) -> Tensor") { try squeezed($0, [$0.int("dim")]) },
    .any("squeeze.dims(Tensor self, int[] dim) -> Tensor") { try squeezed($0, $0.ints("dim")) },
    .any("unsqueeze(Tensor self, int dim) -> Tensor") { call in
      let shape = call.type(try call.value("self")).shape
      let axis = try call.axis(call.int("dim"), rank: shape.count + 1)
      return try reshaped(call, shape[..<axis] + [1] + shape[axis...])
    },
    .any("permute(Tensor self, int[] dims) -> Tensor") { try permuted($0, $0.ints("dims")) },
    .any("transpose.int(Tensor self, int dim0, int dim1) -> Tensor") {
      try swapped($0, $0.int("dim0"), $0.int("dim1"))
    },
    .any("swapaxes(Tensor self, int axis0, int axis1) -> Tensor") { try swapped($0, $0.int("axis0"), $0.int("axis1")) },
    .any("swapdims(Tensor self, int dim0, int dim1) -> Tensor") { try swapped($0, $0.int("dim0"), $0.int("dim1")) },
    .any("t(Tensor self) -> Tensor") { call in
      try call.type(call.value("self")).rank < 2 ? call.arguments[0] : swapped(call, 0, 1)
    },
    .any("ravel(Tensor self) -> Tensor") { try reshaped($0, [$0.type($0.value("self")).count]) },
    .any("numpy_T(Tensor self) -> Tensor") { call in
      try permuted(call, Array((0..<call.type(call.value("self")).rank).reversed()))
    },
    .any("mT(Tensor self) -> Tensor") { try swapped($0, -2, -1) },
    .any("mH(Tensor self) -> Tensor") { try swapped($0, -2, -1) },
    .any("adjoint(Tensor self) -> Tensor") { try swapped($0, -2, -1) },
    .any("movedim.int(Tensor self, int source, int destination) -> Tensor") {
      try moved($0, [$0.int("source")], [$0.int("destination")])
    },
    .any("movedim.intlist(Tensor self, int[] source, int[] destination) -> Tensor") {
      try moved($0, $0.ints("source"), $0.ints("destination"))
    },
    .any("expand(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor") { call in
      try expanded(call, call.dimensions("size"))
    },
    .any("expand_as(Tensor self, Tensor other) -> Tensor") { call in
      try expanded(call, call.type(call.value("other")).shape)
    },
    .any("broadcast_to(Tensor self, SymInt[] size) -> Tensor") { call in try expanded(call, call.dimensions("size")) },
    .any("select.int(Tensor self, int dim, SymInt index) -> Tensor") { call in
      let shape = call.type(try call.value("self")).shape
      let axis = try call.axis(call.int("dim"), rank: shape.count)
      let index = try call.int("index")
      // The first and the last of a batch are there whatever its size.
      guard let extent = shape[axis].constant ?? (index == 0 || index == -1 ? 1 : nil) else {
        throw ImportError.undecidable(what: "whether axis \(axis), \(shape[axis]), has the index \(index)")
      }
      guard (-extent..<extent).contains(index) else {
        throw call.unsupported("index \(index) of axis \(axis), which has \(shape[axis])", expected: "one that it has")
      }
      let place = index < 0 && shape[axis].constant != nil ? index + extent : index
      return try call.view(
        { writer, value in
          try writer.graph.gather(
            value, writer.graph.constant([Int64(place)], shape: [], name: "index"), axis: axis)
        },
        { writer, base, part in
          try writer.replacing(base, axis: axis, place..<place + 1, by: writer.graph.unsqueeze(part, axes: [axis]))
        })
    },
    .any(
      """
      slice.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor
      """
    ) { call in
      let axis = try call.axis(call.int("dim"), rank: call.type(call.value("self")).rank)
      let start = try call.isNone("start") ? Dimension(0) : call.dimension("start")
      let end = try call.isNone("end") ? Dimension(.max) : call.dimension("end")
      return try call.slice(axis: axis, start, end, step: call.int("step"))
    },
    .any("narrow(Tensor self, int dim, SymInt start, SymInt length) -> Tensor") { call in
      let axis = try call.axis(call.int("dim"), rank: call.type(call.value("self")).rank)
      let start = try call.dimension("start")
      return try call.slice(axis: axis, start, start.adding(call.dimension("length")), step: 1)
    },
    .any("split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]") { call in
      let (axis, extent) = try fixedAxis(call)
      let size = try call.int("split_size")
      guard size > 0 else { throw call.unsupported("parts of \(size)", expected: "a positive number") }
      return try parts(call, axis, stride(from: 0, to: extent, by: size).map { min(size, extent - $0) })
    },
    .any("split.sizes(Tensor self, SymInt[] split_size, int dim=0) -> Tensor[]") {
      try parts($0, fixedAxis($0).0, $0.ints("split_size"))
    },
    .any("split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]") {
      try parts($0, fixedAxis($0).0, $0.ints("split_sizes"))
    },
    .any("chunk(Tensor self, int chunks, int dim=0) -> Tensor[]") { call in
      let (axis, extent) = try fixedAxis(call)
      let count = try call.int("chunks")
      guard count > 0 else { throw call.unsupported("\(count) chunks", expected: "a positive number") }
      let size = max((extent + count - 1) / count, 1)
      return try parts(call, axis, stride(from: 0, to: extent, by: size).map { min(size, extent - $0) })
    },
    .any("tensor_split.sections(Tensor self, SymInt sections, int dim=0) -> Tensor[]") { call in
      let (axis, extent) = try fixedAxis(call)
      let count = try call.int("sections")
      guard (1...1 << 16).contains(count) else { throw call.unsupported("\(count) sections") }
      return try parts(call, axis, (0..<count).map { extent / count + ($0 < extent % count ? 1 : 0) })
    },
    .any("tensor_split.indices(Tensor self, SymInt[] indices, int dim=0) -> Tensor[]") { call in
      let (axis, extent) = try fixedAxis(call)
      let places = [0] + (try call.ints("indices")).map { min(max($0 < 0 ? $0 + extent : $0, 0), extent) } + [extent]
      guard zip(places, places.dropFirst()).allSatisfy({ $0 <= $1 }) else {
        throw call.unsupported("cuts at \(places)")
      }
      return try parts(call, axis, zip(places, places.dropFirst()).map { $1 - $0 })
    },
    .any("diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", diagonal),
    .any("unbind.int(Tensor self, int dim=0) -> Tensor[]") { call in
      let (axis, extent) = try fixedAxis(call)
      guard extent <= 1 << 16 else { throw call.unsupported("\(extent) parts") }
      let input = try call.value("self")
      let base = try call.tensor("self")
      let parts = try (0..<extent).map { index -> ProgramValue in
        let derive: (ProgramWriter, Value) throws -> Value = { writer, value in
          extent == 1
            ? try writer.graph.squeeze(value, axes: [axis])
            : try writer.graph.gather(
              value, writer.graph.constant([Int64(index)], shape: [], name: "index"), axis: axis)
        }
        let view = ProgramTensor.View(base: base, derive: derive) { writer, base, part in
          try writer.replacing(base, axis: axis, index..<index + 1, by: writer.graph.unsqueeze(part, axes: [axis]))
        }
        return .tensor(ProgramTensor(try derive(call.writer, input), view: view))
      }
      return .list(ProgramList(parts))
    },
    .value("unfold(Tensor self, int dimension, int size, int step) -> Tensor") { call in
      let input = try call.value("self")
      let axis = try call.axis("dimension", of: input)
      let (size, step) = (try call.int("size"), try call.int("step"))
      guard let extent = call.type(input).shape[axis].constant, size > 0, step > 0, size <= extent,
        ((extent - size) / step + 1) <= 1 << 20, ((extent - size) / step + 1) * size <= 1 << 24
      else { throw call.unsupported("windows of \(size) in axis \(axis) of \(call.type(input))") }
      let count = (extent - size) / step + 1
      let indices = (0..<count).flatMap { window in (0..<size).map { Int64(window * step + $0) } }
      let constant = call.graph.constant(indices, shape: [count, size], name: "windows")
      let gathered = try call.graph.gather(input, constant, axis: axis)
      let rank = call.type(gathered).rank
      var order = Array(0..<rank)
      order.append(order.remove(at: axis + 1))
      return try call.transpose(gathered, order)
    },
  ]
  + [
    "contiguous(Tensor self, *, MemoryFormat memory_format=None) -> Tensor", "alias(Tensor self) -> Tensor",
    "positive(Tensor self) -> Tensor", "detach(Tensor self) -> Tensor", "lift_fresh(Tensor self) -> Tensor",
    "data(Tensor self) -> Tensor",
  ].map(ATenOperator.identity)
  + [
    .value("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor") { try $0.value("self") },
    .value("lift_fresh_copy(Tensor self) -> Tensor") { try $0.value("self") },
    .any("resolve_conj(Tensor self) -> Tensor") { $0.arguments[0] },
    .any("resolve_neg(Tensor self) -> Tensor") { $0.arguments[0] },
  ]

extension ATenCall {
  /// A result that shows the elements of `self`.
  func view(
    _ derive: @escaping (ProgramWriter, Value) throws -> Value,
    _ writeBack: ((ProgramWriter, _ base: Value, _ view: Value) throws -> Value)?
  ) throws -> ProgramValue {
    let base = try tensor("self")
    let value = try derive(writer, try base.value(writer))
    return .tensor(ProgramTensor(value, view: .init(base: base, derive: derive, writeBack: writeBack)))
  }

  func reshape(_ value: Value, _ shape: [Dimension]) throws -> Value { try writer.reshape(value, shape) }
  func transpose(_ value: Value, _ order: [Int]) throws -> Value { try writer.transpose(value, order) }

  /// `sizes` with the one -1 in it replaced by what `count` leaves.
  func completed(_ sizes: [Dimension], count: Dimension) throws -> [Dimension] {
    let open = sizes.indices.filter { sizes[$0] == -1 }
    guard let place = open.first else { return sizes }
    let known = sizes.enumerated().reduce(Dimension(1)) { $1.offset == place ? $0 : $0 * $1.element }
    guard open.count == 1, known != 0, let rest = count.exactQuotient(by: known) else {
      throw unsupported(
        "\(count) elements don't divide into the shape [\(sizes.map(\.description).joined(separator: ", "))]")
    }
    var result = sizes
    result[place] = rest
    return result
  }

  /// Every `step`-th element of an axis, bounds as in Python.
  func slice(axis: Int, _ start: Dimension, _ end: Dimension, step: Int) throws -> ProgramValue {
    let extent = type(try value("self")).shape[axis]
    let isWhole = start == 0 && step == 1 && (end == extent || (end.constant ?? 0) >= 1 << 31 || end == .init(.max))
    if isWhole || (start == 0 && step == 1 && (extent.constant.map { (end.constant ?? -1) >= $0 } ?? false)) {
      return try view({ $1 }, { $2 })
    }
    guard let number = extent.constant, let from = start.constant, let to = end.constant, step > 0 else {
      throw ImportError.undecidable(what: "the slice \(start):\(end) of an axis of \(extent)")
    }
    let lower = min(max(from < 0 ? from + number : from, 0), number)
    let upper = max(min(max(to < 0 ? to + number : to, 0), number), lower)
    if step == 1 {
      return try view(
        { writer, value in try writer.graph.slice(value, axis: axis, lower..<upper) },
        { writer, base, part in try writer.replacing(base, axis: axis, lower..<upper, by: part) })
    }
    return try view(
      { writer, value in
        let operands = [("starts", lower), ("ends", upper), ("axes", axis), ("steps", step)].map {
          writer.graph.constant([Int64($0.1)], name: $0.0)
        }
        return try writer.graph.apply("Slice", [value] + operands)[0]
      },
      { writer, base, part in
        try writer.replacing(base, axis: axis, at: Array(stride(from: lower, to: upper, by: step)), by: part)
      })
  }
}

extension ProgramWriter {
  /// The value in another shape; unchanged where it has it already.
  func reshape(_ value: Value, _ shape: [Dimension]) throws -> Value {
    let current = type(of: value).shape
    if current == shape { return value }
    let operand = shape.enumerated().map { axis, extent -> Int in
      if let number = extent.constant { return number }
      return axis < current.count && current[axis] == extent ? 0 : -1
    }
    guard operand.filter({ $0 == -1 }).count <= 1 else {
      throw ImportError.undecidable(what: "the shape [\(shape.map(\.description).joined(separator: ", "))]")
    }
    return try graph.reshape(value, operand)
  }

  /// The axes in another order; two transpositions after each other become one.
  func transpose(_ value: Value, _ order: [Int]) throws -> Value {
    if order == Array(order.indices) { return value }
    if let earlier = producer(of: value), earlier.operator == "Transpose", let source = earlier.inputs[0],
      case .ints(let first)? = earlier.attributes["perm"], first.count == order.count
    {
      return try transpose(source, order.map { first[$0] })
    }
    return try graph.transpose(value, order)
  }

  /// The base with the elements `range` of one axis replaced.
  func replacing(_ base: Value, axis: Int, _ range: Range<Int>, by part: Value) throws -> Value {
    guard let extent = type(of: base).shape[axis].constant else {
      throw ImportError.undecidable(what: "a change of a part of \(type(of: base))")
    }
    var parts: [Value] = []
    if range.lowerBound > 0 { parts.append(try graph.slice(base, axis: axis, 0..<range.lowerBound)) }
    parts.append(part)
    if range.upperBound < extent { parts.append(try graph.slice(base, axis: axis, range.upperBound..<extent)) }
    return parts.count == 1 ? part : try graph.concat(parts, axis: axis)
  }

  /// The base with the entries `places` of one axis replaced, those of a place that is named twice by the last.
  func replacing(_ base: Value, axis: Int, at places: [Int], by part: Value) throws -> Value {
    guard let extent = type(of: base).shape[axis].constant, extent <= 1 << 24,
      places.allSatisfy({ (0..<extent).contains($0) })
    else {
      throw ImportError.undecidable(what: "a change of a part of \(type(of: base))")
    }
    var sources = Array(0..<Int64(extent))
    for (index, place) in places.enumerated() { sources[place] = Int64(extent + index) }
    let joined = try graph.concat([base, cast(part, to: type(of: base).elementType)], axis: axis)
    return try graph.gather(joined, graph.constant(sources, name: "places"), axis: axis)
  }

  /// The value stretched to `shape`, whose extents may be symbolic.
  func expand(_ value: Value, _ shape: [Dimension]) throws -> Value {
    let current =
      Array(repeating: Dimension(1), count: max(shape.count - type(of: value).rank, 0))
      + type(of: value).shape
    guard zip(current, shape).allSatisfy({ $0 == $1 || $0 == 1 }), current.count == shape.count else {
      throw ImportError.unsupported(
        operator: "aten::expand", reason: "\(type(of: value)) can't be stretched to \(shape)", expected: nil)
    }
    if current == shape { return try reshape(value, shape) }
    let symbolic = zip(current, shape).filter { $0 != $1 && $1.constant == nil }.map(\.1)
    var result = value
    if let dimension = symbolic.first {
      guard symbolic.count == 1, let axis = shape.firstIndex(where: { $0 == dimension }) else {
        throw ImportError.undecidable(what: "the shape [\(shape.map(\.description).joined(separator: ", "))]")
      }
      let zeros = try cast(zeros(dimension, axis: axis, rank: shape.count), to: type(of: value).elementType)
      result = try type(of: value).elementType == .bool ? graph.logicalOr(value, zeros) : graph.add(value, zeros)
    }
    let operand = shape.map { $0.constant ?? 1 }
    if zip(type(of: result).shape.suffix(shape.count), shape).allSatisfy({ $0 == $1 }),
      type(of: result).rank == shape.count
    {
      return result
    }
    return try graph.expand(result, operand)
  }

  /// Truth values `[dimension, 1]`, made from an input that has the extent.
  func column(of dimension: Dimension) throws -> Value {
    guard let input = graph.inputs.first(where: { type(of: $0).shape.first == dimension }) else {
      throw ImportError.undecidable(what: "the extent \(dimension)")
    }
    var column = try reshape(input, [dimension, type(of: input).shape.dropFirst().reduce(1, *)])
    column = try graph.slice(column, axis: 1, 0..<1)
    // A comparison, so that neither infinity nor NaN comes through.
    return try graph.compare(.equal, column, column)
  }

  /// Zeros of the extent `dimension` along `axis`.
  private func zeros(_ dimension: Dimension, axis: Int, rank: Int) throws -> Value {
    let truth = try column(of: dimension)
    let zeros = try graph.multiply(graph.cast(truth, to: .float32), graph.constant([Float(0)], shape: [], name: "zero"))
    return try reshape(zeros, (0..<rank).map { $0 == axis ? dimension : 1 })
  }
}

/// The two axes become one, of which the diagonal is every (columns + 1)-th entry.
@Sendable private func diagonal(_ call: ATenCall) throws -> ProgramValue {
  let shape = call.type(try call.value("self")).shape
  let (first, second) = (
    try call.axis(call.int("dim1"), rank: shape.count), try call.axis(call.int("dim2"), rank: shape.count)
  )
  let offset = try call.int("offset")
  guard first != second, let rows = shape[first].constant, let columns = shape[second].constant, abs(offset) < 1 << 20,
    rows * columns <= 1 << 24
  else { throw call.unsupported("a diagonal of \(call.type(try call.value("self")))", expected: "two fixed axes") }
  let length = max(offset >= 0 ? min(rows, columns - offset) : min(rows + offset, columns), 0)
  let start = offset >= 0 ? offset : -offset * columns
  let places = (0..<length).map { start + $0 * (columns + 1) }
  let others = shape.indices.filter { $0 != first && $0 != second }
  let order = others + [first, second]
  let outer = others.map { shape[$0] }
  return try call.view(
    { writer, value in
      let merged = try writer.reshape(writer.transpose(value, order), outer + [Dimension(rows * columns)])
      let indices = writer.graph.constant(places.map(Int64.init), name: "diagonal")
      return try writer.graph.gather(merged, indices, axis: outer.count)
    },
    { writer, base, part in
      let merged = try writer.reshape(writer.transpose(base, order), outer + [Dimension(rows * columns)])
      let changed = try writer.replacing(merged, axis: outer.count, at: places, by: part)
      let split = try writer.reshape(changed, outer + [shape[first], shape[second]])
      return try writer.transpose(split, shape.indices.map { axis in order.firstIndex(of: axis) ?? axis })
    })
}

@Sendable private func reshapeOperator(_ call: ATenCall) throws -> ProgramValue {
  let name = call.operation.schema.parameters[1].name
  let count = call.type(try call.value("self")).count
  return try reshaped(call, call.completed(call.dimensions(name), count: count))
}

private func reshaped(_ call: ATenCall, _ shape: some Sequence<Dimension>) throws -> ProgramValue {
  let shape = Array(shape)
  let original = call.type(try call.value("self")).shape
  return try call.view({ try $0.reshape($1, shape) }, { try $0.reshape($2, original) })
}

private func squeezed(_ call: ATenCall, _ axes: [Int]) throws -> ProgramValue {
  let shape = call.type(try call.value("self")).shape
  let dropped = Set(
    try axes.map { try call.axis($0, rank: shape.count, allowsScalar: true) }
      .filter { shape.indices.contains($0) })
  for axis in dropped where shape[axis].constant == nil {
    throw ImportError.undecidable(what: "whether axis \(axis) of \(shape[axis]) is squeezed")
  }
  return try reshaped(call, shape.indices.filter { !(dropped.contains($0) && shape[$0] == 1) }.map { shape[$0] })
}

private func permuted(_ call: ATenCall, _ axes: [Int]) throws -> ProgramValue {
  let rank = call.type(try call.value("self")).rank
  let order = try axes.map { try call.axis($0, rank: rank) }
  guard order.sorted() == Array(0..<rank) else {
    throw call.unsupported("the order \(axes)", expected: "each of \(rank) axes once")
  }
  let inverse = (0..<rank).map { axis in order.firstIndex(of: axis) ?? axis }
  return try call.view({ try $0.transpose($1, order) }, { try $0.transpose($2, inverse) })
}

private func swapped(_ call: ATenCall, _ first: Int, _ second: Int) throws -> ProgramValue {
  let rank = call.type(try call.value("self")).rank
  var order = Array(0..<rank)
  if rank == 0 { return call.arguments[0] }
  order.swapAt(try call.axis(first, rank: rank), try call.axis(second, rank: rank))
  return try permuted(call, order)
}

private func moved(_ call: ATenCall, _ sources: [Int], _ destinations: [Int]) throws -> ProgramValue {
  let rank = call.type(try call.value("self")).rank
  let from = try sources.map { try call.axis($0, rank: rank) }
  let to = try destinations.map { try call.axis($0, rank: rank) }
  guard from.count == to.count, Set(from).count == from.count, Set(to).count == to.count else {
    throw call.unsupported("axes \(sources) are moved to \(destinations)")
  }
  var rest = (0..<rank).filter { !from.contains($0) }[...]
  let order = (0..<rank).map { place in to.firstIndex(of: place).map { from[$0] } ?? rest.removeFirst() }
  return try permuted(call, order)
}

/// -1 keeps an extent.
private func expanded(_ call: ATenCall, _ sizes: [Dimension]) throws -> ProgramValue {
  let shape = call.type(try call.value("self")).shape
  guard sizes.count >= shape.count else {
    throw call.unsupported("\(shape.count) axes are stretched to \(sizes.count)")
  }
  let missing = sizes.count - shape.count
  let target = sizes.enumerated().map { axis, size in size == -1 && axis >= missing ? shape[axis - missing] : size }
  return try call.view({ try $0.expand($1, target) }, nil)
}

private func fixedAxis(_ call: ATenCall) throws -> (Int, Int) {
  let input = try call.value("self")
  let axis = try call.axis("dim", of: input)
  guard let extent = call.type(input).shape[axis].constant else {
    throw ImportError.undecidable(what: "the number of parts of axis \(axis) of \(call.type(input))")
  }
  return (axis, extent)
}

private func parts(_ call: ATenCall, _ axis: Int, _ lengths: [Int]) throws -> ProgramValue {
  if lengths.count == 1 { return .list(ProgramList([call.arguments[0]])) }
  let base = try call.tensor("self")
  var start = 0
  let parts = zip(try call.graph.split(call.value("self"), axis: axis, lengths), lengths).map { part, length in
    let range = start..<start + length
    start += length
    let view = ProgramTensor.View(
      base: base, derive: { try $0.graph.slice($1, axis: axis, range) },
      writeBack: { try $0.replacing($1, axis: axis, range, by: $2) })
    return ProgramValue.tensor(ProgramTensor(part, view: view))
  }
  return .list(ProgramList(parts))
}
