import Graphs
import Tensors

/// One call of an operator: its arguments by their schema's names.
struct ATenCall {
  let writer: ProgramWriter
  let operation: ATenOperator
  /// In the schema's order, defaults filled in.
  let arguments: [ProgramValue]

  var graph: Graph {
    get { writer.graph }
    nonmutating _modify { yield &writer.graph }
  }

  func unsupported(_ reason: String, expected: String? = nil) -> ImportError {
    .unsupported(operator: "aten::\(operation.name)", reason: reason, expected: expected)
  }

  // MARK: Arguments

  func argument(_ name: String) throws -> ProgramValue {
    guard let index = operation.schema.parameters.firstIndex(where: { $0.name == name }), index < arguments.count else {
      throw unsupported("the lowering asks for '\(name)', which the schema doesn't have")
    }
    return arguments[index]
  }

  private func wrong(_ name: String, _ value: ProgramValue, _ expected: String) -> ImportError {
    unsupported("'\(name)' is a \(value.typeName)", expected: expected)
  }

  func isNone(_ name: String) throws -> Bool {
    if case .none = try argument(name) { true } else { false }
  }

  func tensor(_ name: String) throws -> ProgramTensor {
    let value = try argument(name)
    guard case .tensor(let tensor) = value else { throw wrong(name, value, "a tensor") }
    return tensor
  }

  /// The graph's value of a tensor.
  func value(_ name: String) throws -> Value { try tensor(name).value(writer) }

  func optionalValue(_ name: String) throws -> Value? { try isNone(name) ? nil : try value(name) }

  /// The tensor's elements, which must be known.
  func constant(_ name: String) throws -> Tensor {
    guard let tensor = writer.constant(try value(name)) else {
      throw unsupported("'\(name)' is computed from the network's input", expected: "a constant")
    }
    return tensor
  }

  func values(_ name: String) throws -> [Value] {
    let list = try argument(name)
    guard let items = list.items else { throw wrong(name, list, "a list of tensors") }
    return try items.map { item in
      guard case .tensor(let tensor) = item else { throw wrong(name, item, "a list of tensors") }
      return try tensor.value(writer)
    }
  }

  func type(_ value: Value) -> TensorType { writer.type(of: value) }

  func bool(_ name: String) throws -> Bool {
    let value = try argument(name)
    switch value {
    case .bool(let flag): return flag
    case .int(let number) where number.constant != nil: return number.constant != 0
    default: throw wrong(name, value, "a bool")
    }
  }

  func string(_ name: String) throws -> String {
    let value = try argument(name)
    guard case .string(let text) = value else { throw wrong(name, value, "a string") }
    return text
  }

  /// An integer that may depend on the batch.
  func dimension(_ name: String) throws -> Dimension { try Self.dimension(try argument(name), name, self) }

  private static func dimension(_ value: ProgramValue, _ name: String, _ call: ATenCall) throws -> Dimension {
    switch value {
    case .int(let dimension): return dimension
    case .bool(let flag): return flag ? 1 : 0
    case .tensor(let tensor):
      if let symbol = tensor.symbol { return symbol }
      if let known = call.writer.constant(try tensor.value(call.writer)), known.count == 1,
        !known.elementType.isFloatingPoint
      {
        return Dimension(Int(known.converted(to: .int64).array(of: Int64.self)[0]))
      }
      throw ImportError.dataDependent(what: "'\(name)' of \(call.operation.name)")
    default: throw call.wrong(name, value, "an integer")
    }
  }

  /// An integer that is the same for every batch.
  func int(_ name: String) throws -> Int {
    let dimension = try dimension(name)
    guard let number = dimension.constant else {
      throw ImportError.undecidable(what: "'\(name)' of \(operation.name), \(dimension),")
    }
    return number
  }

  func optionalInt(_ name: String) throws -> Int? { try isNone(name) ? nil : try int(name) }

  func dimensions(_ name: String) throws -> [Dimension] {
    let value = try argument(name)
    guard let items = value.items else { return [try dimension(name)] }
    return try items.map { try Self.dimension($0, name, self) }
  }

  /// Integers that are the same for every batch.
  func ints(_ name: String) throws -> [Int] {
    try dimensions(name).map { dimension in
      guard let number = dimension.constant else {
        throw ImportError.undecidable(what: "'\(name)' of \(operation.name), \(dimension),")
      }
      return number
    }
  }

  func optionalInts(_ name: String) throws -> [Int]? { try isNone(name) ? nil : try ints(name) }

