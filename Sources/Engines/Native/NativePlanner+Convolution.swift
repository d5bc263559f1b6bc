import CKernels
import Graphs
import Tensors

extension NativePlanner {
  /// A convolution with what follows it: batch normalisation, residual, activation, and the statistics that a
  /// normalisation needs.
  mutating func convolution(_ node: Node) throws -> Bool {
    guard let given = node.inputs[0], constant(given) == nil, isFloat(given), let weightValue = node.inputs[1],
      var weightTensor = constant(weightValue)
    else { return false }
    let (input, front) = paddedSource(given)
    let groups = node.int("group") ?? 1
    let isTransposed = node.operator == "ConvTranspose"
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    if groups > 1 {
      guard from[1] != groups || to[1] != groups else { return false }
      weightTensor = Self.ungrouped(weightTensor, groups: groups)
    }
    let weightShape = weightTensor.shape.dimensions
    var bias = node.inputs.count > 2 ? floats(node.inputs[2]) : nil
    if node.inputs.count > 2, node.inputs[2] != nil, bias == nil { return false }
    if try windowProduct(node, bias: bias) { return true }
    guard NativeValue.isSpatial(from), weightShape[2...].reduce(1, *) <= 512, weightShape[2] <= 64 else { return false }
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
    let isPlainInput = from[1] <= 4
    let source = try isPlainInput ? plain(input, allowsLoad: true) : blocked(input, allowsLoad: true)
    let residual = try absorbAddition(&value)
    let slopes = try absorbRectifier(&value)
    let isPlainOutput = channels <= 4 || (channels <= 16 && outputValues.contains(value))
    let addend = try residual.map { try isPlainOutput ? plain($0) : blocked($0) }

    var shape = Self.convolutionShape(node, from, to, weightShape, isTransposed: isTransposed)
    shape.pad = (shape.pad.0 + Int32(front[0]), shape.pad.1 + Int32(front[1]), shape.pad.2 + Int32(front[2]))
    shape.plain_input = isPlainInput ? 1 : 0
    shape.plain_output = isPlainOutput ? 1 : 0
    let kernel = savesMemory ? MARTLET_DIRECT : martlet_convolution_choice(&shape, nil)
    let weights = prepareWeights(node, &shape, kernel, weightTensor, factors)

    var result = NativeValue(
      slot: arena.allocate(NativeValue.count(to, isBlocked: !isPlainOutput)), shape: to, isBlocked: !isPlainOutput)
    let padded = NativeValue.paddedChannels(channels)
    // Statistics of plain outputs are gathered by a step of their own, in their own layout.
    if !isPlainOutput, feedsNormalization(value) { result.statistics = arena.allocate(to[0] * padded * 4) }
    define(value, result)
    let scratch = arena.allocate(martlet_convolution_scratch_count(&shape, kernel, Int32(threads.count)))
    let filler = Array(repeating: Float(0), count: padded - channels)
    let biases = bias.map { FixedFloats($0 + filler) }
    let slope = slopes.map { FixedFloats($0 + filler) }
    let positions = (isTransposed ? from : to)[2...].reduce(1, *)
    let operations = 2 * from[0] * positions * weightShape.reduce(1, *)
    step(node.name, Self.title(kernel, shape), operations: operations) { [shape, result] run in
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
      extras.statistics = result.statistics.map { run.doubles($0) }
      martlet_convolution_run(
        run.pool.pool, &shape, kernel, &extras, weights.pointer, run.pointer(source.slot), run.pointer(result.slot),
        run.pointer(scratch))
    }
    arena.release(scratch)
    return true
  }

  static func convolutionShape(
    _ node: Node, _ from: [Int], _ to: [Int], _ weight: [Int], isTransposed: Bool
  ) -> martlet_convolution {
    let rank = from.count - 2
    func three(_ values: [Int]?, _ filler: Int) -> (Int32, Int32, Int32) {
      let given = values.map { Array($0.prefix(rank)) } ?? Array(repeating: filler, count: rank)
      let all = (Array(repeating: filler, count: 3 - rank) + given).map(Int32.init)
      return (all[0], all[1], all[2])
    }
    return martlet_convolution(
      batch: Int32(from[0]), in_channels: Int32(from[1]), out_channels: Int32(to[1]),
      in: three(Array(from[2...]), 1), out: three(Array(to[2...]), 1), kernel: three(Array(weight[2...]), 1),
      stride: three(node.ints("strides"), 1), dilation: three(node.ints("dilations"), 1),
      pad: three(node.ints("pads"), 0), transposed: isTransposed ? 1 : 0, plain_input: 0, plain_output: 0)
  }

  private static func title(_ kernel: martlet_convolution_kernel, _ shape: martlet_convolution) -> String {
    guard kernel != MARTLET_DIRECT else { return shape.transposed != 0 ? "direct, transposed" : "direct" }
    let size = Int(kernel.rawValue)
    let taps = size > 1000 && size < 10000 ? " of \(size / 1000) taps" : ""
    let stride = shape.transposed != 0 ? ", transposed" : size > 10000 ? ", stride 2" : ""
    return "winograd \(size / 100 % 10)×\(size / 10 % 10)×\(size % 10)\(taps)\(stride)"
  }

  /// The weights as the kernel wants them, with the factors of a batch normalisation; made once for all plans.
  private func prepareWeights(
    _ node: Node, _ shape: inout martlet_convolution, _ kernel: martlet_convolution_kernel, _ weight: Tensor,
    _ factors: [Float]?
  ) -> FixedFloats {
    let count = martlet_convolution_weight_count(&shape, kernel)
    return prepared.weights("\(node.name) \(kernel.rawValue) \(shape.plain_input)", count: count) { target in
      var values = weight.converted(to: .float32).contiguous()
      if let factors {
        let taps = weight.shape.dimensions[2...].reduce(1, *)
        let (channels, isTransposed) = (factors.count, shape.transposed != 0)
        let inner = weight.shape[1]
        values.withMutableElements(of: Float.self) { elements in
          for index in elements.indices {
            let channel = isTransposed ? index / taps % inner : index / taps / inner
            elements[index] *= factors[channel % channels]
          }
        }
      }
      values.withElements(of: Float.self) { source in
        guard let base = source.baseAddress else { return }
        threads.use { martlet_convolution_prepare(threads.pool, &shape, kernel, base, target) }
      }
    }
  }
}
