package import Graphs
import OrderedCollections
package import Tensors

/// What an operator sees when one node is evaluated: its operands as tensors, its attributes, and its results' types.
package struct Evaluation {
  package let node: Node
  let operands: [Tensor?]
  let types: [TensorType]

  package init(_ node: Node, _ operands: [Tensor?], types: [TensorType]) {
    self.node = node
    self.operands = operands
    self.types = types
  }

  typealias Rule = @Sendable (Evaluation) throws -> [Tensor]

  /// The rule of every operator, by name: the families' tables, merged.
  static let rules: [String: Rule] = [
    activationRules, comparisonRules, convolutionRules, elementwiseRules, indexingRules, layoutRules, matrixRules,
    normalizationRules, paddingRules, poolingRules, quantizationRules, randomRules, reductionRules, resizeRules,
    scatterRules,
  ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

  /// Every operator that can be evaluated.
  package static var operators: Set<String> { Set(rules.keys) }

  /// The node's outputs, each of its declared element type.
  /// - Throws: ``EvaluationError``.
  package func results() throws -> [Tensor] {
    guard let rule = Self.rules[node.operator] else {
      throw EvaluationError.unknownOperator(node: node.name, operator: node.operator)
    }
    return zip(try rule(self), types).map { $0.converted(to: $1.elementType) }
  }

  func error(_ reason: String) -> EvaluationError {
    .invalidOperand(node: node.name, operator: node.operator, reason: reason)
  }

  // MARK: Operands

  /// A required operand.
  func tensor(_ index: Int) throws -> Tensor {
    guard index < operands.count, let tensor = operands[index] else { throw error("operand \(index) is missing") }
    return tensor
  }

  func optional(_ index: Int) -> Tensor? { index < operands.count ? operands[index] : nil }

  /// A required operand as contiguous float32.
  func float(_ index: Int) throws -> Tensor { try tensor(index).converted(to: .float32).contiguous() }

  /// A required operand of numbers, contiguous: float32, or float64 where float32 would lose something.
  func real(_ index: Int) throws -> Tensor {
    let tensor = try tensor(index)
    let isNarrow = [.float16, .bfloat16, .float32].contains(tensor.elementType)
    return tensor.converted(to: isNarrow ? .float32 : .float64).contiguous()
  }

  /// The elements of a required operand.
  func floats(_ index: Int) throws -> [Float] { try float(index).array(of: Float.self) }

  /// The elements of an operand that may be left out.
  func optionalFloats(_ index: Int) -> [Float]? { optional(index)?.converted(to: .float32).array(of: Float.self) }

  /// The numbers of an operand such as axes, starts or a shape.
  func ints(operand index: Int) throws -> [Int] {
    try tensor(index).converted(to: .int64).array(of: Int64.self).map(Int.init)
  }

  // MARK: Attributes

  func int(_ name: String, default fallback: Int) -> Int {
    if case .int(let value)? = node.attributes[name] { value } else { fallback }
  }

  func float(_ name: String, default fallback: Float) -> Double {
    if case .float(let value)? = node.attributes[name] { Double(value) } else { Double(fallback) }
  }

  func string(_ name: String, default fallback: String) -> String {
    if case .string(let value)? = node.attributes[name] { value } else { fallback }
  }

  func ints(_ name: String) -> [Int]? {
    if case .ints(let values)? = node.attributes[name] { values } else { nil }
  }

  /// An axis attribute, counted from the front.
  func axis(default fallback: Int, rank: Int) -> Int {
    let axis = int("axis", default: fallback)
    return axis < 0 ? axis + rank : axis
  }
}

/// A new float32 tensor, filled in pieces on all cores: `body` gets the place of the first element and the part of
/// `0..<pieces` that it has to write.
func filled(_ shape: Shape, pieces: Int, _ body: @Sendable (UnsafeMutablePointer<Float>, Range<Int>) -> Void) -> Tensor
{
  filled(.float32, of: Float.self, shape, pieces: pieces, body)
}

/// The same with elements of any type, each as a `Unit` of its size.
func filled<Unit: BitwiseCopyable & Sendable>(
  _ type: ElementType, of unit: Unit.Type, _ shape: Shape, pieces: Int,
  _ body: @Sendable (UnsafeMutablePointer<Unit>, Range<Int>) -> Void
) -> Tensor {
  var result = Tensor(type, shape)
  result.withMutableBytes { target in
    guard let base = target.bindMemory(to: Unit.self).baseAddress, !target.isEmpty else { return }
    let shared = Shared(base)
    Parallel.forEach(pieces) { body(shared.value, $0) }
  }
  return result
}

/// `tensor`, of float32 or float64, with each element replaced.
func mapped(_ tensor: Tensor, _ transform: @Sendable (Double) -> Double) -> Tensor {
  guard tensor.elementType == .float32 else {
    return Tensor(tensor.converted(to: .float64).array(of: Double.self).map(transform), tensor.shape)
  }
  return tensor.withElements(of: Float.self) { source in
    let source = Shared(source)
    return filled(tensor.shape, pieces: tensor.count) { target, range in
      for index in range { target[index] = Float(transform(Double(source.value[index]))) }
    }
  }
}

/// The elements of `source` at `places`, `length` in a row from each, as a tensor of `shape`; -1 takes `filler`, a
/// scalar of the same type.
func picked(_ source: Tensor, _ places: [Int], length: Int = 1, _ shape: Shape, filler: Tensor? = nil) -> Tensor {
  let source = source.contiguous()
  var result = Tensor(source.elementType, shape)
  let size = source.elementType.byteCount * length
  result.withMutableBytes { target in
    guard let target = target.baseAddress, size > 0 else { return }
    source.withUnsafeBytes { bytes in
      for (index, place) in places.enumerated() where place >= 0 {
        guard let base = bytes.baseAddress else { return }
        (target + index * size).copyMemory(from: base + place * source.elementType.byteCount, byteCount: size)
      }
    }
    filler?.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      for (index, place) in places.enumerated() where place < 0 {
        (target + index * size).copyMemory(from: base, byteCount: size)
      }
    }
  }
  return result
}
