package import Graphs
import Tensors

/// Turns a graph with half-precision values into a float32 graph with the same results, for engines that compute
/// half-precision graphs in float32 without a word: after each node whose result is half, the result is rounded as a
/// cast to half would round it.
///
/// The rounding to 11 significant bits is Veltkamp's splitting (Dekker 1971, https://doi.org/10.1007/BF01397083):
/// a = 8193·x, y = a − (a − x). Beyond 65504 the result is infinite, as in half. Below 2⁻¹⁴, where half has fewer bits,
/// 11 bits are kept, which differs by less than 2⁻²⁴. Values that can't be infinite, or are clipped next, go without the
/// step for infinities. Sums inside one node are in float32, as on GPUs, which
/// accumulate so.
package struct HalfRounding: Pass {
  package let name = "half-rounding"

  package init() {}

  package func apply(to graph: Graph) throws -> PassResult? {
    guard graph.nodes.contains(where: { $0.outputs.contains { graph.type(of: $0).elementType == .float16 } }) else {
      return nil
    }
    var rebuilder = GraphRebuilder(graph)
    for input in graph.inputs {
      var type = graph.type(of: input)
      if type.elementType == .float16 { type.elementType = .float32 }
      rebuilder.map(input, to: try rebuilder.graph.input(graph.name(of: input), type))
    }
    let saturated = Self.saturatedValues(of: graph)
    for node in graph.nodes { try append(node, to: &rebuilder, saturated) }
    for (name, value) in graph.outputs { try rebuilder.graph.output(operand(value, &rebuilder), name: name) }
    return PassResult(rebuilder.graph)
  }

  /// Operators that give back elements of their inputs, which are rounded already.
  private static let exactOperators: Set<String> = [
    "Relu", "Clip", "MaxPool", "GlobalMaxPool", "Identity", "Concat", "Reshape", "Transpose", "Slice", "Split",
    "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Gather", "Pad", "DepthToSpace", "SpaceToDepth", "Where",
    "Neg", "Abs", "Max", "Min",
  ]

  /// Operators whose results aren't larger than their inputs.
  private static let boundedOperators: Set<String> = [
    "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "AveragePool",
  ]

  /// Values that clips alone consume, and those that clips give.
  private static func saturatedValues(of graph: Graph) -> Set<Value> {
    var clipped: Set<Value> = []
    var others = Set(graph.outputs.map(\.value))
    for node in graph.nodes {
      let operands = node.inputs.compactMap(\.self)
      if node.operator == "Clip" {
        clipped.formUnion(operands.prefix(1))
        clipped.formUnion(node.outputs)
      } else {
        others.formUnion(operands)
      }
    }
    let results = Set(graph.nodes.filter { $0.operator == "Clip" }.flatMap(\.outputs))
    return clipped.filter { results.contains($0) || !others.contains($0) }
  }

  private func append(_ node: Node, to rebuilder: inout GraphRebuilder, _ saturated: Set<Value>) throws {
    let source = rebuilder.source
    var inputs: [Value?] = []
    for input in node.inputs { inputs.append(try input.map { try operand($0, &rebuilder) }) }
    // A cast between the two types is nothing but the rounding.
    let isFloatCast =
      node.operator == "Cast"
      && (node.inputs + node.outputs).allSatisfy { value in
        value.map { [.float16, .float32].contains(source.type(of: $0).elementType) } ?? false
      }
    let results = isFloatCast ? inputs.compactMap(\.self) : try rebuilder.append(node, inputs: inputs)
    for (old, new) in zip(node.outputs, results) {
      let isRounded = source.type(of: old).elementType == .float16 && !Self.exactOperators.contains(node.operator)
      guard isRounded else {
        rebuilder.map(old, to: new)
        continue
      }
      let isFinite =
        saturated.contains(old) || Self.boundedOperators.contains(node.operator)
        || (isFloatCast && node.inputs.allSatisfy { $0.map(saturated.contains) ?? true })
      let name = source.name(of: old)
      rebuilder.map(old, to: try rounded(new, name: name, isFinite: isFinite, &rebuilder.graph))
    }
  }

  /// What stands for a value; half constants are widened, which is exact.
  private func operand(_ value: Value, _ rebuilder: inout GraphRebuilder) throws -> Value {
    if !rebuilder.isKnown(value), let tensor = rebuilder.source.constant(value), tensor.elementType == .float16 {
      let wide = rebuilder.graph.constant(tensor.converted(to: .float32), name: rebuilder.source.name(of: value))
      rebuilder.map(value, to: wide)
    }
    return try rebuilder.value(value)
  }

  private func rounded(_ value: Value, name: String, isFinite: Bool, _ graph: inout Graph) throws -> Value {
    try graph.scope("\(name)/rounding") { graph in
      let magnified = try graph.scale(value, by: 8193)
      let rounded = try graph.subtract(magnified, try graph.subtract(magnified, value))
      if isFinite { return rounded }
      // 0 within half's range, at least 32 beyond it.
      let limit = HalfPrecision.largest
      let excess = try graph.subtract(rounded, try graph.clip(rounded, -limit...limit))
      return try graph.add(rounded, try graph.scale(excess, by: .greatestFiniteMagnitude))
    }
  }
}
