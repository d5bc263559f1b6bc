import Foundation
import Graphs
import Tensors

/// Arithmetic and comparisons of plain numbers, and what is known of tensors without computing them.
let numberOperators: [ATenOperator] =
  [
    .any("size(Tensor self) -> int[]") { call in
      .list(ProgramList(try call.type(call.value("self")).shape.map { .int($0) }))
    },
    .any("size.int(Tensor self, int dim) -> int") { call in .int(try extent(call)) },
    .any("sym_size.int(Tensor self, int dim) -> int") { call in .int(try extent(call)) },
    .any("dim(Tensor self) -> int") { .int(try $0.type($0.value("self")).rank) },
    .any("numel(Tensor self) -> int") { .int(try $0.type($0.value("self")).count) },
    .any("sym_numel(Tensor self) -> int") { .int(try $0.type($0.value("self")).count) },
    .any("len.Tensor(Tensor t) -> int") { .int(try $0.type($0.value("t")).shape.first ?? 1) },
    .any("is_floating_point(Tensor self) -> bool") {
      .bool(try $0.type($0.value("self")).elementType.isFloatingPoint)
    },
    .any("is_complex(Tensor self) -> bool") { _ in .bool(false) },
    .any("is_grad_enabled() -> bool") { _ in .bool(false) },
    .any("is_autocast_enabled() -> bool") { _ in .bool(false) },
    .any("requires_grad(Tensor self) -> bool") { _ in .bool(false) },
    .any("item(Tensor self) -> Scalar") { try number($0, "self") },
    .any("Int.Tensor(Tensor a) -> int") { call in
      switch try number(call, "a") {
      case .int(let dimension): .int(dimension)
      case let other: .int(try integer(call, other.asDouble(call).rounded(.towardZero)))
      }
    },
    .any("Int.Scalar(Scalar a) -> int") { .int(try truncated($0)) },
    .any("Float.Tensor(Tensor a) -> float") { .double(try number($0, "a").asDouble($0)) },
    .any("Float.Scalar(Scalar a) -> float") { .double(try $0.double("a")) },
    .any("Bool.Tensor(Tensor a) -> bool") { .bool(try number($0, "a").asDouble($0) != 0) },
    .any("Bool.Scalar(Scalar a) -> bool") { .bool(try $0.double("a") != 0) },
    .any("ScalarImplicit(Tensor a) -> Scalar") { try number($0, "a") },
    .any("IntImplicit(Tensor a) -> int") { .int(try $0.dimension("a")) },
    .any("FloatImplicit(Tensor a) -> float") { .double(try number($0, "a").asDouble($0)) },
    .any("NumToTensor.Scalar(Scalar a) -> Tensor") { call in
      if case .int(let dimension) = try call.argument("a") { return call.symbol(dimension) }
      return call.result(call.scalar(try call.double("a"), .float32))
    },
    .any("scalar_tensor_int(int s) -> Tensor") { call in call.symbol(try call.dimension("s")) },
    // Integers, which may depend on the batch.
    .any("add.int(int a, int b) -> int") { .int(try $0.dimension("a").adding($0.dimension("b"))) },
    .any("sub.int(int a, int b) -> int") {
      .int(try $0.dimension("a").adding($0.dimension("b").multiplied(by: -1)))
    },
    .any("mul.int(int a, int b) -> int") { .int(try $0.dimension("a").multiplied(by: $0.dimension("b"))) },
    .any("floordiv.int(int a, int b) -> int") { .int(try $0.dimension("a").flooredDivided(by: $0.dimension("b"))) },
    .any("floor_divide.int(int a, int b) -> int") {
      .int(try $0.dimension("a").flooredDivided(by: $0.dimension("b")))
    },
    .any("remainder.int(int a, int b) -> int") { .int(try $0.dimension("a").remainder(by: $0.dimension("b"))) },
    .any("neg.int(int a) -> int") { .int(try $0.dimension("a").multiplied(by: -1)) },
    .any("abs.int(int a) -> int") { .int(abs(try $0.int("a"))) },
    .any("pow.int(int a, int b) -> float") {
      .double(Foundation.pow(Double(try $0.int("a")), Double(try $0.int("b"))))
    },
    .any("__range_length(int lo, int hi, int step) -> int") { call in
      let (lower, upper, step) = (try call.int("lo"), try call.int("hi"), try call.int("step"))
      guard step != 0, abs(lower) < 1 << 40, abs(upper) < 1 << 40 else { throw call.unsupported("the step is \(step)") }
      return .int(stride(from: lower, to: upper, by: step).underestimatedCount)
    },
    .any("__derive_index(int idx, int start, int step) -> int") { call in
      .int(try call.dimension("start").adding(call.dimension("idx").multiplied(by: call.dimension("step"))))
    },
    // Floating point.
    .any("add(Scalar a, Scalar b) -> Scalar") { .double(try $0.double("a") + $0.double("b")) },
    .any("sub(Scalar a, Scalar b) -> Scalar") { .double(try $0.double("a") - $0.double("b")) },
    .any("mul(Scalar a, Scalar b) -> Scalar") { .double(try $0.double("a") * $0.double("b")) },
    .any("div.int(Scalar a, Scalar b) -> float") { .double(try $0.double("a") / $0.double("b")) },
    .any("truediv(Scalar a, Scalar b) -> float") { .double(try $0.double("a") / $0.double("b")) },
    .any("floordiv(Scalar a, Scalar b) -> float") { .double((try $0.double("a") / $0.double("b")).rounded(.down)) },
    .any("remainder(Scalar a, Scalar b) -> Scalar") { call in
      let (a, b) = (try call.double("a"), try call.double("b"))
      return .double(a - b * (a / b).rounded(.down))
    },
    .any("neg.float(Scalar a) -> Scalar") { .double(-(try $0.double("a"))) },
    .any("abs.float(Scalar a) -> Scalar") { .double(abs(try $0.double("a"))) },
    .any("pow(Scalar a, Scalar b) -> float") { .double(Foundation.pow(try $0.double("a"), try $0.double("b"))) },
    .any("sqrt.float(Scalar a) -> float") { .double((try $0.double("a")).squareRoot()) },
    .any("exp.float(Scalar a) -> float") { .double(Foundation.exp(try $0.double("a"))) },
    .any("log.float(Scalar a) -> float") { .double(Foundation.log(try $0.double("a"))) },
    .any("floor.float(Scalar a) -> int") { .int(try integer($0, $0.double("a").rounded(.down))) },
    .any("ceil.float(Scalar a) -> int") { .int(try integer($0, $0.double("a").rounded(.up))) },
    .any("round.Scalar(Scalar a) -> float") { .double((try $0.double("a")).rounded(.toNearestOrEven)) },
    .any("isnan.float(float a) -> bool") { .bool(try $0.double("a").isNaN) },
    // Comparisons of anything but tensors.
    .any("eq.any(any a, any b) -> bool") { .bool(try equal($0)) },
    .any("ne.any(any a, any b) -> bool") { .bool(try !equal($0)) },
    .any("lt(Scalar a, Scalar b) -> bool") { .bool(try isLess($0, "a", "b")) },
    .any("gt(Scalar a, Scalar b) -> bool") { .bool(try isLess($0, "b", "a")) },
    .any("le(Scalar a, Scalar b) -> bool") { .bool(try !isLess($0, "b", "a")) },
    .any("ge(Scalar a, Scalar b) -> bool") { .bool(try !isLess($0, "a", "b")) },
    .any("__is__(any a, any b) -> bool") { .bool(try identical($0)) },
    .any("__isnot__(any a, any b) -> bool") { .bool(try !identical($0)) },
    .any("__not__(bool a) -> bool") { .bool(try !$0.bool("a")) },
    .any("__and__.bool(bool a, bool b) -> bool") {
      let (a, b) = (try $0.bool("a"), try $0.bool("b"))
      return .bool(a && b)
    },
    .any("__or__.bool(bool a, bool b) -> bool") {
      let (a, b) = (try $0.bool("a"), try $0.bool("b"))
      return .bool(a || b)
    },
    .any("__and__.int(int a, int b) -> int") { .int(try $0.int("a") & $0.int("b")) },
    .any("__or__.int(int a, int b) -> int") { .int(try $0.int("a") | $0.int("b")) },
    .any("__xor__.int(int a, int b) -> int") { .int(try $0.int("a") ^ $0.int("b")) },
    .any("__lshift__.int(int a, int b) -> int") { .int(try shifted($0, by: $0.int("b"))) },
    .any("__rshift__.int(int a, int b) -> int") { .int(try shifted($0, by: -$0.int("b"))) },
    .any("min.int(Scalar a, Scalar b) -> Scalar") { try isLess($0, "b", "a") ? $0.argument("b") : $0.argument("a") },
    .any("max.int(Scalar a, Scalar b) -> Scalar") { try isLess($0, "a", "b") ? $0.argument("b") : $0.argument("a") },
    .any("min.list(Scalar[] a) -> Scalar") { try extreme($0, isMinimum: true) },
    .any("max.list(Scalar[] a) -> Scalar") { try extreme($0, isMinimum: false) },
    // Texts, only ever shown in messages.
    .any("format(str self, ...) -> str") { call in
      var text = try call.string("self")
      for argument in call.arguments.dropFirst() {
        guard let place = text.range(of: "{}") else { break }
        text.replaceSubrange(place, with: argument.messageText)
      }
      return .string(String(text.prefix(2000)))
    },
    .any("str(any elem) -> str") { .string(String(try $0.argument("elem").messageText.prefix(2000))) },
    .any("add.str(str a, str b) -> str") { .string(String((try $0.string("a") + $0.string("b")).prefix(2000))) },
    .any("lower(str self) -> str") { .string(try $0.string("self").lowercased()) },
    .any("warn(any message, int stacklevel=2) -> ()") { _ in .none },
    .any("warn.category(any message, any category, int stacklevel=2) -> ()") { _ in .none },
    .any("print(...) -> ()") { _ in .none },
    // What `prim` says of tensors.
    .any("dtype(Tensor a) -> int") { call in
      .int(ScalarType.number(try call.type(call.value("a")).elementType))
    },
    .any("device(any a) -> Device") { _ in .device },
    // A device's kind. Where the network ran plays no part.
    .any("type(Device self) -> str") { _ in .string("cpu") },
    .any("device.with_index(any a, any index) -> Device") { _ in .device },
    .any("layout(Tensor a) -> Layout") { _ in .int(0) },
    .any("is_cuda(Tensor a) -> bool") { _ in .bool(false) },
    .any("shape(Tensor self) -> int[]") { call in
      .list(ProgramList(try call.type(call.value("self")).shape.map { .int($0) }))
    },
    .any("itemsize(Tensor a) -> int") { .int(try $0.type($0.value("a")).elementType.byteCount) },
    .any("element_size(Tensor self) -> int") { .int(try $0.type($0.value("self")).elementType.byteCount) },
    .any("stride(Tensor self) -> int[]") { call in
      let shape = call.type(try call.value("self")).shape
      let strides = shape.indices.map { axis in shape[(axis + 1)...].reduce(Graphs.Dimension(1), *) }
      return .list(ProgramList(strides.map { .int($0) }))
    },
    .any("sym_stride.int(Tensor self, int dim) -> int") { call in
      let shape = call.type(try call.value("self")).shape
      let axis = try call.axis(call.int("dim"), rank: shape.count)
      return .int(shape[(axis + 1)...].reduce(Graphs.Dimension(1), *))
    },
    .any("sym_storage_offset(Tensor self) -> int") { _ in .int(0) },
    .any("_local_scalar_dense(Tensor self) -> Scalar") { try number($0, "self") },
    .any("is_same_size(Tensor self, Tensor other) -> bool") { call in
      .bool(try call.type(call.value("self")).shape == call.type(call.value("other")).shape)
    },
    .any("is_nonzero(Tensor self) -> bool") { .bool(try number($0, "self").asDouble($0) != 0) },
    .any("equal(Tensor self, Tensor other) -> bool") { call in
      guard let a = call.writer.constant(try call.value("self")), let b = call.writer.constant(try call.value("other"))
      else { throw ImportError.dataDependent(what: "whether two tensors are equal") }
      return .bool(
        a.shape == b.shape
          && a.converted(to: .float64).array(of: Double.self) == b.converted(to: .float64).array(of: Double.self))
    },
    .any("manual_seed(any seed) -> ()") { _ in .none },
    .any("wait(any self) -> any") { $0.arguments[0] },
    .any("set_grad_enabled(bool val) -> ()") { _ in .none },
    .any("is_scripting() -> bool") { _ in .bool(true) },
    .any("is_tracing() -> bool") { _ in .bool(false) },
    .any("ndim(Tensor a) -> int") { .int(try $0.type($0.value("a")).rank) },
  ]
  + [
    "is_conj", "is_cpu", "is_inference", "is_ipu", "is_leaf", "is_meta", "is_mkldnn", "is_mps", "is_neg", "is_nested",
    "is_quantized", "is_sparse", "is_sparse_csr", "is_vulkan", "is_xla", "is_xpu",
  ].map { name in
    .any("\(name)(Tensor a) -> bool") { _ in .bool(name == "is_cpu" || name == "is_leaf") }
  }
  + [
    .any("startswith(str self, str substr, int start=0, int end=-1) -> bool") {
      .bool(try $0.string("self").hasPrefix($0.string("substr")))
    },
    .any("endswith(str self, str substr, int start=0, int end=-1) -> bool") {
      .bool(try $0.string("self").hasSuffix($0.string("substr")))
    },
    .any("upper(str self) -> str") { .string(try $0.string("self").uppercased()) },
    .any("__contains__.str(str a, str b) -> bool") { .bool(try $0.string("a").contains($0.string("b"))) },
  ]

