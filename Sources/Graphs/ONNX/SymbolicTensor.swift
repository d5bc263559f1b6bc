import Tensors

/// A small tensor whose elements are known while the graph is read, though they may depend on the batch: a shape, an
/// axis, a scale. Exporters compute these with nodes; here they are computed on reading, and leave no node.
struct SymbolicTensor {
  enum Element: Equatable {
    case integer(Dimension)
    case real(Double)
  }

  var elementType: ElementType
  var shape: [Int]
  var elements: [Element]

  /// Tensors with more elements are data.
  static let limit = 4096

  init(_ elementType: ElementType, _ shape: [Int], _ elements: [Element]) {
    self.elementType = elementType
    self.shape = shape
    self.elements = elements
  }

  /// A list of extents.
  init(_ dimensions: [Dimension]) {
    self.init(.int64, [dimensions.count], dimensions.map { .integer($0) })
  }

  /// The elements of a small tensor at hand; nil for large ones.
  init?(_ tensor: Tensor) {
    guard tensor.count <= Self.limit, tensor.elementType != .uint64 else { return nil }
    if tensor.elementType.isFloatingPoint {
      let values = tensor.converted(to: .float64).array(of: Double.self)
      self.init(tensor.elementType, tensor.shape.dimensions, values.map { .real($0) })
    } else {
      let values = tensor.converted(to: .int64).array(of: Int64.self)
      self.init(tensor.elementType, tensor.shape.dimensions, values.map { .integer(Dimension(Int($0))) })
    }
  }

  /// The tensor itself, when no symbol is in it.
  var tensor: Tensor? {
    if elementType.isFloatingPoint {
      let values = elements.compactMap { if case .real(let value) = $0 { value } else { nil } }
      guard values.count == elements.count else { return nil }
      return Tensor(values, Shape(shape)).converted(to: elementType)
    }
    guard let values = integers else { return nil }
    return Tensor(values.map(Int64.init), Shape(shape)).converted(to: elementType)
  }

  /// The elements as extents; nil for floating-point ones.
  var dimensions: [Dimension]? {
    let values = elements.compactMap { if case .integer(let value) = $0 { value } else { nil } }
    return values.count == elements.count ? values : nil
  }

  /// The elements as numbers; nil when a symbol is in one.
  var integers: [Int]? {
    guard let dimensions else { return nil }
    let values = dimensions.compactMap(\.constant)
    return values.count == dimensions.count ? values : nil
  }

  /// The only element.
  var scalar: Element? { elements.count == 1 ? elements[0] : nil }
}

// MARK: Arithmetic

extension SymbolicTensor {
  typealias Attributes = [String: ONNXAttributeMessage]

  /// The results of an operator on small tensors; nil when it isn't one of shape arithmetic, or can't be computed for
  /// every batch.
  static func evaluate(_ name: String, _ inputs: [SymbolicTensor?], _ attributes: Attributes) -> SymbolicTensor? {
    guard let first = inputs.first ?? nil, first.isCalculable else { return nil }
    switch name {
    case "Identity": return first
    case "Cast": return first.cast(attributes)
    case "Relu", "Neg", "Abs", "Floor", "Ceil", "Round", "Sqrt", "Not", "Reciprocal": return first.unary(name)
    case "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin":
      return first.reduced(name, axes: inputs.count > 1 ? inputs[1] : nil, attributes)
    case "Concat":
      let parts = inputs.compactMap(\.self)
      guard parts.count == inputs.count, parts.allSatisfy({ $0.shape.count == 1 }) else { return nil }
      return SymbolicTensor(
        first.elementType, [parts.reduce(0) { $0 + $1.elements.count }], parts.flatMap(\.elements))
    case "Where":
      guard inputs.count == 3, let yes = inputs[1], let no = inputs[2] else { return nil }
      return first.selected(yes, no)
    default:
      guard inputs.count == 2, let second = inputs[1] else { return nil }
      if name == "Gather" { return first.gathered(second, attributes) }
      return first.binary(name, second)
    }
  }

  /// Narrow integers wrap around, which extents don't.
  private var isCalculable: Bool {
    elementType.isFloatingPoint || [.int64, .int32, .bool].contains(elementType)
  }

  private func cast(_ attributes: Attributes) -> SymbolicTensor? {
    guard case .int(let number)? = attributes["to"], let target = ElementType(onnxNumber: number) else { return nil }
    var result = self
    result.elementType = target
    if target.isFloatingPoint == elementType.isFloatingPoint, target != .bool {
      return target.byteCount >= elementType.byteCount
        ? result : tensor.flatMap { SymbolicTensor($0.converted(to: target)) }
    }
    // A shape that depends on the batch stays a shape only among the integers.
    return tensor.flatMap { SymbolicTensor($0.converted(to: target)) }
  }

