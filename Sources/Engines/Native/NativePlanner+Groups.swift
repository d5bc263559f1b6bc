import CKernels
import Graphs
import Tensors

/// Convolutions in groups: one channel each, or several.
extension NativePlanner {
  mutating func groupedConvolution(_ node: Node) throws -> Bool {
    guard let given = node.inputs[0], constant(given) == nil, isFloat(given), let weightValue = node.inputs[1],
      let weight = constant(weightValue), let groups = node.int("group"), groups > 1
    else { return false }
    let (input, front) = paddedSource(given)
    let isTransposed = node.operator == "ConvTranspose"
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    let kernel = Array(weight.shape.dimensions[2...])
    guard NativeValue.isSpatial(from), from[1] == groups, to[1] == groups,
      kernel.max() ?? 0 <= MARTLET_MOST_DEPTHWISE_TAPS,
      (node.ints("strides") ?? []).allSatisfy({ $0 <= MARTLET_MOST_DEPTHWISE_TAPS })
    else { return false }
    var bias = node.inputs.count > 2 ? floats(node.inputs[2]) : nil
    if node.inputs.count > 2, node.inputs[2] != nil, bias == nil { return false }
    let channels = to[1]
    var value = node.outputs[0]
    var factors: [Float]?
    if let next = onlyConsumer(value), next.node.operator == "BatchNormalization",
      let known = try batchFactors(next.node)
    {
      absorbed.insert(next.index)
      value = next.node.outputs[0]
      factors = known.scale
      bias = (0..<channels).map { (bias?[$0] ?? 0) * known.scale[$0] + known.shift[$0] }
    }
    let source = try blocked(input, allowsLoad: true)
    let call = try absorbFunction(&value)
    let residual = try absorbAddition(&value)
    let addend = try residual.map { try blocked($0) }
    let slopes = try absorbRectifier(&value)
    var shape = Self.convolutionShape(node, from, to, weight.shape.dimensions, isTransposed: isTransposed)
    shape.pad = (shape.pad.0 + Int32(front[0]), shape.pad.1 + Int32(front[1]), shape.pad.2 + Int32(front[2]))
    let weights = prepared.weights("\(node.name) depthwise", count: martlet_depthwise_weight_count(&shape)) { target in
      var values = weight.converted(to: .float32).contiguous()
      if let factors {
        let taps = kernel.reduce(1, *)
        values.withMutableElements(of: Float.self) { elements in
          for index in elements.indices { elements[index] *= factors[index / taps] }
        }
      }
      values.withElements(of: Float.self) { source in
        if let base = source.baseAddress { martlet_depthwise_prepare(&shape, base, target) }
      }
    }
    let result = NativeValue(slot: arena.allocate(NativeValue.count(to, isBlocked: true)), shape: to, isBlocked: true)
    define(value, result)
    let scratch = arena.allocate(martlet_depthwise_scratch_count(&shape, Int32(threads.count)))
    let filler = Array(repeating: Float(0), count: NativeValue.paddedChannels(channels) - channels)
    let (biases, slope) = (bias.map { FixedFloats($0 + filler) }, slopes.map { FixedFloats($0 + filler) })
    let positions = (isTransposed ? from : to)[2...].reduce(1, *)
    step(
      node.name, isTransposed ? "depthwise, transposed" : "depthwise",
      operations: 2 * from[0] * positions * weight.count
    ) { [shape] run in
      var shape = shape
      var extras = martlet_convolution_extras()
      if let load = source.load {
        extras.load_scale = UnsafePointer(run.pointer(load.scale))
        extras.load_shift = UnsafePointer(run.pointer(load.shift))
        extras.load_slope = UnsafePointer(run.pointer(load.slope))
      }
      extras.bias = biases?.pointer
      extras.slope = slope?.pointer
      extras.residual = addend.map { UnsafePointer(run.pointer($0.slot)) }
      martlet_depthwise_run(
        run.pool.pool, &shape, &extras, call, weights.pointer, run.pointer(source.slot), run.pointer(result.slot),
        run.pointer(scratch))
    }
    arena.release(scratch)
    return true
  }

  /// The weights of a convolution in groups as those of one without, zero between the groups.
  static func ungrouped(_ weight: Tensor, groups: Int) -> Tensor {
    let dimensions = weight.shape.dimensions
    let (first, second, taps) = (dimensions[0], dimensions[1], dimensions[2...].reduce(1, *))
    let values = weight.converted(to: .float32).contiguous().array(of: Float.self)
    var result = [Float](repeating: 0, count: first * second * groups * taps)
    // The first axis runs over all groups, the second over one's channels: [out, in / groups], or [in, out / groups].
    for row in 0..<first {
      let group = row / (first / groups)
      for column in 0..<second {
        let source = (row * second + column) * taps
        let target = (row * second * groups + group * second + column) * taps
        for tap in 0..<taps { result[target + tap] = values[source + tap] }
      }
    }
    return Tensor(result, Shape([first, second * groups] + dimensions[2...]))
  }
}
