import PythonSyntax
import Tensors

/// A value while a ``TensorExpression`` is computed.
enum TensorValue {
  case tensor(Tensor)
  case number(TensorNumber)
  /// A type, as an argument of `to`.
  case type(ElementType)
  /// A tuple or list of integers, as an argument for axes.
  case integers([Int])
}

/// A number of Python, or the only element of a tensor; PyTorch lets it take part in the type of a result only when it
/// is of a higher kind than the tensors.
enum TensorNumber {
  case bool(Bool)
  case int(Int)
  case double(Double)

  var kind: TensorKind {
    switch self {
    case .bool: .bool
    case .int: .int
    case .double: .float
    }
  }

  var double: Double {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): Double(value)
    case .double(let value): value
    }
  }

  var int: Int {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    case .double(let value): Int(saturating: value)
    }
  }
}

/// The kinds that PyTorch's type promotion orders; each has one type here.
enum TensorKind: Int, Comparable {
  case bool, int, float

  static func < (left: TensorKind, right: TensorKind) -> Bool { left.rawValue < right.rawValue }

  init(_ type: ElementType) {
    self = type == .bool ? .bool : type.isFloatingPoint ? .float : .int
  }

  var elementType: ElementType {
    switch self {
    case .bool: .bool
    case .int: .int64
    case .float: .float32
    }
  }
}

/// An element type by its name in Python: `torch.float32`, `torch.uint8`, `torch.long`.
struct ElementTypeName {
  let type: ElementType

  init?(_ expression: Expression) {
    let words = ["float": "float32", "long": "int64", "int": "int32", "short": "int16", "half": "float16"]
    guard let name = expression.dottedName, name.hasPrefix("torch.") else { return nil }
    let word = String(name.dropFirst("torch.".count))
    guard let type = ElementType(rawValue: words[word] ?? word) else { return nil }
    self.type = type
  }
}

/// One part of an index.
enum TensorIndex {
  case at(Int)
  /// The step is positive.
  case slice(Int?, Int?, step: Int)
  case list([Int])
  case ellipsis
  case newAxis

  init?(_ expression: Expression) {
    switch expression.kind {
    case .none: self = .newAxis
    case .ellipsis: self = .ellipsis
    case .slice(let lower, let upper, let step):
      let parts = [lower, upper, step].map { part in part.map(\.integer) }
      let stride = (parts[2] ?? nil) ?? 1
      guard !parts.contains(.some(nil)), stride > 0 else { return nil }
      self = .slice(parts[0] ?? nil, parts[1] ?? nil, step: stride)
    case .list(let items):
      guard let integers = Expression.integers(items), !items.isEmpty else { return nil }
      self = .list(integers)
    default:
      guard let integer = expression.integer else { return nil }
      self = .at(integer)
    }
  }

  /// Whether a slice goes backwards, which PyTorch's indexing doesn't.
  static func isBackward(_ expression: Expression) -> Bool {
    if case .slice(_, _, let step?) = expression.kind { step.integer.map { $0 < 0 } ?? false } else { false }
  }
}

extension Expression {
  /// The literal's value; nil for anything but an integer, with or without a sign.
  var integer: Int? {
    switch kind {
    case .integer(let value): value
    case .unary(.minus, let operand): operand.integer.flatMap { $0 == .min ? nil : -$0 }
    default: nil
    }
  }

  static func integers(_ items: [Expression]) -> [Int]? {
    let integers = items.compactMap(\.integer)
    return integers.count == items.count ? integers : nil
  }

  /// The integers of a tuple or list of them.
  var integers: [Int]? {
    switch kind {
    case .tuple(let items), .list(let items): Self.integers(items)
    default: nil
    }
  }
}

extension Tensor {
  /// The elements that `parts` name, as PyTorch's `tensor[parts]`.
  /// - Throws: ``TensorEvaluationError``.
  func indexed(_ parts: [TensorIndex]) throws -> Tensor {
    var result = self
    let taken = parts.reduce(0) { count, part in
      switch part {
      case .at, .slice, .list: count + 1
      case .ellipsis, .newAxis: count
      }
    }
    guard taken <= shape.rank else {
      throw TensorEvaluationError(what: "\(taken) indices for the shape \(shape)", expected: "one per axis at most")
    }
    var axis = 0
    for part in parts {
      switch part {
      case .ellipsis: axis += shape.rank - taken
      case .newAxis:
        result = try result.insertingAxis(axis)
        axis += 1
      case .at(let index):
        let place = try result.place(index, axis)
        result = try result.sliced(axis, place..<place + 1).removingAxis(axis)
      case .slice(let lower, let upper, let step):
        let extent = result.shape[axis]
        func bound(_ value: Int) -> Int { min(max(value < 0 ? value + extent : value, 0), extent) }
        let start = bound(lower ?? 0)
        result = try result.sliced(axis, start..<max(start, bound(upper ?? extent))).everyOther(step, axis)
        axis += 1
      case .list(let indices):
        let places = try indices.map { try result.place($0, axis) }
        result = result.picked(places, axis)
        axis += 1
      }
    }
    return result
  }

  private func place(_ index: Int, _ axis: Int) throws -> Int {
    let extent = shape[axis]
    guard (-extent..<extent).contains(index) else {
      throw TensorEvaluationError(
        what: "the index \(index) on an axis of \(extent)", expected: "an index from \(-extent) to \(extent - 1)")
    }
    return index < 0 ? index + extent : index
  }

  private func picked(_ places: [Int], _ axis: Int) -> Tensor {
    if places.count == 1 { return sliced(axis, places[0]..<places[0] + 1) }
    let source = movingAxis(axis, to: 0)
    var shape = source.shape
    shape[0] = places.count
    var result = Tensor(elementType, shape, isZeroed: false)
    result.withMutableBytes { target in
      for (index, place) in places.enumerated() {
        source.sliced(0, place..<place + 1).withUnsafeBytes { bytes in
          UnsafeMutableRawBufferPointer(rebasing: target[(index * bytes.count)...]).copyMemory(from: bytes)
        }
      }
    }
    return result.movingAxis(0, to: axis)
  }

  /// Each `step`-th element of one axis, from the first.
  private func everyOther(_ step: Int, _ axis: Int) throws -> Tensor {
    let extent = shape[axis]
    guard step > 1, extent > 1 else { return self }
    guard isAligned else { return try copy().everyOther(step, axis) }
    let step = min(step, extent)
    var shape = shape
    var strides = strides
    shape[axis] = (extent - 1) / step + 1
    strides[axis] *= step
    return try Tensor(
      storage: storage, elementType: elementType, shape: shape, strides: strides, byteOffset: byteOffset)
  }

  /// The axis that `dim` names, from the end where it is negative.
  /// - Throws: ``TensorEvaluationError`` when there is none; one number has the axis 0 in PyTorch.
  func axis(_ dim: Int, adding: Int = 0) throws -> Int {
    let rank = max(1, shape.rank + adding)
    guard (-rank..<rank).contains(dim), shape.rank + adding > 0 else {
      throw TensorEvaluationError(what: "the axis \(dim) of the shape \(shape)", expected: "an axis that it has")
    }
    return dim < 0 ? dim + rank : dim
  }

  func insertingAxis(_ axis: Int) throws -> Tensor {
    var dimensions = shape.dimensions
    var strides = strides
    dimensions.insert(1, at: axis)
    strides.insert(1, at: axis)
    return try Tensor(
      storage: storage, elementType: elementType, shape: Shape(dimensions), strides: strides, byteOffset: byteOffset)
  }
}