  private func unary(_ name: String) -> SymbolicTensor? {
    var result = self
    for (index, element) in elements.enumerated() {
      switch (element, name) {
      case (.integer(let value), "Neg"):
        guard value.magnitude <= Self.largest else { return nil }
        result.elements[index] = .integer(value * -1)
      case (.integer(let value), "Not"):
        guard let number = value.constant else { return nil }
        result.elements[index] = .integer(number == 0 ? 1 : 0)
      case (.integer(let value), "Abs"):
        guard let number = value.constant, value.magnitude <= Self.largest else { return nil }
        result.elements[index] = .integer(Dimension(abs(number)))
      case (.real(let value), "Relu"): result.elements[index] = .real(max(value, 0))
      case (.real(let value), "Neg"): result.elements[index] = .real(-value)
      case (.real(let value), "Abs"): result.elements[index] = .real(abs(value))
      case (.real(let value), "Floor"): result.elements[index] = .real(value.rounded(.down))
      case (.real(let value), "Ceil"): result.elements[index] = .real(value.rounded(.up))
      case (.real(let value), "Round"): result.elements[index] = .real(value.rounded(.toNearestOrEven))
      case (.real(let value), "Sqrt"): result.elements[index] = rounded(value.squareRoot())
      case (.real(let value), "Reciprocal"): result.elements[index] = rounded(1 / value)
      default: return nil
      }
    }
    return result
  }

  /// A floating-point element of this type's precision.
  private func rounded(_ value: Double) -> Element { .real(elementType == .float64 ? value : Double(Float(value))) }

  private func reduced(_ name: String, axes: SymbolicTensor?, _ attributes: Attributes) -> SymbolicTensor? {
    // Of lists only: whole shapes are what exporters reduce.
    guard shape.count == 1, let values = dimensions, !values.isEmpty,
      axes?.integers.map({ $0 == [0] || $0 == [-1] }) ?? true
    else { return nil }
    let result: Dimension
    switch name {
    case "ReduceProd", "ReduceSum":
      let operation = name == "ReduceProd" ? "Mul" : "Add"
      let total = values.dropFirst().reduce(Optional(values[0])) { sum, value in
        sum.flatMap { Self.combine(operation, $0, value) }
      }
      guard let total else { return nil }
      result = total
    default:
      guard let numbers = integers, let extreme = name == "ReduceMax" ? numbers.max() : numbers.min() else {
        return nil
      }
      result = Dimension(extreme)
    }
    if case .int(0)? = attributes["keepdims"] { return SymbolicTensor(elementType, [], [.integer(result)]) }
    return SymbolicTensor(elementType, [1], [.integer(result)])
  }

  private func gathered(_ indices: SymbolicTensor, _ attributes: Attributes) -> SymbolicTensor? {
    var axis = 0
    if case .int(let number)? = attributes["axis"] { axis = number < 0 ? number + shape.count : number }
    guard shape.indices.contains(axis), let places = indices.integers else { return nil }
    let counted = places.map { $0 < 0 && $0 >= -shape[axis] ? $0 + shape[axis] : $0 }
    guard counted.allSatisfy((0..<shape[axis]).contains), let part = taking(counted, axis: axis) else { return nil }
    return part.reshaped(Array(shape[..<axis] + indices.shape + shape[(axis + 1)...]))
  }

  /// The entries of `axis` at `places`, in that order.
  private func taking(_ places: [Int], axis: Int) -> SymbolicTensor? {
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    guard outer * places.count * inner <= Self.limit else { return nil }
    var result: [Element] = []
    for block in 0..<outer {
      for place in places {
        let start = (block * shape[axis] + place) * inner
        result += elements[start..<start + inner]
      }
    }
    var extents = shape
    extents[axis] = places.count
    return SymbolicTensor(elementType, extents, result)
  }

  /// The elements with the axes in another order.
  func transposed(_ order: [Int]) -> SymbolicTensor {
    let places = Tensor((0..<elements.count).map { Int32($0) }, Shape(shape)).permuted(order)
    return SymbolicTensor(
      elementType, order.map { shape[$0] }, places.array(of: Int32.self).map { elements[Int($0)] })
  }

  private func selected(_ yes: SymbolicTensor, _ no: SymbolicTensor) -> SymbolicTensor? {
    guard let first = Self.broadcast([shape, yes.shape, no.shape]), let choice = stretched(to: first)?.integers,
      let left = yes.stretched(to: first), let right = no.stretched(to: first)
    else { return nil }
    let elements = choice.enumerated().map { $1 != 0 ? left.elements[$0] : right.elements[$0] }
    return SymbolicTensor(yes.elementType, first, elements)
  }

  private func binary(_ name: String, _ other: SymbolicTensor) -> SymbolicTensor? {
    guard let common = Self.broadcast([shape, other.shape]), let left = stretched(to: common),
      let right = other.stretched(to: common)
    else { return nil }
    var elements: [Element] = []
    for (a, b) in zip(left.elements, right.elements) {
      guard let result = combine(name, a, b) else { return nil }
      elements.append(result)
    }
    let isComparison = ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or"].contains(name)
    return SymbolicTensor(isComparison ? .bool : elementType, common, elements)
  }

