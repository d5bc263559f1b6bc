package import Graphs
import OrderedCollections
import Tensors

/// Turns a float32 graph into one that computes in half precision (IEEE 754 binary16) where that is safe.
///
/// - Operators that half precision serves (``halfOperators``) compute in it; their weights become half.
/// - Everything else is an island in float32: normalisations, softmax, reductions, exponentials, and operators that
///   aren't known to be safe. Casts stand where a value crosses over, one for each value and direction.
/// - A value that grows beyond half's largest number, 65504, would become infinite, and NaN in the next normalisation
///   or sum. So what may grow (``growingOperators``, values that come from an island that isn't bounded, and inputs)
///   is clipped to ±65504: it saturates.
/// - A weight outside half's range keeps its node in float32, and is reported.
/// - Inputs and outputs stay float32 unless `keepsInterface` is false.
package struct HalfPrecision: Pass {
  package let name = "half-precision"
  /// Whether the network's inputs and outputs stay float32.
  package let keepsInterface: Bool

  package init(keepsInterface: Bool = true) { self.keepsInterface = keepsInterface }

  /// The largest finite number of binary16.
  package static let largest: Float = 65504

  /// The operators that compute in half, with the operands that stay as they are (Resize's scales are always float32).
  static let halfOperators: [String: Set<Int>] = {
    let plain = [
      "Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Sub", "Mul", "Div", "Neg", "Abs", "Max", "Min", "Relu",
      "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Elu", "Selu", "Celu", "Gelu", "HardSigmoid", "HardSwish", "Clip",
      "MaxPool", "AveragePool", "GlobalMaxPool", "Identity", "Concat", "Reshape", "Transpose", "Slice", "Split",
      "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Gather", "Pad", "DepthToSpace", "SpaceToDepth", "Where",
    ]
    return Dictionary(uniqueKeysWithValues: plain.map { ($0, []) }).merging(["Resize": [1, 2, 3]]) { first, _ in first }
  }()

  /// Operators in half whose results can be larger than their inputs.
  static let growingOperators: Set<String> = ["Conv", "ConvTranspose", "MatMul", "Gemm", "Add", "Sub", "Mul", "Div"]

  /// Islands whose results stay far below half's limit: at most √n times the scale for n normalised elements.
  static let boundedIslands: Set<String> = [
    "Softmax", "LogSoftmax", "InstanceNormalization", "LayerNormalization", "GroupNormalization", "Erf", "Sin", "Cos",
  ]

  package func apply(to graph: Graph) throws -> PassResult? {
    let hasFloats = graph.nodes.contains { $0.outputs.contains { graph.type(of: $0).elementType == .float32 } }
    guard hasFloats else { return nil }
    var rewrite = HalfRewrite(graph, keepsInterface: keepsInterface)
    return try rewrite.run()
  }
}

/// The rewrite of one graph: each float32 value of the source is at hand in one or both types.
private struct HalfRewrite {
  private let source: Graph
  private let keepsInterface: Bool
  private var graph: Graph
  /// What stands for a value of the source, by element type.
  private var forms: [Value: [ElementType: Value]] = [:]
  /// Values that may pass half's limit when they are cast.
  private var unbounded: Set<Value> = []
  private var notes: [String] = []

  init(_ source: Graph, keepsInterface: Bool) {
    self.source = source
    self.keepsInterface = keepsInterface
    graph = Graph(name: source.name)
  }

  mutating func run() throws -> PassResult {
    for input in source.inputs { try declare(input) }
    for node in source.nodes { try append(node) }
    for (name, value) in source.outputs {
      let isFloat = source.type(of: value).elementType == .float32
      let target: ElementType? = isFloat ? (keepsInterface ? .float32 : .float16) : nil
      try graph.output(form(of: value, target), name: name)
    }
    return PassResult(graph, notes: notes)
  }

  private mutating func declare(_ input: Value) throws {
    var type = source.type(of: input)
    if type.elementType == .float32, !keepsInterface { type.elementType = .float16 }
    forms[input] = [type.elementType: try graph.input(source.name(of: input), type)]
    unbounded.insert(input)
  }

  private mutating func append(_ node: Node) throws {
    let kept = HalfPrecision.halfOperators[node.operator]
    let isHalf = kept != nil && !hasWeightOutOfRange(node, except: kept ?? [])
    var inputs: [Value?] = []
    for (index, input) in node.inputs.enumerated() {
      guard let input else {
        inputs.append(nil)
        continue
      }
      let isFloat = source.type(of: input).elementType == .float32
      let type: ElementType? = isFloat ? (isHalf && kept?.contains(index) == false ? .float16 : .float32) : nil
      inputs.append(try form(of: input, type))
    }
    let results = try graph.apply(node.operator, inputs, node.attributes, named: node.name)
    for (old, new) in zip(node.outputs, results) { try record(old, new, from: node, isHalf: isHalf) }
  }

