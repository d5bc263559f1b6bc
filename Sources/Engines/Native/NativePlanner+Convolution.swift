import CKernels
import Graphs
import Tensors

extension NativePlanner {
  /// A convolution with what follows it: function, residual, activation, and the statistics that a normalisation needs. Two
  /// of one tap with a function between them are one step. A batch normalisation is in the weights already where the
  /// optimisation passes ran.
  mutating func convolution(_ node: Node) throws -> Bool {
    guard var layer = try convolutionLayer(node) else { return false }
    if try windowProduct(node, bias: layer.bias) { return true }
    guard layer.takesKernel else { return false }
    let source = try layer.isPlainInput ? plain(layer.input, allowsLoad: true) : blocked(layer.input, allowsLoad: true)
    layer.shape.plain_input = layer.isPlainInput ? 1 : 0
    if source.load == nil { try absorbPointwiseSummand(&layer) }
    layer.tailForm = try layer.tail.map { try blocked($0) }
    try absorbFollowers(&layer)
    if let second = try pointwiseFollower(of: layer) {
      try emitPair(layer, second, source)
      return true
    }
    layer.residualForm = try layer.residual.map { try layer.isPlainOutput ? plain($0) : blocked($0) }
    let kernel = savesMemory ? MARTLET_DIRECT : martlet_convolution_choice(&layer.shape, nil)
    let weights = prepareWeights(layer, kernel)
    let result = try convolutionResult(layer)
    var shape = layer.shape
    let scratch = arena.allocate(martlet_convolution_scratch_count(&shape, kernel, Int32(threads.count)))
    let factors = ChannelFactors(layer)
    step(node.name, Self.title(kernel, shape), operations: layer.operations) { [shape] run in
      var shape = shape
      var extras = run.extras(factors, source: source, result: result)
      martlet_convolution_run(
        run.pool.pool, &shape, kernel, &extras, weights.pointer, run.pointer(source.slot), run.target(result),
        run.pointer(scratch))
    }
    arena.release(scratch)
    return true
  }

  /// Two convolutions of one tap as one step, which doesn't store what comes between them.
  private mutating func emitPair(_ first: NativeConvolution, _ second: NativeConvolution, _ source: NativeValue) throws
  {
    var second = second
    second.residualForm = try second.residual.map { try second.isPlainOutput ? plain($0) : blocked($0) }
    let weights = [first, second].map { prepareWeights($0, MARTLET_DIRECT) }
    let result = try convolutionResult(second)
    var shapes = [first.shape, second.shape]
    let scratch = arena.allocate(
      martlet_pointwise_pair_scratch_count(&shapes[0], &shapes[1], Int32(threads.count)))
    let factors = [ChannelFactors(first), ChannelFactors(second)]
    step(first.node.name, "direct pair", operations: first.operations + second.operations) { [shapes] run in
      var shapes = shapes
      var before = run.extras(factors[0], source: source, result: nil)
      var extras = run.extras(factors[1], source: nil, result: result)
      martlet_pointwise_pair_run(
        run.pool.pool, &shapes[0], &before, weights[0].pointer, &shapes[1], &extras, weights[1].pointer,
        run.pointer(source.slot), run.target(result), run.pointer(scratch))
    }
    arena.release(scratch)
  }

  /// Another convolution of one tap whose result alone is added to this one's, absorbed with the addition.
  private mutating func absorbPointwiseSummand(_ layer: inout NativeConvolution) throws {
    guard layer.isPointwise, !layer.isPlainInput, layer.from[1] % 16 == 0,
      let sum = onlyConsumer(layer.value), sum.node.operator == "Add",
      let addend = sum.node.inputs.compactMap(\.self).first(where: { $0 != layer.value }), !isPlanned(addend),
      onlyConsumer(addend)?.index == sum.index, let producer = pointwiseProducer(of: addend),
      let other = try convolutionLayer(graph.nodes[producer]), other.isPointwise, other.takesKernel,
      !other.isPlainInput, other.to == layer.to, let form = blockedForm(other.input), form.load == nil
    else { return }
    absorbed.formUnion([producer, sum.index])
    layer.add(other, sum: sum.node.outputs[0])
  }

  /// The convolution whose result a value is.
  private func pointwiseProducer(of value: Value) -> Int? {
    graph.nodes.indices.first {
      graph.nodes[$0].operator == "Conv" && graph.nodes[$0].outputs[0] == value && !absorbed.contains($0)
    }
  }

  /// The convolution of one tap that alone reads what comes out of another one, with what follows it; absorbed.
  private mutating func pointwiseFollower(of layer: NativeConvolution) throws -> NativeConvolution? {
    guard layer.isPointwise, !layer.isPlainInput, !layer.isPlainOutput, layer.residual == nil,
      let next = onlyConsumer(layer.value), next.node.inputs[0] == layer.value, !outputValues.contains(layer.value),
      var second = try convolutionLayer(next.node), second.isPointwise, second.takesKernel
    else { return nil }
    absorbed.insert(next.index)
    try absorbFollowers(&second)
    return second
  }

  /// A slot for what comes out, and one for its statistics where a normalisation reads it.
  mutating func convolutionResult(_ layer: NativeConvolution) throws -> NativeValue {
    if let gated = layer.gated {
      let result = NativeValue(
        slot: try resultSlot(layer.value, gated.shape, isBlocked: true), shape: gated.shape, isBlocked: true)
      define(layer.value, result)
      return result
    }
    let isBlocked = !layer.isPlainOutput
    if !isBlocked, let output = soleOutput(layer.value) {
      var result = NativeValue(slot: arena.allocate(0), shape: layer.to)
      result.output = output
      define(layer.value, result)
      return result
    }
    let slot = try resultSlot(
      layer.value, layer.to, isBlocked: isBlocked, over: [(layer.residual, layer.residualForm)])
    var result = NativeValue(slot: slot, shape: layer.to, isBlocked: isBlocked)
    // Statistics of plain outputs are gathered by a step of their own, in their own layout.
    if isBlocked, feedsNormalization(layer.value) {
      result.statistics = arena.allocate(layer.to[0] * NativeValue.paddedChannels(layer.to[1]) * 4)
    }
    define(layer.value, result)
    return result
  }

  private static func title(_ kernel: martlet_convolution_kernel, _ shape: martlet_convolution) -> String {
    guard kernel != MARTLET_DIRECT else { return shape.transposed != 0 ? "direct, transposed" : "direct" }
    let size = Int(kernel.rawValue)
    let taps = size > 1000 && size < 10000 ? " of \(size / 1000) taps" : ""
    let stride = shape.transposed != 0 ? ", transposed" : size > 10000 ? ", stride 2" : ""
    return "winograd \(size / 100 % 10)×\(size / 10 % 10)×\(size % 10)\(taps)\(stride)"
  }

  /// The weights as the kernel wants them; made once for all plans.
  private func prepareWeights(_ layer: NativeConvolution, _ kernel: martlet_convolution_kernel) -> FixedFloats {
    var shape = layer.shape
    let count = martlet_convolution_weight_count(&shape, kernel)
    let form = "\(kernel.rawValue) \(shape.plain_input) \(shape.plain_output) \(shape.in_channels)"
    return prepared.weights("\(layer.node.name) \(form)", count: count) { target in
      layer.floatWeight().withElements(of: Float.self) { source in
        guard let base = source.baseAddress else { return }
        threads.use { martlet_convolution_prepare(threads.pool, &shape, kernel, base, target) }
      }
      layer.weight.giveBackPages()
    }
  }
}
