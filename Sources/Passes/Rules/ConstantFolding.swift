package import Graphs
import OrderedCollections
import Interpreter
import Tensors

/// Computes what depends on constants alone, with the interpreter.
///
/// A result that would take more room in the file than its operands stays a computation, but for small ones: a position
/// table of 210 KB must not become 42 MB of biases. Results that only view an operand's elements cost nothing.
package struct ConstantFolding: Pass {
  package let name = "constant-folding"

  package init() {}

  /// A result may have this many bytes in any case.
  private static let smallByteCount = 1 << 16
  /// What all small results together may have.
  private static let growthLimit = 4 << 20
  /// Elements that the interpreter computes at most for one node.
  private static let countLimit = 1 << 24
  private static let views: Set<String> = ["Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"]
  /// Operators that give back elements of their operands, of any size.
  private static let movers: Set<String> = views.union([
    "Slice", "Split", "Concat", "Gather", "Expand", "Tile", "Cast", "Where", "Pad", "GatherElements", "GatherND",
  ])
  /// Integers from here on aren't all exact in the interpreter's float32.
  private static let exactLimit = 1 << 24

  package func apply(to graph: Graph) throws -> PassResult? {
    var known: [Value: Tensor] = [:]
    var labels: [String] = []
    var growth = 0
    for node in graph.nodes where !node.inputs.isEmpty {
      let operands = node.inputs.map { $0.flatMap { graph.constant($0) ?? known[$0] } }
      guard zip(node.inputs, operands).allSatisfy({ $0 == nil || $1 != nil }) else { continue }
      let bytes = node.outputs.reduce(0) { $0 + (graph.type(of: $1).byteCount ?? .max / 8) }
      let isView = Self.views.contains(node.operator)
      let excess = bytes - operands.reduce(0) { $0 + ($1?.byteCount ?? 0) }
      if !isView, excess > 0 {
        guard bytes <= Self.smallByteCount, growth + excess <= Self.growthLimit else { continue }
        growth += excess
      }
      guard let results = try results(of: node, operands, in: graph) else { continue }
      for (value, result) in zip(node.outputs, results) { known[value] = result }
      labels.append(node.name)
    }
    guard !labels.isEmpty else { return nil }
    var rebuilder = try GraphRebuilder(copyingInputsOf: graph)
    func define(_ value: Value) {
      guard let tensor = known[value], !rebuilder.isKnown(value) else { return }
      rebuilder.map(value, to: rebuilder.graph.constant(tensor, name: graph.name(of: value)))
    }
    for node in graph.nodes where known[node.outputs[0]] == nil {
      for case let input? in node.inputs { define(input) }
      try rebuilder.copy(node)
    }
    for (_, value) in graph.outputs { define(value) }
    var result = try rebuilder.finished()
    result.removeUnusedNodes()
    return PassResult(result, patches: labels)
  }

  private func results(of node: Node, _ operands: [Tensor?], in graph: Graph) throws -> [Tensor]? {
    let types = node.outputs.map { graph.type(of: $0) }
    if Self.views.contains(node.operator), let operand = operands[0], let shape = types[0].constantShape {
      switch node.operator {
      case "Identity": return [operand]
      case "Transpose": return [operand.permuted(node.ints("perm") ?? Array((0..<operand.shape.rank).reversed()))]
      default: return [operand.reshaped(Shape(shape))]
      }
    }
    guard Evaluation.operators.contains(node.operator),
      types.allSatisfy({ ($0.constantShape?.reduce(1, *) ?? .max) <= Self.countLimit }),
      operands.allSatisfy({ ($0?.count ?? 0) <= Self.countLimit }),
      Self.movers.contains(node.operator) || operands.allSatisfy({ $0.map(isExact) ?? true })
    else { return nil }
    return try Evaluation(node, operands, types: types).results()
  }

  /// Whether the interpreter's float32 holds every element.
  private func isExact(_ tensor: Tensor) -> Bool {
    switch tensor.elementType {
    case .float64: return false
    case .int64, .int32:
      return tensor.converted(to: .int64).array(of: Int64.self).allSatisfy { $0.magnitude < Self.exactLimit }
    default: return true
    }
  }
}

extension TensorType {
  /// The bytes of its elements; nil while an extent is open.
  fileprivate var byteCount: Int? { constantShape.map { $0.reduce(1, *) * elementType.byteCount } }
}
