import CKernels
import Graphs
import Tensors

/// A convolution while a plan is made, with the layers behind it that its step computes.
struct NativeConvolution {
  let node: Node
  /// What is read, before any padding that the convolution does itself.
  let input: Value
  /// More channels of the input that lie in a value of their own.
  var tail: Value?
  let from, to: [Int]
  /// Of all groups as the graph has it, or with zeros between groups of several channels.
  private(set) var weight: Tensor
  let isTransposed: Bool
  /// Groups of one channel each.
  let isDepthwise: Bool
  var shape: martlet_convolution
  var bias: [Float]?
  /// What happens to the sums, in this order: a function, an addend of the output's shape, and a rectifier.
  var function = martlet_function_call(function: MARTLET_IDENTITY, a: 0, b: 0)
  var residual: Value?
  var residualForm, tailForm: NativeValue?
  var slopes: [Float]?
  /// What the function of the one output channel is multiplied with; the products are what is stored.
  var gated: NativeValue?
  /// What comes out behind all that is absorbed.
  var value: Value
  /// Whether `value` is an output of the graph.
  var isOutput: Bool

  var isPlainInput: Bool { from[1] <= 4 }
  var isPlainOutput: Bool {
    gated != nil
      || !isDepthwise && function.function == MARTLET_IDENTITY
        && (to[1] <= 4 || (isOutput && (to[1] <= 16 || (isPointwise && !isPlainInput))))
  }

  /// Whether the kernels of convolutions without groups take it.
  var takesKernel: Bool {
    let taps = weight.shape.dimensions[2...]
    return !isDepthwise && taps.reduce(1, *) <= 512 && weight.shape[2] <= 64
  }

  /// One tap at every position of the input.
  var isPointwise: Bool {
    !isTransposed && !isDepthwise && from[2...] == to[2...] && weight.shape.dimensions[2...].allSatisfy { $0 == 1 }
      && shape.pad == (0, 0, 0) && shape.stride == (1, 1, 1)
  }

  /// Adds another convolution of one tap to this one, whose inputs are then the channels of both.
  mutating func add(_ other: NativeConvolution, sum: Value) {
    let (own, more) = (floatWeight(), other.floatWeight())
    let (first, second) = (own.array(of: Float.self), more.array(of: Float.self))
    let (count, moreCount) = (own.shape[1], more.shape[1])
    var rows: [Float] = []
    for channel in 0..<to[1] {
      rows += first[channel * count..<(channel + 1) * count]
      rows += second[channel * moreCount..<(channel + 1) * moreCount]
    }
    weight = Tensor(rows, Shape([to[1], count + moreCount] + weight.shape.dimensions[2...]))
    if bias != nil || other.bias != nil {
      bias = (0..<to[1]).map { (bias?[$0] ?? 0) + (other.bias?[$0] ?? 0) }
    }
    tail = other.input
    shape.in_channels += other.shape.in_channels
    value = sum
  }

  /// Multiplications and additions as the layer is written.
  var operations: Int { 2 * from[0] * (isTransposed ? from : to)[2...].reduce(1, *) * weight.count }

  func floatWeight() -> Tensor { weight.converted(to: .float32).contiguous() }
}

/// What a convolution does to its outputs, at addresses that stay; arrays of channels are padded to whole blocks.
struct ChannelFactors: Sendable {
  let bias, slope: FixedFloats?
  let function: martlet_function_call
  let residual, tail, gated: NativeValue?

  init(_ layer: NativeConvolution) {
    let channels = layer.to[1]
    let filler = Array(repeating: Float(0), count: NativeValue.paddedChannels(channels) - channels)
    bias = layer.bias.map { FixedFloats($0 + filler) }
    slope = layer.slopes.map { FixedFloats($0 + filler) }
    function = layer.function
    residual = layer.residualForm
    tail = layer.tailForm
    gated = layer.gated
  }
}

