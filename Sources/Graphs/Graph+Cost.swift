import OrderedCollections

extension Graph {
  /// The additions and multiplications of one run, each counted once, at the given batch: two for every product that a
  /// convolution or matrix product sums up, one for every element of a window that pooling looks at, and one for every
  /// element that another operator computes. Operators that only move elements cost nothing. nil when an extent has
  /// another symbol than `batch`.
  package func operationCount(batch: Int) -> Double? {
    var sum = 0.0
    for node in nodes {
      guard let cost = operationCount(of: node, batch: batch) else { return nil }
      sum += cost
    }
    return sum
  }

  /// The same of one node.
  package func operationCount(of node: Node, batch: Int) -> Double? {
    func extents(_ value: Value) -> [Double]? {
      let numbers = type(of: value).shape.map { $0.evaluated(["batch": batch]).map(Double.init) }
      let known = numbers.compactMap(\.self)
      return known.count == numbers.count ? known : nil
    }
    func operand(_ index: Int) -> [Double]? {
      index < node.inputs.count ? node.inputs[index].flatMap(extents) : nil
    }
    guard let shapes = node.outputs.map(extents).first ?? nil else { return nil }
    let elements = shapes.reduce(1, *)
    switch node.operator {
    case "Conv":
      // Each output element sums the products of one window over its group's channels.
      return operand(1).map { 2 * elements * $0.dropFirst().reduce(1, *) }
    case "ConvTranspose":
      // Each input element is multiplied by one window for each output channel of its group.
      guard let input = operand(0), let weight = operand(1) else { return nil }
      return 2 * input.reduce(1, *) * weight.dropFirst().reduce(1, *)
    case "MatMul": return operand(0)?.last.map { 2 * elements * $0 }
    case "Gemm":
      guard let left = operand(0), left.count == 2 else { return nil }
      if case .int(1)? = node.attributes["transA"] { return 2 * elements * left[0] }
      return 2 * elements * left[1]
    case "MaxPool", "AveragePool":
      guard case .ints(let kernel)? = node.attributes["kernel_shape"] else { return nil }
      return elements * Double(kernel.reduce(1, *))
    case let name where Self.movingOperators.contains(name): return 0
    case let name where name.hasPrefix("Reduce") || name.hasPrefix("Global") || name.hasPrefix("Arg"):
      return operand(0)?.reduce(1, *)
    default: return elements
    }
  }

  /// Operators that only move elements.
  private static let movingOperators: Set<String> = [
    "Identity", "Concat", "Reshape", "Transpose", "Slice", "Split", "Squeeze", "Unsqueeze", "Flatten", "Gather",
    "GatherElements", "GatherND", "Pad", "Expand", "Tile",
  ]
}
