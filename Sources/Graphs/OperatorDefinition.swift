import OrderedCollections
import Tensors

/// What Martlet knows of one ONNX operator: its arity, its attributes and its shape rule.
package struct OperatorDefinition: Sendable {
  package let name: String
  /// The operator-set version whose semantics the definition has.
  package let since: Int
  package let inputCount: ClosedRange<Int>
  package let attributes: [String: Attribute.Kind]
  let rule: @Sendable (OperatorCall) throws -> [TensorType]

  init(
    _ name: String, since: Int, inputs: ClosedRange<Int>, attributes: [String: Attribute.Kind] = [:],
    rule: @escaping @Sendable (OperatorCall) throws -> [TensorType]
  ) {
    self.name = name
    self.since = since
    inputCount = inputs
    self.attributes = attributes
    self.rule = rule
  }

  /// Every operator, by name: the families' lists, concatenated.
  package static let table: [String: OperatorDefinition] = {
    let families = [
      activationOperators, comparisonOperators, convolutionOperators, elementwiseOperators, indexingOperators,
      layoutOperators, matrixOperators, normalizationOperators, paddingOperators, poolingOperators,
      quantizationOperators, randomOperators, reductionOperators, resizeOperators, scatterOperators,
      trigonometricOperators,
    ]
    return Dictionary(uniqueKeysWithValues: families.joined().map { ($0.name, $0) })
  }()

  /// Checks the call's form and applies the shape rule.
  func outputTypes(_ call: OperatorCall) throws -> [TensorType] {
    guard inputCount.contains(call.inputs.count) else {
      throw call.error(
        "\(call.inputs.count) inputs", expected: "\(inputCount.lowerBound) to \(inputCount.upperBound)")
    }
    for (name, attribute) in call.attributes {
      guard let kind = attributes[name] else {
        throw call.error("there is no attribute '\(name)'", expected: attributes.keys.sorted().joined(separator: ", "))
      }
      guard attribute.kind == kind else {
        throw call.error("the attribute '\(name)' is of kind \(attribute.kind.rawValue)", expected: kind.rawValue)
      }
    }
    return try rule(call)
  }
}

/// What a shape rule sees of a node.
package struct OperatorCall: Sendable {
  let node: String
  let `operator`: String
  let inputs: [TensorType?]
  let constants: [Tensor?]
  let attributes: OrderedDictionary<String, Attribute>

  func error(_ reason: String, expected: String? = nil) -> GraphError {
    .invalidNode(node: node, operator: self.operator, reason: reason, expected: expected)
  }

  /// The type of a required input.
  func input(_ index: Int) throws -> TensorType {
    guard index < inputs.count, let type = inputs[index] else { throw error("input \(index) is missing") }
    return type
  }

  /// The type of an optional input.
  func optionalInput(_ index: Int) -> TensorType? { index < inputs.count ? inputs[index] : nil }

  /// The numbers of a one-dimensional constant input, as a shape or axes operand must be.
  func constantInts(_ index: Int) throws -> [Int] {
    guard index < constants.count, let tensor = constants[index] else {
      throw error("input \(index) is not a constant", expected: "a constant list of integers")
    }
    guard tensor.shape.rank <= 1, !tensor.elementType.isFloatingPoint else {
      throw error("input \(index) is \(tensor.elementType) \(tensor.shape)", expected: "a constant list of integers")
    }
    return tensor.converted(to: .int64).array(of: Int64.self).map(Int.init)
  }

  /// The numbers of a one-dimensional constant input of floating point.
  func constantFloats(_ index: Int) throws -> [Float] {
    guard index < constants.count, let tensor = constants[index], tensor.shape.rank <= 1,
      tensor.elementType.isFloatingPoint
    else {
      throw error("input \(index) is not a constant list of numbers", expected: "a constant list of numbers")
    }
    return tensor.converted(to: .float32).array(of: Float.self)
  }

  func int(_ name: String, default fallback: Int) -> Int {
    if case .int(let value)? = attributes[name] { value } else { fallback }
  }

  func ints(_ name: String) -> [Int]? {
    if case .ints(let values)? = attributes[name] { values } else { nil }
  }

  func string(_ name: String, default fallback: String) -> String {
    if case .string(let value)? = attributes[name] { value } else { fallback }
  }

  /// An attribute with one number per spatial axis; `fallback` for each when it is left out.
  func spatialInts(_ name: String, count: Int, default fallback: Int, minimum: Int) throws -> [Int] {
    guard let values = ints(name) else { return Array(repeating: fallback, count: count) }
    guard values.count == count, values.allSatisfy({ $0 >= minimum }) else {
      throw error("'\(name)' is \(values)", expected: "\(count) numbers, each at least \(minimum)")
    }
    return values
  }

  /// `axis` counted from the front; negative ones count from the back.
  func axis(_ axis: Int, rank: Int) throws -> Int {
    guard (-rank..<rank).contains(axis) else {
      throw error("axis \(axis)", expected: "an axis of a tensor of rank \(rank)")
    }
    return axis < 0 ? axis + rank : axis
  }

  /// - Throws: when the element type isn't a floating-point one.
  func requireFloatingPoint(_ type: TensorType) throws {
    guard type.elementType.isFloatingPoint else {
      throw error("the input is \(type.elementType)", expected: "a floating-point type")
    }
  }

  /// The fixed number of channels of `[N, C, …]`.
  func channels(_ type: TensorType) throws -> Int {
    guard type.rank >= 2, let channels = type.shape[1].constant else {
      throw error("the input is \(type)", expected: "[N, C, …] with a fixed number of channels")
    }
    return channels
  }
}
