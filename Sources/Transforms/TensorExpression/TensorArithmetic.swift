import PythonSyntax
import Tensors

/// Elementwise operators and functions of two operands, with PyTorch's type promotion and broadcasting.
enum TensorArithmetic {
  static let operators: Set<Expression.BinaryOperator> = [
    .add, .subtract, .multiply, .divide, .bitAnd, .bitOr, .bitXor,
  ]
  static let comparators: Set<Expression.Comparator> = [
    .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual,
  ]

  static func binary(
    _ binary: Expression.BinaryOperator, _ left: TensorValue, _ right: TensorValue
  ) throws -> TensorValue {
    if case .number(let a) = left, case .number(let b) = right { return .number(try numbers(binary, a, b)) }
    let pair = try OperandPair(left, right)
    switch binary {
    case .divide: return .tensor(pair.floats { $0 / $1 })
    case .bitAnd, .bitOr, .bitXor: return try bitwise(binary, pair)
    default: break
    }
    try pair.requireWideTypes(binary.rawValue)
    switch (binary, pair.kind) {
    case (.add, .float): return .tensor(pair.floats { $0 + $1 })
    case (.subtract, .float): return .tensor(pair.floats { $0 - $1 })
    case (.multiply, .float): return .tensor(pair.floats { $0 * $1 })
    case (.add, .int): return .tensor(pair.integers { $0 &+ $1 })
    case (.subtract, .int): return .tensor(pair.integers { $0 &- $1 })
    case (.multiply, .int): return .tensor(pair.integers { $0 &* $1 })
    case (.add, .bool): return .tensor(pair.booleans { $0 || $1 })
    case (.multiply, .bool): return .tensor(pair.booleans { $0 && $1 })
    default:
      throw TensorEvaluationError(
        what: "'\(binary.rawValue)' on masks", expected: "numbers; .float() makes them of a mask")
    }
  }

  /// Numbers alone, as Python computes them.
  private static func numbers(
    _ binary: Expression.BinaryOperator, _ left: TensorNumber, _ right: TensorNumber
  ) throws -> TensorNumber {
    let overflow = TensorEvaluationError(what: "an integer that doesn't fit in 64 bits", expected: "smaller numbers")
    if left.kind < .float, right.kind < .float {
      let (a, b) = (left.int, right.int)
      let result: (partialValue: Int, overflow: Bool)? =
        switch binary {
        case .add: a.addingReportingOverflow(b)
        case .subtract: a.subtractingReportingOverflow(b)
        case .multiply: a.multipliedReportingOverflow(by: b)
        default: nil
        }
      if let result {
        guard !result.overflow else { throw overflow }
        return .int(result.partialValue)
      }
    }
    switch binary {
    case .add: return .double(left.double + right.double)
    case .subtract: return .double(left.double - right.double)
    case .multiply: return .double(left.double * right.double)
    case .divide where right.double != 0: return .double(left.double / right.double)
    default:
      throw TensorEvaluationError(what: "'\(binary.rawValue)' of these numbers", expected: "'+', '-', '*' or '/'")
    }
  }

  private static func bitwise(_ binary: Expression.BinaryOperator, _ pair: OperandPair) throws -> TensorValue {
    if pair.kind == .float {
      throw TensorEvaluationError(what: "'\(binary.rawValue)' on floats", expected: "masks, such as x > 0")
    }
    if pair.kind == .bool {
      return .tensor(
        pair.booleans { a, b in
          switch binary {
          case .bitAnd: a && b
          case .bitOr: a || b
          default: a != b
          }
        })
    }
    try pair.requireWideTypes(binary.rawValue)
    return .tensor(
      pair.integers { a, b in
        switch binary {
        case .bitAnd: a & b
        case .bitOr: a | b
        default: a ^ b
        }
      })
  }

  static func compare(
    _ comparator: Expression.Comparator, _ left: TensorValue, _ right: TensorValue
  ) throws -> TensorValue {
    let pair = try OperandPair(left, right)
    func result<Element: Comparable & TensorElement>(_ type: Element.Type) -> Tensor {
      switch comparator {
      case .equal: pair.compare(type) { $0 == $1 }
      case .notEqual: pair.compare(type) { $0 != $1 }
      case .less: pair.compare(type) { $0 < $1 }
      case .lessOrEqual: pair.compare(type) { $0 <= $1 }
      case .greater: pair.compare(type) { $0 > $1 }
      default: pair.compare(type) { $0 >= $1 }
      }
    }
    return .tensor(pair.kind == .float ? result(Float.self) : result(Int64.self))
  }

  /// `torch.where`: elements of `left` where `condition` holds, else of `right`.
  static func choose(_ condition: TensorValue, _ left: TensorValue, _ right: TensorValue) throws -> TensorValue {
    guard case .tensor(let mask) = condition, mask.elementType == .bool else {
      throw TensorEvaluationError(what: "torch.where without a mask", expected: "a condition such as x > 0")
    }
    let kind = max(try OperandPair.kind(of: left), try OperandPair.kind(of: right))
    var shape = mask.shape
    for case .tensor(let tensor) in [left, right] { shape = try OperandPair.broadcast(shape, tensor.shape) }
    let flags = mask.expanded(to: shape).contiguous()
    func chosen<Element: TensorElement>(_ type: Element.Type) -> Tensor {
      let a = OperandPair.elements(left, kind, shape)
      let b = OperandPair.elements(right, kind, shape)
      var result = Tensor(kind.elementType, shape, isZeroed: false)
      result.withMutableElements(of: Element.self) { target in
        let target = Shared(target)
        flags.withElements(of: UInt8.self) { flags in
          let flags = Shared(flags)
          a.withElements(of: Element.self) { a in
            let a = Shared(a)
            b.withElements(of: Element.self) { b in
              let b = Shared(b)
              let (stepA, stepB) = (a.value.count == 1 ? 0 : 1, b.value.count == 1 ? 0 : 1)
              Parallel.forEach(target.value.count, grain: 1 << 16) { range in
                for place in range {
                  target.value[place] = flags.value[place] != 0 ? a.value[place * stepA] : b.value[place * stepB]
                }
              }
            }
          }
        }
      }
      return result
    }
    switch kind {
    case .float: return .tensor(chosen(Float.self))
    case .int: return .tensor(chosen(Int64.self))
    case .bool: return .tensor(chosen(UInt8.self))
    }
  }
}