  private func combine(_ name: String, _ a: Element, _ b: Element) -> Element? {
    switch (a, b) {
    case (.integer(let a), .integer(let b)): Self.combine(name, a, b).map { .integer($0) }
    case (.real(let a), .real(let b)):
      switch name {
      case "Add": rounded(a + b)
      case "Sub": rounded(a - b)
      case "Mul": rounded(a * b)
      case "Div": rounded(a / b)
      case "Max": .real(max(a, b))
      case "Min": .real(min(a, b))
      case "Equal": .integer(a == b ? 1 : 0)
      case "Greater": .integer(a > b ? 1 : 0)
      case "Less": .integer(a < b ? 1 : 0)
      case "GreaterOrEqual": .integer(a >= b ? 1 : 0)
      case "LessOrEqual": .integer(a <= b ? 1 : 0)
      default: nil
      }
    default: nil
    }
  }

  /// Numbers above this are marks such as "to the end", not extents to calculate with.
  private static let largest: UInt = 1 << 30

  private static func combine(_ name: String, _ a: Dimension, _ b: Dimension) -> Dimension? {
    guard name == "Equal" || a.magnitude <= largest && b.magnitude <= largest else { return nil }
    switch name {
    case "Add": return a + b
    case "Sub": return a - b
    case "Mul": return a.constant == nil && b.constant == nil ? nil : a * b
    case "Equal":
      if a == b { return 1 }
      // An extent with a symbol is never below 1.
      if let number = b.constant ?? a.constant, number < 1 { return 0 }
      return a.constant != nil && b.constant != nil ? 0 : nil
    case "Div":
      if let a = a.constant, let b = b.constant { return b == 0 ? nil : Dimension(a / b) }
      return a.exactQuotient(by: b)
    default: break
    }
    guard let a = a.constant, let b = b.constant else { return nil }
    switch name {
    case "Mod": return b == 0 ? nil : Dimension(((a % b) + b) % b)
    case "Max": return Dimension(max(a, b))
    case "Min": return Dimension(min(a, b))
    case "Greater": return a > b ? 1 : 0
    case "Less": return a < b ? 1 : 0
    case "GreaterOrEqual": return a >= b ? 1 : 0
    case "LessOrEqual": return a <= b ? 1 : 0
    case "And": return a != 0 && b != 0 ? 1 : 0
    case "Or": return a != 0 || b != 0 ? 1 : 0
    default: return nil
    }
  }

  /// The common shape of small tensors; nil when they don't fit, or the result is large.
  private static func broadcast(_ shapes: [[Int]]) -> [Int]? {
    let rank = shapes.map(\.count).max() ?? 0
    var result = Array(repeating: 1, count: rank)
    for shape in shapes {
      for (axis, extent) in shape.enumerated() where extent != 1 {
        let place = axis + rank - shape.count
        guard result[place] == 1 || result[place] == extent else { return nil }
        result[place] = extent
      }
    }
    return result.reduce(1, *) <= limit ? result : nil
  }

  private func stretched(to target: [Int]) -> SymbolicTensor? {
    if shape == target { return self }
    let places = Tensor((0..<elements.count).map { Int32($0) }, Shape(shape)).expanded(to: Shape(target))
    return SymbolicTensor(elementType, target, places.array(of: Int32.self).map { elements[Int($0)] })
  }

  /// The entries of `axis` from `start` to `end`, which count from the back when they are negative.
  func sliced(axis: Int, from start: Int, to end: Int, step: Int) -> SymbolicTensor? {
    guard shape.indices.contains(axis), step != 0 else { return nil }
    return taking(Self.places(shape[axis], from: start, to: end, step: step), axis: axis)
  }

  /// Parts of these lengths along `axis`, one after the other; nil when they don't make up the axis.
  func split(axis: Int, _ lengths: [Int]) -> [SymbolicTensor]? {
    guard shape.indices.contains(axis), lengths.reduce(0, +) == shape[axis] else { return nil }
    var parts: [SymbolicTensor] = []
    var start = 0
    for length in lengths {
      guard let part = taking(Array(start..<start + length), axis: axis) else { return nil }
      parts.append(part)
      start += length
    }
    return parts
  }

  /// The places that a slice of an axis takes.
  static func places(_ extent: Int, from start: Int, to end: Int, step: Int) -> [Int] {
    guard extent > 0 else { return [] }
    let step = min(max(step, -extent), extent)
    func counted(_ bound: Int) -> Int { bound >= 0 ? min(bound, extent) : (bound < -extent ? -1 : bound + extent) }
    if step > 0 { return Array(stride(from: max(counted(start), 0), to: max(counted(end), 0), by: step)) }
    return Array(stride(from: min(counted(start), extent - 1), to: min(counted(end), extent - 1), by: step))
  }

  func reshaped(_ shape: [Int]) -> SymbolicTensor { SymbolicTensor(elementType, shape, elements) }
}