private func extent(_ call: ATenCall) throws -> Graphs.Dimension {
  let shape = call.type(try call.value("self")).shape
  return shape[try call.axis(call.int("dim"), rank: shape.count)]
}

/// The number in a tensor of one element, which must be known.
private func number(_ call: ATenCall, _ name: String) throws -> ProgramValue {
  let tensor = try call.tensor(name)
  if let symbol = tensor.symbol { return .int(symbol) }
  guard let known = call.writer.constant(try tensor.value(call.writer)), known.count == 1 else {
    throw ImportError.dataDependent(what: "a number that is read from a tensor")
  }
  let value = known.converted(to: .float64).array(of: Double.self)[0]
  if known.elementType.isFloatingPoint { return .double(value) }
  return known.elementType == .bool ? .bool(value != 0) : .int(try integer(call, value))
}

extension ProgramValue {
  fileprivate func asDouble(_ call: ATenCall) throws -> Double {
    switch self {
    case .double(let number): return number
    case .bool(let flag): return flag ? 1 : 0
    case .int(let dimension):
      guard let number = dimension.constant else { throw ImportError.undecidable(what: "the number \(dimension)") }
      return Double(number)
    default: throw call.unsupported("a \(typeName) as a number")
    }
  }

  /// The value as Python would print it, in short.
  var messageText: String {
    switch self {
    case .none: "None"
    case .bool(let flag): flag ? "True" : "False"
    case .int(let dimension): "\(dimension)"
    case .double(let number): "\(number)"
    case .string(let text): text
    case .list, .tuple: "[\((items ?? []).prefix(16).map(\.messageText).joined(separator: ", "))]"
    default: "a \(typeName)"
    }
  }
}

