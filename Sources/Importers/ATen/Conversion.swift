import Graphs
import Tensors

/// Conversions of element types. Devices and layouts play no part in a graph.
let conversionOperators: [ATenOperator] =
  [
    .any(
      """
      to.dtype(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, \
      MemoryFormat? memory_format=None) -> Tensor
      """
    ) { try converted($0, $0.elementType("dtype")) },
    .any(
      """
      to.device(Tensor self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, \
      MemoryFormat? memory_format=None) -> Tensor
      """
    ) { try converted($0, $0.elementType("dtype")) },
    .any(
      """
      to.dtype_layout(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, bool non_blocking=False, bool copy=False, \
      MemoryFormat? memory_format=None) -> Tensor
      """
    ) { try converted($0, $0.elementType("dtype")) },
    .any(
      "to.other(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, int? memory_format=None) -> Tensor"
    ) {
      try converted($0, $0.type($0.value("other")).elementType)
    },
    .any(
      """
      to.prim_Device(Tensor self, Device? device, int? dtype=None, bool non_blocking=False, \
      bool copy=False) -> Tensor
      """
    ) { try converted($0, $0.elementType("dtype")) },
    .any("to.prim_dtype(Tensor self, int? dtype=None, bool non_blocking=False, bool copy=False) -> Tensor") {
      try converted($0, $0.elementType("dtype"))
    },
    .any(
      """
      _to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, \
      bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor
      """
    ) { try converted($0, $0.elementType("dtype")) },
    .any("type_as(Tensor self, Tensor other) -> Tensor") { try converted($0, $0.type($0.value("other")).elementType) },
    .any("lift(Tensor self) -> Tensor") { $0.arguments[0] },
    .any("as_tensor(any data, *, ScalarType? dtype=None, Device? device=None) -> Tensor", tensorOfNumbers),
    .any(
      "tensor(any data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor",
      tensorOfNumbers),
    .any(
      """
      _assert_tensor_metadata(Tensor a, SymInt[]? size=None, SymInt[]? stride=None, ScalarType? dtype=None, \
      *, Device? device=None, Layout? layout=None) -> ()
      """
    ) { _ in .none },
    .any("_assert_async(any self, any message=None) -> ()") { _ in .none },
    .any("_assert_scalar(any self, str assert_msg) -> ()") { _ in .none },
    .any("sym_constrain_range_for_size(any size, *, int? min=None, int? max=None) -> ()") { _ in .none },
    .any("sym_constrain_range(any size, *, int? min=None, int? max=None) -> ()") { _ in .none },
  ]
  + [
    ("float", ElementType.float32), ("double", .float64), ("half", .float16), ("bfloat16", .bfloat16),
    ("int", .int32), ("long", .int64), ("bool", .bool),
  ].map { name, type in
    .any("\(name)(Tensor self) -> Tensor") { try converted($0, type) }
  }
  + [
    "cpu(Tensor self) -> Tensor", "cuda(Tensor self, any device=None) -> Tensor",
    // What optimize_for_inference puts around fused convolutions.
    "to_mkldnn(Tensor self, ScalarType? dtype=None) -> Tensor",
    "to_dense(Tensor self, ScalarType? dtype=None) -> Tensor",
  ].map(ATenOperator.identity)

private func converted(_ call: ATenCall, _ type: ElementType?) throws -> ProgramValue {
  guard let type else { return call.arguments[0] }
  let tensor = try call.tensor("self")
  if tensor.symbol != nil, !type.isFloatingPoint, type != .bool { return call.arguments[0] }
  let value = try tensor.value(call.writer)
  if call.type(value).elementType == type { return call.arguments[0] }
  return call.result(try call.graph.cast(value, to: type))
}

/// `torch.tensor` of a number or of nested lists of them.
@Sendable private func tensorOfNumbers(_ call: ATenCall) throws -> ProgramValue {
  let data = try call.argument("data")
  if case .tensor = data { return data }
  if case .int(let dimension) = data, dimension.constant == nil { return call.symbol(dimension) }
  var shape: [Int] = []
  var numbers: [Double] = []
  var type = ElementType.bool
  func read(_ value: ProgramValue, depth: Int) throws {
    if let items = value.items {
      if depth == shape.count { shape.append(items.count) }
      guard depth < 16, shape[depth] == items.count else { throw call.unsupported("lists of different lengths") }
      for item in items { try read(item, depth: depth + 1) }
      return
    }
    switch value {
    case .bool(let flag): numbers.append(flag ? 1 : 0)
    case .int(let dimension):
      guard let number = dimension.constant else {
        throw ImportError.undecidable(what: "a tensor that holds the number \(dimension)")
      }
      if type == .bool { type = .int64 }
      numbers.append(Double(number))
    case .double(let number):
      type = .float32
      numbers.append(number)
    default: throw call.unsupported("a tensor of \(value.typeName)", expected: "numbers")
    }
  }
  try read(data, depth: 0)
  guard shape.reduce(1, *) == numbers.count else { throw call.unsupported("lists of different lengths") }
  let wanted = try call.elementType("dtype") ?? type
  return call.result(call.graph.constant(Tensor(numbers, Shape(shape)).converted(to: wanted), name: "tensor"))
}
