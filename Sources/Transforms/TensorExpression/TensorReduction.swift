import Tensors

/// What a ``TensorExpression`` may reduce a tensor by, along some axes or all of them.
enum TensorReduction: String {
  case mean, std, sum, min, max, amin, amax, argmax, any, all
}

extension TensorReduction {
  /// The reduction as PyTorch's method of that name, with `dim`, `keepdim` and, of `std`, `unbiased` or `correction`.
  /// Sums are made in double precision.
  /// - Throws: ``TensorEvaluationError`` where PyTorch refuses it, and for `min` and `max` along an axis, whose result
  ///   is a pair there.
  func value(of tensor: Tensor, _ given: TensorArguments) throws -> TensorValue {
    var arguments = given
    let dims = try arguments.integers("dim")
    let correction = self == .std ? try Self.correction(&arguments) : 1
    let keepsAxes = try arguments.number("keepdim").map { $0.int != 0 } ?? false
    try arguments.finish()
    if dims != nil, self == .min || self == .max {
      throw TensorEvaluationError(
        what: "'\(rawValue)' along an axis, which gives a pair",
        expected: "'a\(rawValue)', which gives the values alone")
    }
    let axes = try Self.axes(dims, of: tensor, for: rawValue)
    if self == .argmax, let dims, dims.count > 1 {
      throw TensorEvaluationError(what: "'argmax' along \(dims.count) axes", expected: "one axis, or none")
    }
    let result = try reduced(tensor, axes, correction)
    var kept = tensor.shape.dimensions
    for axis in axes { kept[axis] = 1 }
    let left = keepsAxes ? kept : tensor.shape.dimensions.indices.filter { !axes.contains($0) }.map { tensor.shape[$0] }
    return .tensor(result.reshaped(Shape(left)))
  }

  /// What is taken from the number of elements: 1, unless `unbiased=False` or `correction=` say otherwise.
  private static func correction(_ arguments: inout TensorArguments) throws -> Int {
    if let unbiased = try arguments.number("unbiased") { return unbiased.int != 0 ? 1 : 0 }
    return try arguments.number(named: "correction")?.int ?? 1
  }

  /// The axes, in order; all where none are named.
  private static func axes(_ dims: [Int]?, of tensor: Tensor, for name: String) throws -> [Int] {
    let rank = tensor.shape.rank
    guard let dims, !dims.isEmpty else { return Array(0..<rank) }
    let axes = try dims.map { try tensor.axis($0) }
    guard Set(axes).count == axes.count else {
      throw TensorEvaluationError(what: "'\(name)' along the same axis twice", expected: "each axis once")
    }
    return axes.sorted()
  }

  /// The results in the order of the axes that stay.
  private func reduced(_ tensor: Tensor, _ axes: [Int], _ correction: Int) throws -> Tensor {
    let stay = (0..<tensor.shape.rank).filter { !axes.contains($0) }
    let count = axes.reduce(1) { $0 * tensor.shape[$1] }
    let number = stay.reduce(1) { $0 * tensor.shape[$1] }
    let rows = tensor.permuted(stay + axes).reshaped([number, count])
    let isFloat = TensorKind(tensor.elementType) == .float
    switch self {
    case .mean, .std:
      guard isFloat else {
        throw TensorEvaluationError(
          what: "'\(rawValue)' of \(tensor.elementType)", expected: "floats; .float() makes them")
      }
      return Self.rows(rows.converted(to: .float32), Float.self) { row in
        let mean = row.reduce(0.0) { $0 + Double($1) } / Double(row.count)
        guard self == .std else { return Float(mean) }
        let squares = row.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let divisor = row.count - correction
        return divisor > 0 ? Float((squares / Double(divisor)).squareRoot()) : .nan
      }
    case .sum where isFloat:
      return Self.rows(rows.converted(to: .float32), Float.self) { row in
        Float(row.reduce(0.0) { $0 + Double($1) })
      }
    case .sum:
      return Self.rows(rows.converted(to: .int64), Int64.self) { $0.reduce(0, &+) }
    case .any, .all:
      let flags = Self.rows(rows.converted(to: .bool), UInt8.self) { row -> UInt8 in
        (self == .any ? row.contains { $0 != 0 } : row.allSatisfy { $0 != 0 }) ? 1 : 0
      }
      // PyTorch gives bytes for bytes.
      return tensor.elementType == .uint8 ? flags : flags.converted(to: .bool)
    case .min, .max, .amin, .amax, .argmax:
      guard count > 0 else {
        throw TensorEvaluationError(what: "'\(rawValue)' of no elements", expected: "a tensor that isn't empty")
      }
      let isLarger = self != .min && self != .amin
      // Integers beyond 2^53 keep their value.
      return isFloat
        ? extremum(rows.converted(to: .float32), isLarger, of: Float.self, tensor.elementType, isNaN: \.isNaN)
        : extremum(rows.converted(to: .int64), isLarger, of: Int64.self, tensor.elementType) { _ in false }
    }
  }

  /// The first of the largest (or smallest) elements, or its place for `argmax`; a NaN counts as both.
  private func extremum<Element: TensorElement & Comparable>(
    _ rows: Tensor, _ isLarger: Bool, of _: Element.Type, _ type: ElementType,
    isNaN: @Sendable (Element) -> Bool
  ) -> Tensor {
    @Sendable func place(_ row: UnsafeBufferPointer<Element>.SubSequence) -> Int {
      var best = row.startIndex
      for index in row.indices.dropFirst() where !isNaN(row[best]) {
        let isBetter = isLarger ? row[index] > row[best] : row[index] < row[best]
        if isBetter || isNaN(row[index]) { best = index }
      }
      return best
    }
    if self == .argmax {
      return Self.rows(rows, Element.self) { Int64(place($0) - $0.startIndex) }
    }
    return Self.rows(rows, Element.self) { $0[place($0)] }.converted(to: type)
  }

  /// One result for each row of a matrix.
  private static func rows<Element: TensorElement, Result: TensorElement>(
    _ rows: Tensor, _: Element.Type,
    _ body: @Sendable (UnsafeBufferPointer<Element>.SubSequence) -> Result
  ) -> Tensor {
    let (number, count) = (rows.shape[0], rows.shape[1])
    var result = Tensor(Result.elementType, [number], isZeroed: false)
    result.withMutableElements(of: Result.self) { target in
      let target = Shared(target)
      rows.withElements(of: Element.self) { elements in
        let elements = Shared(elements)
        Parallel.forEach(number, grain: Swift.max(1, (1 << 16) / Swift.max(1, count))) { range in
          for row in range { target.value[row] = body(elements.value[row * count..<(row + 1) * count]) }
        }
      }
    }
    return result
  }
}
