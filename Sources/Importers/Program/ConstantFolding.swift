import Graphs
import Interpreter
import OrderedCollections
import Tensors

/// Evaluates the nodes that depend on constants alone, as they are added to a graph: masks, position indices, weights
/// that are transposed before use.
struct ConstantFolding {
  /// Larger results are left to the engine, but for views, which cost nothing, and what is no larger than its operands.
  private static let countLimit = 1 << 24
  /// The elements up to which a result may be larger than the operands it is computed from: the masks of shifted
  /// windows grow by hundreds.
  private static let growthLimit = 1 << 18

  private var tensors: [Value: Tensor] = [:]
  private var replacements: [Value: Value] = [:]
  private var producers: [Value: Int] = [:]
  /// How many nodes have been looked at.
  private var nodeCount = 0

  /// The index of the node that computes `value`.
  func producer(of value: Value) -> Int? { producers[value] }

  /// What is known of `value`.
  func tensor(_ value: Value) -> Tensor? { tensors[value] }

  /// Looks at the nodes that were added since the last time.
  mutating func update(_ graph: Graph) {
    while nodeCount < graph.nodes.count {
      let node = graph.nodes[nodeCount]
      for output in node.outputs { producers[output] = nodeCount }
      nodeCount += 1
      let inputs = node.inputs.map { $0.flatMap { graph.constant($0) ?? tensors[$0] } }
      guard zip(inputs, node.inputs).allSatisfy({ $0 != nil || $1 == nil }) else { continue }
      let types = node.outputs.map { graph.type(of: $0) }
      let counts = types.map { $0.count.constant ?? .max }
      let operandCount = inputs.reduce(0) { $0 + ($1?.storedCount ?? 0) }
      guard
        Self.isView(node.operator)
          || counts.allSatisfy({ $0 <= Self.countLimit && ($0 <= Self.growthLimit || $0 <= 2 * operandCount) })
      else { continue }
      guard let results = ConstantEvaluation(node, inputs, types).results else { continue }
      for (output, result) in zip(node.outputs, results) { tensors[output] = result }
    }
  }

  private static func isView(_ name: String) -> Bool {
    ["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Slice", "Split", "Flatten"].contains(name)
  }

  /// A constant with the value's elements where they are known, else the value.
  mutating func constant(for value: Value, in graph: inout Graph) -> Value {
    guard let tensor = tensors[value] else { return value }
    if let replacement = replacements[value] { return replacement }
    let replacement = graph.constant(tensor, name: graph.name(of: value) + "/value")
    replacements[value] = replacement
    return replacement
  }
}

/// One node evaluated on constants.
struct ConstantEvaluation {
  private let node: Node
  private let inputs: [Tensor?]
  private let types: [TensorType]

  init(_ node: Node, _ inputs: [Tensor?], _ types: [TensorType]) {
    self.node = node
    self.inputs = inputs
    self.types = types
  }

  /// The outputs; nil for an operator that isn't evaluated here.
  var results: [Tensor]? {
    guard let first = inputs.first ?? nil, let type = types.first, let extents = type.constantShape else { return nil }
    let shape = Shape(extents)
    switch node.operator {
    case "Identity": return [first]
    case "Reshape", "Squeeze", "Unsqueeze", "Flatten": return [first.reshaped(shape)]
    case "Transpose": return [first.permuted(ints("perm") ?? Array((0..<first.shape.rank).reversed()))]
    case "Cast": return [first.converted(to: type.elementType)]
    case "Expand": return [first.expanded(to: shape)]
    case "Slice": return slice(first)
    case "Split": return split(first)
    case "Concat": return [concat(type, shape)]
    case "Gather": return gather(first, shape)
    case "Where":
      guard let condition = array(0, shape), let then = array(1, shape), let otherwise = array(2, shape) else {
        return nil
      }
      let values = [Double](unsafeUninitializedCapacity: condition.count) { target, count in
        for index in 0..<condition.count { target[index] = condition[index] != 0 ? then[index] : otherwise[index] }
        count = condition.count
      }
      return [tensor(values, type, shape)]
    case "Not": return array(0, shape).map { [tensor($0.map { $0 == 0 ? 1 : 0 }, type, shape)] }
    default:
      // 64-bit integers beyond 2⁵³ would lose digits on the way through doubles.
      if let result = inputs.count == 1 ? unary(type, shape) : binary(type, shape) { return [result] }
      return interpreted
    }
  }

