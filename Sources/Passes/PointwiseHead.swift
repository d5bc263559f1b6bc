package import Graphs
package import Tensors

/// The last layer of a network whose only output is a pointwise convolution: `logits = weights · features + bias` in every voxel.
///
/// It is linear, so the mean of its results in several windows is its result for the mean of the features. Where the features
/// are fewer than the classes, adding up features takes less memory, and the layer is computed once for each voxel.
package struct PointwiseHead: Sendable {
  /// `[K, C]`, float32, contiguous.
  package let weights: Tensor
  /// K numbers, float32, contiguous; nil for zeros.
  package let bias: Tensor?

  package var outputs: Int { weights.shape[0] }
  package var channels: Int { weights.shape[1] }

  package init(weights: Tensor, bias: Tensor?) {
    self.weights = weights.converted(to: .float32).contiguous()
    self.bias = bias?.converted(to: .float32).contiguous()
  }

  /// Takes the layer off a network.
  /// - Returns: the rest, whose output are the features, and the layer; nil where the network doesn't end in a pointwise
  ///   convolution of constant weights, or ends in one that doesn't have more outputs than inputs.
  package static func split(_ graph: Graph) throws -> (trunk: Graph, head: PointwiseHead)? {
    guard graph.outputs.count == 1, let output = graph.outputs.first,
      let last = graph.nodes.last(where: { $0.outputs.contains(output.value) }), last.operator == "Conv",
      let features = last.inputs.first ?? nil, last.inputs.count > 1,
      let kernel = last.inputs[1].flatMap(graph.constant),
      isPointwise(last, kernel), kernel.shape[1] < kernel.shape[0]
    else { return nil }
    let bias = last.inputs.count > 2 ? last.inputs[2] : nil
    guard bias == nil || bias.flatMap(graph.constant) != nil else { return nil }
    var rebuilder = try GraphRebuilder(copyingInputsOf: graph)
    for node in graph.nodes where node.name != last.name { try rebuilder.copy(node) }
    try rebuilder.graph.output(rebuilder.value(features), name: output.name)
    rebuilder.graph.removeUnusedNodes()
    let head = PointwiseHead(
      weights: kernel.reshaped(Shape([kernel.shape[0], kernel.shape[1]])), bias: bias.flatMap(graph.constant))
    return (rebuilder.graph, head)
  }

  private static func isPointwise(_ node: Node, _ kernel: Tensor) -> Bool {
    guard kernel.shape.rank > 2, kernel.elementType == .float32,
      kernel.shape.dimensions.dropFirst(2).allSatisfy({ $0 == 1 })
    else { return false }
    return node.attributes.allSatisfy { name, value in
      switch (name, value) {
      case ("strides", .ints(let steps)): steps.allSatisfy { $0 == 1 }
      case ("pads", .ints(let widths)): widths.allSatisfy { $0 == 0 }
      case ("group", .int(let groups)): groups == 1
      case ("kernel_shape", _), ("dilations", _), ("auto_pad", _): true
      default: false
      }
    }
  }
}
