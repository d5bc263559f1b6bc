package import Graphs
import Tensors

/// Instance normalisation of many values in pooled form: for OpenVINO.
///
/// OpenVINO adds a channel's values up one by one in float32. On scans, where most voxels are background and so nearly
/// equal, the rounding errors of such a sum all go the same way: a normalisation of 96³ voxels is off by up to 6e-3 of
/// its largest value, where ``PooledNormalization`` is off by 5e-6. Means along one axis after the other are no way
/// out: OpenVINO makes one of them.
package struct InstanceNormalizationLowering: RewriteRule {
  package let name = "instance-normalization-lowering"
  package let operators: Set<String> = ["InstanceNormalization"]

  /// Channels of fewer values are left alone.
  private static let smallest = 1 << 12

  package init() {}

  package func patch(_ node: Node, _ index: GraphIndex) throws -> Patch? {
    guard node.inputs.count == 3, let input = node.inputs[0], let scale = node.inputs[1], let bias = node.inputs[2]
    else { return nil }
    let type = index.graph.type(of: input)
    var extents = type.spatial.compactMap(\.constant)
    guard type.elementType == .float32, (3...5).contains(type.rank), extents.count == type.rank - 2,
      let channels = type.shape[1].constant, extents.reduce(1, *) >= Self.smallest
    else { return nil }
    // The groups of a group normalisation have one long axis.
    let isReshaped = extents.count == 1
    if isReshaped {
      let width = PooledNormalization.largestDivisor(of: extents[0], upTo: Int(Double(extents[0]).squareRoot()))
      extents = [extents[0] / width, width]
    }
    let normalization = PooledNormalization(
      channels: channels, groups: channels, extents: extents, epsilon: node.float("epsilon") ?? 1e-5, name: node.name)
    let shape = [1, channels] + extents.map { _ in 1 }
    return Patch(node.name, operands: [input, scale, bias]) { rebuilder in
      var values = try rebuilder.value(input)
      if isReshaped { values = try rebuilder.graph.reshape(values, [-1, channels] + extents) }
      let (oldScale, oldBias) = (try rebuilder.value(scale), try rebuilder.value(bias))
      let scale = try rebuilder.graph.reshape(oldScale, shape)
      let bias = try rebuilder.graph.reshape(oldBias, shape)
      let result = try normalization.append(to: &rebuilder, input: values, scale: scale, bias: bias)
      return [isReshaped ? try rebuilder.graph.reshape(result, to: type.shape) : result]
    }
  }
}