  /// One integer for each of `count` axes, where one may stand for all; an empty list is `fallback`.
  func ints(_ name: String, count: Int, fallback: [Int]? = nil) throws -> [Int] {
    let numbers = try ints(name)
    if numbers.isEmpty, let fallback { return fallback }
    if numbers.count == 1 { return Array(repeating: numbers[0], count: count) }
    guard numbers.count == count else { throw unsupported("'\(name)' is \(numbers)", expected: "\(count) numbers") }
    return numbers
  }

  func double(_ name: String) throws -> Double { try double(of: try argument(name), name) }

  /// A number that is known, as floating point.
  func double(of value: ProgramValue, _ name: String = "a number") throws -> Double {
    switch value {
    case .double(let number): return number
    case .bool(let flag): return flag ? 1 : 0
    case .int(let number):
      guard let constant = number.constant else {
        throw ImportError.undecidable(what: "'\(name)' of \(operation.name), \(number),")
      }
      return Double(constant)
    case .tensor(let tensor):
      if let symbol = tensor.symbol { return try double(of: .int(symbol), name) }
      guard let known = writer.constant(try tensor.value(writer)), known.count == 1 else {
        throw ImportError.dataDependent(what: "'\(name)' of \(operation.name)")
      }
      return known.converted(to: .float64).array(of: Double.self)[0]
    default: throw wrong(name, value, "a number")
    }
  }

  func float(_ name: String) throws -> Float { Float(try double(name)) }

  func optionalDouble(_ name: String) throws -> Double? { try isNone(name) ? nil : try double(name) }

  func doubles(_ name: String) throws -> [Double] {
    let list = try argument(name)
    return try (list.items ?? [list]).map { item in
      switch item {
      case .double(let number): return number
      case .int(let number) where number.constant != nil: return Double(number.constant ?? 0)
      default: throw wrong(name, item, "numbers")
      }
    }
  }

  /// PyTorch's number of an element type; nil for None.
  func elementType(_ name: String) throws -> ElementType? {
    guard let number = try optionalInt(name) else { return nil }
    guard let type = ScalarType.elementType(number) else {
      throw unsupported("the element type is \(ScalarType.name(number))", expected: "a real type")
    }
    return type
  }

  // MARK: Axes

  /// `axis` of a tensor of `rank` axes, counted from the front.
  /// - Parameter allowsScalar: Whether a tensor without axes has the axis 0, as it has for some of PyTorch's operators.
  func axis(_ axis: Int, rank: Int, allowsScalar: Bool = false) throws -> Int {
    let rank = allowsScalar ? max(rank, 1) : rank
    guard (-rank..<rank).contains(axis) else {
      throw unsupported("axis \(axis) of a tensor of \(rank) axes", expected: "an axis that it has")
    }
    return axis < 0 ? axis + rank : axis
  }

  /// The parameter `name` as an axis of `value`.
  func axis(_ name: String, of value: Value) throws -> Int { try axis(try int(name), rank: type(value).rank) }

  // MARK: Building

  /// A scalar constant of an element type.
  func scalar(_ number: Double, _ type: ElementType) -> Value {
    graph.constant(Tensor([number], []).converted(to: type), name: "scalar")
  }

  /// A tensor made of `value`.
  func result(_ value: Value) -> ProgramValue { .tensor(ProgramTensor(value)) }

  func result(_ values: [Value]) -> ProgramValue { .list(ProgramList(values.map { .tensor(ProgramTensor($0)) })) }
}

/// PyTorch's numbers for element types (`c10/core/ScalarType.h`).
enum ScalarType {
  private static let types: [ElementType] = [.uint8, .int8, .int16, .int32, .int64, .float16, .float32, .float64]

  static func elementType(_ number: Int) -> ElementType? {
    switch number {
    case 0..<types.count: types[number]
    case 11: .bool
    case 15: .bfloat16
    case 27: .uint16
    case 28: .uint32
    case 29: .uint64
    default: nil
    }
  }

  static func number(_ type: ElementType) -> Int {
    if let index = types.firstIndex(of: type) { return index }
    return switch type {
    case .bool: 11
    case .bfloat16: 15
    case .uint16: 27
    case .uint32: 28
    default: 29
    }
  }

  static func name(_ number: Int) -> String {
    [8: "complex32", 9: "complex64", 10: "complex128", 12: "qint8", 13: "quint8", 14: "qint32"][number]
      ?? "number \(number)"
  }
}