  /// What the interpreter gives, which computes in float32: not for integers but where its results are exact, nor for
  /// random numbers, which the engine draws, nor for products whose cost isn't bounded by the size of their result. Nil too
  /// where it refuses the node, which then stays in the graph and is refused by whoever runs it.
  private var interpreted: [Tensor]? {
    let result = Double(types.first?.count.constant ?? .max)
    let operand = Double(inputs.first??.count ?? .max)
    let isProduct = ["MatMul", "Gemm", "Conv", "ConvTranspose"].contains(node.operator)
    guard !node.operator.hasPrefix("Random"),
      Self.exactOperators.contains(node.operator)
        || types.allSatisfy({ $0.elementType.isFloatingPoint }) && inputs.first??.elementType.isFloatingPoint ?? false,
      isProduct ? result * operand <= 0x1p30 : max(result, operand) <= 0x1p26
    else { return nil }
    return try? Evaluation(node, inputs, types: types).results()
  }

  /// Of integers too the interpreter's results are exact.
  private static let exactOperators: Set = [
    "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "GatherElements", "GatherND", "Mod", "ScatterElements",
    "ScatterND",
  ]
  private static let unaryOperators: Set = ["Neg", "Abs", "Sqrt", "Floor", "Ceil", "Round", "Reciprocal", "Sign"]
  private static let binaryOperators: Set = [
    "Add", "Sub", "Mul", "Div", "Min", "Max", "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or",
    "Xor",
  ]

  private func unary(_ type: TensorType, _ shape: Shape) -> Tensor? {
    guard Self.unaryOperators.contains(node.operator), let values = array(0, shape) else { return nil }
    func result(_ operation: (Double) -> Double) -> Tensor { tensor(values.map(operation), type, shape) }
    switch node.operator {
    case "Neg": return result { -$0 }
    case "Abs": return result { abs($0) }
    case "Sqrt": return result { $0.squareRoot() }
    case "Floor": return result { $0.rounded(.down) }
    case "Ceil": return result { $0.rounded(.up) }
    case "Round": return result { $0.rounded(.toNearestOrEven) }
    case "Reciprocal": return result { 1 / $0 }
    case "Sign": return result { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }
    default: return nil
    }
  }

  private func binary(_ type: TensorType, _ shape: Shape) -> Tensor? {
    guard inputs.count == 2, Self.binaryOperators.contains(node.operator), let left = array(0, shape),
      let right = array(1, shape)
    else { return nil }
    @inline(__always) func result(_ operation: (Double, Double) -> Double) -> Tensor {
      let values = [Double](unsafeUninitializedCapacity: left.count) { target, count in
        for index in 0..<left.count { target[index] = operation(left[index], right[index]) }
        count = left.count
      }
      return tensor(values, type, shape)
    }
    switch node.operator {
    case "Add": return result { $0 + $1 }
    case "Sub": return result { $0 - $1 }
    case "Mul": return result { $0 * $1 }
    case "Div" where type.elementType.isFloatingPoint: return result { $0 / $1 }
    case "Div": return right.contains(0) ? nil : result { ($0 / $1).rounded(.towardZero) }
    case "Min": return result { min($0, $1) }
    case "Max": return result { max($0, $1) }
    case "Equal": return result { $0 == $1 ? 1 : 0 }
    case "Greater": return result { $0 > $1 ? 1 : 0 }
    case "Less": return result { $0 < $1 ? 1 : 0 }
    case "GreaterOrEqual": return result { $0 >= $1 ? 1 : 0 }
    case "LessOrEqual": return result { $0 <= $1 ? 1 : 0 }
    case "And": return result { $0 != 0 && $1 != 0 ? 1 : 0 }
    case "Or": return result { $0 != 0 || $1 != 0 ? 1 : 0 }
    case "Xor": return result { ($0 != 0) != ($1 != 0) ? 1 : 0 }
    default: return nil
    }
  }

  // MARK: Operands

  private func ints(_ name: String) -> [Int]? {
    if case .ints(let values)? = node.attributes[name] { values } else { nil }
  }

  private func int(_ name: String) -> Int {
    if case .int(let value)? = node.attributes[name] { value } else { 0 }
  }

  /// The integers of an operand that is a list.
  private func list(_ index: Int) -> [Int]? {
    guard index < inputs.count, let tensor = inputs[index] else { return nil }
    return tensor.converted(to: .int64).array(of: Int64.self).map(Int.init)
  }

