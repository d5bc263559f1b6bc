import CKernels
import Graphs
import Tensors

/// Convolutions in groups of one channel each.
extension NativePlanner {
  mutating func depthwiseConvolution(_ node: Node) throws -> Bool {
    guard var layer = try convolutionLayer(node), layer.isDepthwise,
      layer.weight.shape.dimensions[2...].allSatisfy({ $0 <= MARTLET_MOST_DEPTHWISE_TAPS }),
      (node.ints("strides") ?? []).allSatisfy({ $0 <= MARTLET_MOST_DEPTHWISE_TAPS })
    else { return false }
    let source = try blocked(layer.input, allowsLoad: true)
    try absorbFollowers(&layer)
    layer.residualForm = try layer.residual.map { try blocked($0) }
    var shape = layer.shape
    let weights = prepared.weights("\(node.name) depthwise", count: martlet_depthwise_weight_count(&shape)) { target in
      layer.floatWeight().withElements(of: Float.self) { source in
        if let base = source.baseAddress { martlet_depthwise_prepare(&shape, base, target) }
      }
    }
    let result = try convolutionResult(layer)
    let scratch = arena.allocate(martlet_depthwise_scratch_count(&shape, Int32(threads.count)))
    let factors = ChannelFactors(layer)
    step(
      node.name, layer.isTransposed ? "depthwise, transposed" : "depthwise", operations: layer.operations
    ) { [shape] run in
      var shape = shape
      var extras = run.extras(factors, source: source, result: result)
      martlet_depthwise_run(
        run.pool.pool, &shape, &extras, weights.pointer, run.pointer(source.slot), run.pointer(result.slot),
        run.pointer(scratch))
    }
    arena.release(scratch)
    return true
  }
}