private func integer(_ call: ATenCall, _ value: Double) throws -> Int {
  guard let number = Int(exactly: value) else { throw call.unsupported("the number \(value) as an integer") }
  return number
}

/// `a << b`, or `a >> -b`.
private func shifted(_ call: ATenCall, by distance: Int) throws -> Int {
  let number = try call.int("a")
  guard (-63...62).contains(distance), distance <= 0 || abs(number) < 1 << (62 - distance) else {
    throw call.unsupported("\(number) shifted by \(abs(distance))", expected: "a result of 64 bits")
  }
  return distance < 0 ? number >> -distance : number << distance
}

private func truncated(_ call: ATenCall) throws -> Graphs.Dimension {
  if case .int(let dimension) = try call.argument("a") { return dimension }
  return Dimension(try integer(call, call.double("a").rounded(.towardZero)))
}

private func equal(_ call: ATenCall) throws -> Bool {
  let (left, right) = (try call.argument("a"), try call.argument("b"))
  if case .int(let a) = left, case .int(let b) = right { return try a.isEqual(b) }
  if let a = left.items, let b = right.items, a.count == b.count {
    for (first, second) in zip(a, b) {
      if case .int(let x) = first, case .int(let y) = second {
        if try !x.isEqual(y) { return false }
      } else if !first.equals(second) {
        return false
      }
    }
    return true
  }
  return left.equals(right)
}

private func identical(_ call: ATenCall) throws -> Bool {
  switch (try call.argument("a"), try call.argument("b")) {
  case (.none, .none): true
  case (.none, _), (_, .none): false
  case (let a, let b): a.equals(b)
  }
}

private func isLess(_ call: ATenCall, _ first: String, _ second: String) throws -> Bool {
  if case .int(let a) = try call.argument(first), case .int(let b) = try call.argument(second) {
    return try a.isLess(than: b)
  }
  return try call.double(first) < call.double(second)
}

private func extreme(_ call: ATenCall, isMinimum: Bool) throws -> ProgramValue {
  let items = try call.argument("a").items ?? []
  guard var best = items.first else { throw call.unsupported("an empty list") }
  for item in items.dropFirst() {
    let (a, b) = (try item.asDouble(call), try best.asDouble(call))
    if isMinimum ? a < b : a > b { best = item }
  }
  return best
}