  /// The elements of an input, stretched to `shape`.
  private func array(_ index: Int, _ shape: Shape) -> [Double]? {
    guard index < inputs.count, let tensor = inputs[index] else { return nil }
    return tensor.expanded(to: shape).converted(to: .float64).array(of: Double.self)
  }

  private func tensor(_ values: [Double], _ type: TensorType, _ shape: Shape) -> Tensor {
    Tensor(values, shape).converted(to: type.elementType)
  }

  // MARK: Layout

  private func slice(_ input: Tensor) -> [Tensor]? {
    guard let starts = list(1), let ends = list(2), let axes = list(3) else { return nil }
    let steps = list(4) ?? axes.map { _ in 1 }
    var result = input
    for (index, rawAxis) in axes.enumerated() {
      let axis = rawAxis < 0 ? rawAxis + input.shape.rank : rawAxis
      let extent = result.shape[axis]
      let bounds = [starts[index], ends[index]].map { min(max($0 < 0 ? $0 + extent : $0, 0), extent) }
      result = result.sliced(axis, bounds[0]..<max(bounds[1], bounds[0]))
      if steps[index] > 1 {
        let places = stride(from: 0, to: result.shape[axis], by: steps[index])
        result = Self.join(places.map { result.sliced(axis, $0..<$0 + 1) }, axis: axis)
      }
    }
    return [result]
  }

  private func split(_ input: Tensor) -> [Tensor]? {
    guard let lengths = list(1) else { return nil }
    let axis = int("axis") < 0 ? int("axis") + input.shape.rank : int("axis")
    var start = 0
    return lengths.map { length in
      defer { start += length }
      return input.sliced(axis, start..<start + length)
    }
  }

  private func concat(_ type: TensorType, _ shape: Shape) -> Tensor {
    let axis = int("axis") < 0 ? int("axis") + shape.rank : int("axis")
    return Self.join(inputs.compactMap(\.self), axis: axis)
  }

  private func gather(_ input: Tensor, _ shape: Shape) -> [Tensor]? {
    guard let indices = list(1) else { return nil }
    let axis = int("axis") < 0 ? int("axis") + input.shape.rank : int("axis")
    let extent = input.shape[axis]
    guard indices.allSatisfy({ (-extent..<extent).contains($0) }) else { return nil }
    if indices.isEmpty || input.count == 0 { return nil }
    let source = input.contiguous()
    let outer = input.shape.dimensions[..<axis].reduce(1, *)
    let inner = input.shape.dimensions[(axis + 1)...].reduce(1, *) * input.elementType.byteCount
    var result = Tensor(input.elementType, shape, isZeroed: false)
    result.withMutableBytes { target in
      source.withUnsafeBytes { bytes in
        var end = 0
        for row in 0..<outer {
          for index in indices {
            let start = (row * extent + (index < 0 ? index + extent : index)) * inner
            UnsafeMutableRawBufferPointer(rebasing: target[end..<end + inner])
              .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + inner]))
            end += inner
          }
        }
      }
    }
    return [result]
  }

  /// Tensors of the same type joined along `axis`.
  static func join(_ parts: [Tensor], axis: Int) -> Tensor {
    guard let first = parts.first else { return Tensor(.float32, [0]) }
    if parts.count == 1 { return first }
    var shape = first.shape
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    var result = Tensor(first.elementType, shape, isZeroed: false)
    let outer = first.shape.dimensions[..<axis].reduce(1, *)
    let inner = first.shape.dimensions[(axis + 1)...].reduce(1, *) * first.elementType.byteCount
    result.withMutableBytes { target in
      var column = 0
      for part in parts {
        let bytes = part.shape[axis] * inner
        part.withUnsafeBytes { source in
          for row in 0..<outer {
            UnsafeMutableRawBufferPointer(rebasing: target[(row * shape[axis] * inner + column)...])
              .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[row * bytes..<(row + 1) * bytes]))
          }
        }
        column += bytes
      }
    }
    return result
  }
}

extension Tensor {
  /// The elements that lie in memory: a stretched tensor has fewer than its shape says.
  fileprivate var storedCount: Int {
    zip(shape.dimensions, strides).reduce(1) { $0 * ($1.1 == 0 ? min($1.0, 1) : $1.0) }
  }
}