/// Two operands of an elementwise operation.
struct OperandPair {
  let kind: TensorKind
  let shape: Shape
  private let left: TensorValue
  private let right: TensorValue

  /// - Throws: ``TensorEvaluationError`` when they don't fit together.
  init(_ left: TensorValue, _ right: TensorValue) throws {
    kind = max(try Self.kind(of: left), try Self.kind(of: right))
    switch (left, right) {
    case (.tensor(let a), .tensor(let b)): shape = try Self.broadcast(a.shape, b.shape)
    case (.tensor(let a), _), (_, .tensor(let a)): shape = a.shape
    default: throw TensorEvaluationError(what: "an operation on numbers alone", expected: "a tensor")
    }
    self.left = left
    self.right = right
  }

  static func kind(of value: TensorValue) throws -> TensorKind {
    switch value {
    case .tensor(let tensor): return TensorKind(tensor.elementType)
    case .number(let number): return number.kind
    case .type, .integers:
      throw TensorEvaluationError(what: "no number as an operand", expected: "a tensor or a number")
    }
  }

  /// The common shape, with extents of 1 stretched.
  static func broadcast(_ left: Shape, _ right: Shape) throws -> Shape {
    let rank = max(left.rank, right.rank)
    let a = Array(repeating: 1, count: rank - left.rank) + left.dimensions
    let b = Array(repeating: 1, count: rank - right.rank) + right.dimensions
    return Shape(
      try zip(a, b).map { x, y in
        guard x == y || x == 1 || y == 1 else {
          throw TensorEvaluationError(what: "tensors of the shapes \(left) and \(right)", expected: "shapes that fit")
        }
        return x == 1 ? y : x
      })
  }

  /// Narrow integers wrap around in PyTorch; the result would need their type.
  func requireWideTypes(_ operation: String) throws {
    for case .tensor(let tensor) in [left, right]
    where ![.bool, .int64, .float32].contains(tensor.elementType) && TensorKind(tensor.elementType) == .int {
      throw TensorEvaluationError(
        what: "'\(operation)' on \(tensor.elementType)", expected: "float32 or int64; .float() makes the former")
    }
  }

  /// The elements as the type of `kind`, in `shape`; a number is one element.
  static func elements(_ value: TensorValue, _ kind: TensorKind, _ shape: Shape) -> Tensor {
    switch value {
    case .tensor(let tensor): return tensor.converted(to: kind.elementType).expanded(to: shape).contiguous()
    case .number(let number):
      switch kind {
      case .float: return Tensor([Float(number.double)], [1])
      case .int: return Tensor([Int64(number.int)], [1])
      case .bool: return Tensor([UInt8(number.int != 0 ? 1 : 0)], [1]).converted(to: .bool)
      }
    case .type, .integers: return Tensor(kind.elementType, [1])
    }
  }

  private func map<Element: TensorElement, Result: TensorElement>(
    _ kind: TensorKind, to type: ElementType, _: Element.Type, _ body: @Sendable (Element, Element) -> Result
  ) -> Tensor {
    let a = Self.elements(left, kind, shape)
    let b = Self.elements(right, kind, shape)
    var result = Tensor(type, shape, isZeroed: false)
    result.withMutableElements(of: Result.self) { target in
      let target = Shared(target)
      a.withElements(of: Element.self) { a in
        let a = Shared(a)
        b.withElements(of: Element.self) { b in
          let b = Shared(b)
          let (stepA, stepB) = (a.value.count == 1 ? 0 : 1, b.value.count == 1 ? 0 : 1)
          Parallel.forEach(target.value.count, grain: 1 << 16) { range in
            for place in range { target.value[place] = body(a.value[place * stepA], b.value[place * stepB]) }
          }
        }
      }
    }
    return result
  }

  func floats(_ body: @Sendable (Float, Float) -> Float) -> Tensor { map(.float, to: .float32, Float.self, body) }
  func integers(_ body: @Sendable (Int64, Int64) -> Int64) -> Tensor { map(.int, to: .int64, Int64.self, body) }

  func booleans(_ body: @Sendable (Bool, Bool) -> Bool) -> Tensor {
    map(.bool, to: .bool, UInt8.self) { body($0 != 0, $1 != 0) ? UInt8(1) : 0 }
  }

  /// As mask; `Element` is that of `kind`, where masks count as integers.
  func compare<Element: Comparable & TensorElement>(
    _ type: Element.Type, _ body: @Sendable (Element, Element) -> Bool
  ) -> Tensor {
    map(kind == .float ? .float : .int, to: .bool, type) { body($0, $1) ? UInt8(1) : 0 }
  }
}