extension NativeRun {
  /// What is done to the elements that a convolution reads from `source` and writes to `result`.
  func extras(_ factors: ChannelFactors, source: NativeValue?, result: NativeValue?) -> martlet_convolution_extras {
    var extras = martlet_convolution_extras()
    if let load = source?.load {
      extras.load_scale = UnsafePointer(pointer(load.scale))
      extras.load_shift = UnsafePointer(pointer(load.shift))
      extras.load_slope = UnsafePointer(pointer(load.slope))
    }
    if let tail = factors.tail {
      extras.tail_input = UnsafePointer(pointer(tail.slot))
      extras.tail_channels = Int32(tail.shape[1])
    }
    if let gated = factors.gated {
      extras.gated = UnsafePointer(pointer(gated.slot))
      extras.gated_channels = Int32(gated.shape[1])
    }
    extras.bias = factors.bias?.pointer
    extras.function = factors.function
    extras.slope = factors.slope?.pointer
    extras.residual = factors.residual.map { UnsafePointer(pointer($0.slot)) }
    extras.statistics = result?.statistics.map { doubles($0) }
    return extras
  }
}

extension NativePlanner {
  /// The convolution that a node is; nil for one whose weights aren't known.
  func convolutionLayer(_ node: Node) throws -> NativeConvolution? {
    guard ["Conv", "ConvTranspose"].contains(node.operator), let given = node.inputs[0], constant(given) == nil,
      isFloat(given), let weightValue = node.inputs[1], var weight = constant(weightValue)
    else { return nil }
    let bias = node.inputs.count > 2 ? floats(node.inputs[2]) : nil
    if node.inputs.count > 2, node.inputs[2] != nil, bias == nil { return nil }
    let (input, front) = paddedSource(given)
    let (from, to) = (try shape(of: input), try shape(of: node.outputs[0]))
    guard NativeValue.isSpatial(from) else { return nil }
    let groups = node.int("group") ?? 1
    let isDepthwise = groups > 1 && from[1] == groups && to[1] == groups
    if groups > 1, !isDepthwise { weight = Self.ungrouped(weight, groups: groups) }
    let isTransposed = node.operator == "ConvTranspose"
    var shape = Self.convolutionShape(node, from, to, weight.shape.dimensions, isTransposed: isTransposed)
    shape.pad = (shape.pad.0 + Int32(front[0]), shape.pad.1 + Int32(front[1]), shape.pad.2 + Int32(front[2]))
    return NativeConvolution(
      node: node, input: input, from: from, to: to, weight: weight, isTransposed: isTransposed,
      isDepthwise: isDepthwise, shape: shape, bias: bias, value: node.outputs[0],
      isOutput: outputValues.contains(node.outputs[0]))
  }

  private static func convolutionShape(
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

  /// The weights of a convolution in groups as those of one without, zero between the groups.
  private static func ungrouped(_ weight: Tensor, groups: Int) -> Tensor {
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

  /// The function, the addition and the rectifier behind a convolution become parts of its step.
  mutating func absorbFollowers(_ layer: inout NativeConvolution) throws {
    let isRectified = try onlyConsumer(layer.value).map { try slopes(of: $0.node, channels: layer.to[1]) != nil }
    if layer.isDepthwise || layer.to[1] > 4, isRectified != true {
      layer.function = absorbFunction(&layer.value, inBlocks: true)
    }
    layer.residual = try absorbAddition(&layer.value)
    layer.slopes = try absorbRectifier(&layer.value)
    try absorbGate(&layer)
    layer.isOutput = outputValues.contains(layer.value)
    layer.shape.plain_output = layer.isPlainOutput ? 1 : 0
  }

  /// An attention gate: the product of a tensor with a function of the one channel that comes out.
  private mutating func absorbGate(_ layer: inout NativeConvolution) throws {
    guard layer.isPointwise, !layer.isPlainInput, layer.to[1] == 1, layer.isPlainOutput, layer.residual == nil,
      layer.slopes == nil
    else { return }
    var (value, nodes, function) = (layer.value, [Int](), layer.function)
    if let next = onlyConsumer(value), next.node.inputs[0] == value, let call = functionCall(next.node) {
      function = call
      nodes.append(next.index)
      value = next.node.outputs[0]
    }
    guard let product = onlyConsumer(value), product.node.operator == "Mul",
      let other = product.node.inputs.compactMap(\.self).first(where: { $0 != value }),
      let form = blockedForm(other), form.load == nil, form.shape[0] == layer.to[0], form.shape[2...] == layer.to[2...]
    else { return }
    absorbed.formUnion(nodes + [product.index])
    layer.function = function
    layer.gated = form
    layer.value = product.node.outputs[0]
  }
}