  /// Makes `new` known as what stands for `old`, saturated when it may have grown in half.
  private mutating func record(_ old: Value, _ new: Value, from node: Node, isHalf: Bool) throws {
    let type = graph.type(of: new).elementType
    guard isHalf, type == .float16, grows(node) else {
      forms[old] = [type: new]
      if !isHalf, !HalfPrecision.boundedIslands.contains(node.operator) { unbounded.insert(old) }
      return
    }
    forms[old] = [type: try saturated(new, name: source.name(of: old))]
  }

  private func grows(_ node: Node) -> Bool {
    if node.operator == "PRelu", node.inputs.count > 1, let slope = node.inputs[1] {
      return source.constant(slope).map { largestMagnitude($0) > 1 } ?? true
    }
    return HalfPrecision.growingOperators.contains(node.operator)
  }

  /// What stands for `old` in the wanted type; nil for the only form that a value of another type has.
  private mutating func form(of old: Value, _ type: ElementType?) throws -> Value {
    if let tensor = source.constant(old) { return constant(old, tensor, type) }
    let known = forms[old] ?? [:]
    guard let type else {
      if let only = known.first?.value { return only }
      throw GraphError.invalidGraph(
        graph: source.name, reasons: ["\(source.name(of: old)) is used before it is defined"])
    }
    if let value = known[type] { return value }
    guard let other = known.first?.value else {
      throw GraphError.invalidGraph(
        graph: source.name, reasons: ["\(source.name(of: old)) is used before it is defined"])
    }
    let name = source.name(of: old)
    let isNarrowing = type == .float16 && unbounded.contains(old)
    let operand = isNarrowing ? try saturated(other, name: name) : other
    let cast = try graph.cast(operand, to: type, named: "\(name)/Cast_\(type)")
    forms[old]?[type] = cast
    return cast
  }

  private mutating func constant(_ old: Value, _ tensor: Tensor, _ type: ElementType?) -> Value {
    let type = type ?? tensor.elementType
    if let value = forms[old]?[type] { return value }
    let value = graph.constant(tensor.converted(to: type), name: source.name(of: old))
    forms[old, default: [:]][type] = value
    return value
  }

  /// The value held within half's range.
  private mutating func saturated(_ value: Value, name: String) throws -> Value {
    let type = graph.type(of: value).elementType
    let limits = try [-HalfPrecision.largest, HalfPrecision.largest].map { try limit($0, type) }
    return try graph.apply("Clip", [value, limits[0], limits[1]], [:], named: "\(name)/Clip")[0]
  }

  private var limits: [String: Value] = [:]

  private mutating func limit(_ number: Float, _ type: ElementType) throws -> Value {
    let key = "\(number < 0 ? "lowest" : "largest")_\(type)"
    if let value = limits[key] { return value }
    let value = graph.constant(Tensor(scalar: number).converted(to: type), name: key)
    limits[key] = value
    return value
  }

  /// Whether a constant operand doesn't fit in half; each is told of once.
  private mutating func hasWeightOutOfRange(_ node: Node, except kept: Set<Int>) -> Bool {
    var isOutOfRange = false
    for (index, input) in node.inputs.enumerated() where !kept.contains(index) {
      guard let input, let tensor = source.constant(input), tensor.elementType == .float32 else { continue }
      let magnitude = largestMagnitude(tensor)
      // From 65520 on, rounding gives infinity.
      guard !(magnitude < 65520) else { continue }
      isOutOfRange = true
      let number = magnitude.isNaN ? "NaN" : "\(magnitude)"
      notes.append("\(source.name(of: input)) reaches \(number), beyond half's 65504; \(node.name) stays float32")
    }
    return isOutOfRange
  }

  /// The largest absolute value; NaN when one is among them, 0 for no elements.
  private func largestMagnitude(_ tensor: Tensor) -> Float {
    guard tensor.elementType == .float32 else { return 0 }
    return tensor.withElements(of: Float.self) { elements in
      var largest: Float = 0
      var isNaN = false
      for element in elements {
        largest = max(largest, abs(element))
        isNaN = isNaN || element.isNaN
      }
      return isNaN ? .nan : largest
    }
  }
}
