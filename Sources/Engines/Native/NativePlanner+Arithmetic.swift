import CKernels
import Graphs
import Tensors

/// Element by element: functions of one operand, and arithmetic of two that broadcast.
extension NativePlanner {
  /// The function that the node computes, with its parameters; nil for a node that isn't one.
  func functionCall(_ node: Node) -> martlet_function_call? {
    func call(_ function: martlet_function, _ a: Float = 0, _ b: Float = 0) -> martlet_function_call {
      martlet_function_call(function: function, a: a, b: b)
    }
    switch node.operator {
    case "Sigmoid": return call(MARTLET_SIGMOID)
    case "Tanh": return call(MARTLET_TANH)
    case "Exp": return call(MARTLET_EXP)
    case "Log": return call(MARTLET_LOG)
    case "Erf": return call(MARTLET_ERF)
    case "Gelu": return call(node.string("approximate") == "tanh" ? MARTLET_GELU_TANH : MARTLET_GELU)
    case "Softplus": return call(MARTLET_SOFTPLUS)
    case "Mish": return call(MARTLET_MISH)
    case "Elu": return call(MARTLET_ELU, node.float("alpha") ?? 1, 1)
    case "Celu":
      let alpha = node.float("alpha") ?? 1
      return call(MARTLET_ELU, alpha, alpha)
    case "Selu": return call(MARTLET_SELU, node.float("alpha") ?? 1.673_263_2, node.float("gamma") ?? 1.050_701)
    case "HardSigmoid": return call(MARTLET_HARD_SIGMOID, node.float("alpha") ?? 0.2, node.float("beta") ?? 0.5)
    case "HardSwish": return call(MARTLET_HARD_SWISH)
    case "Sqrt": return call(MARTLET_SQRT)
    case "Reciprocal": return call(MARTLET_RECIPROCAL)
    case "Abs": return call(MARTLET_ABS)
    case "Neg": return call(MARTLET_AFFINE, -1, 0)
    case "Relu": return call(MARTLET_RECTIFY, 0)
    case "LeakyRelu": return call(MARTLET_RECTIFY, node.float("alpha") ?? 0.01)
    case "Clip":
      let bounds = [(1, -Float.infinity), (2, Float.infinity)].map { index, open -> Float? in
        guard index < node.inputs.count, let bound = node.inputs[index] else { return open }
        return floats(bound)?.first
      }
      guard let low = bounds[0], let high = bounds[1] else { return nil }
      return call(MARTLET_CLIP, low, high)
    default: return nil
    }
  }

  /// Functions that can make infinities of the lanes behind the last channel, which must stay finite.
  private static let wild = [MARTLET_LOG, MARTLET_RECIPROCAL, MARTLET_SQRT]

  /// The function that alone reads `value`, absorbed: x · sigmoid(x) is one, too.
  mutating func absorbFunction(_ value: inout Value, inBlocks: Bool = false) -> martlet_function_call {
    let none = martlet_function_call(function: MARTLET_IDENTITY, a: 0, b: 0)
    if let gate = swishGate(of: value) {
      absorbed.formUnion([gate.sigmoid, gate.product])
      value = graph.nodes[gate.product].outputs[0]
      return martlet_function_call(function: MARTLET_SWISH, a: 0, b: 0)
    }
    guard let next = onlyConsumer(value), next.node.inputs[0] == value, let call = functionCall(next.node),
      !inBlocks || !Self.wild.contains(call.function)
    else { return none }
    absorbed.insert(next.index)
    value = next.node.outputs[0]
    return call
  }

  /// The sigmoid and the product that make x · sigmoid(x) of `value`, when nobody else reads either.
  private func swishGate(of value: Value) -> (sigmoid: Int, product: Int)? {
    guard !outputValues.contains(value), let readers = consumers[value], readers.count == 2,
      let sigmoid = readers.first(where: { graph.nodes[$0].operator == "Sigmoid" }),
      let product = readers.first(where: { graph.nodes[$0].operator == "Mul" }),
      let only = onlyConsumer(graph.nodes[sigmoid].outputs[0]), only.index == product,
      Set(graph.nodes[product].inputs) == [value, graph.nodes[sigmoid].outputs[0]]
    else { return nil }
    return (sigmoid, product)
  }

  mutating func function(_ node: Node) throws -> Bool {
    guard let input = node.inputs[0], constant(input) == nil, isFloat(input), var call = functionCall(node) else {
      return false
    }
    // x · sigmoid(x) is one function.
    var (value, name) = (node.outputs[0], node.operator.lowercased())
    if call.function == MARTLET_SIGMOID, let next = onlyConsumer(value), next.node.operator == "Mul",
      Set(next.node.inputs) == [input, value]
    {
      absorbed.insert(next.index)
      (value, name) = (next.node.outputs[0], "swish")
      call.function = MARTLET_SWISH
    }
    let form = Self.wild.contains(call.function) ? try plain(input) : try materialized(input)
    var result = form
    result.statistics = nil
    result.slot = try resultSlot(value, result.shape, isBlocked: result.isBlocked, over: [(input, form)])
    define(value, result)
    step(node.name, name) { [result, call] run in
      martlet_apply(run.pool.pool, call, run.pointer(form.slot), result.count, run.pointer(result.slot))
    }
    return true
  }

  static let arithmetics: [String: martlet_arithmetic] = [
    "Add": MARTLET_ADD, "Sub": MARTLET_SUBTRACT, "Mul": MARTLET_MULTIPLY, "Div": MARTLET_DIVIDE, "Max": MARTLET_GREATER,
    "Min": MARTLET_LESSER,
  ]

  /// Two operands of any shapes that broadcast.
  mutating func broadcasting(_ node: Node) throws -> Bool {
    guard let arithmetic = Self.arithmetics[node.operator], node.inputs.count == 2, let first = node.inputs[0],
      let second = node.inputs[1], isFloat(node.outputs[0]), isFloat(first), isFloat(second)
    else { return false }
    let shape = try shape(of: node.outputs[0])
    guard shape.count <= 9 else { return false }
    if try scaledView(node, first, second) { return true }
    var value = node.outputs[0]
    let isBlocked = try blockedBroadcast(first, second, shape, node.outputs[0]) && arithmetic != MARTLET_DIVIDE
    let operands = try [first, second].map { operand in
      isBlocked ? try blockedOperand(operand, shape) : try view(operand).expanded(to: shape)
    }
    let call = absorbFunction(&value, inBlocks: isBlocked)
    let extents = isBlocked ? blockedAxes(shape).extents : shape
    let result = NativeValue(
      slot: try resultSlot(value, shape, isBlocked: isBlocked), shape: shape, isBlocked: isBlocked)
    define(value, result)
    step(node.name, node.operator.lowercased()) { run in
      var axes = nativeAxes(extents)
      martlet_combine_strided(
        run.pool.pool, &axes, arithmetic, call, run.pointer(operands[0]), operands[0].strides,
        run.pointer(operands[1]), operands[1].strides, run.pointer(result.slot))
    }
    return true
  }

  /// Multiplied with one number where only a product reads it: the product takes the number.
  private mutating func scaledView(_ node: Node, _ first: Value, _ second: Value) throws -> Bool {
    guard node.operator == "Mul" || node.operator == "Div" else { return false }
    for (input, other) in [(first, second), (second, first)] {
      guard let number = floats(other), number.count == 1, constant(input) == nil, !isHeldBlocked(input),
        try self.shape(of: input) == shape(of: node.outputs[0])
      else { continue }
      if node.operator == "Div", other != second { return false }
      let factor = node.operator == "Div" ? 1 / number[0] : number[0]
      // The first reader behind transpositions and reshapes.
      var value = node.outputs[0]
      while let next = onlyConsumer(value), ["Transpose", "Reshape"].contains(next.node.operator) {
        value = next.node.outputs[0]
      }
      if let next = onlyConsumer(value), next.node.operator == "MatMul" {
        var scaled = try view(input)
        scaled.scale *= factor
        define(node.outputs[0], scaled)
        return true
      }
      let form = try plain(input)
      var result = form
      result.statistics = nil
      result.slot = arena.allocate(result.count)
      define(node.outputs[0], result)
      let call = martlet_function_call(function: MARTLET_AFFINE, a: factor, b: 0)
      step(node.name, "scale") { [result] run in
        martlet_apply(run.pool.pool, call, run.pointer(form.slot), result.count, run.pointer(result.slot))
      }
      return true
    }
    return false
  }

  /// Whether operands that broadcast over samples, positions or all channels are combined in blocks.
  private func blockedBroadcast(_ first: Value, _ second: Value, _ shape: [Int], _ output: Value) throws -> Bool {
    guard NativeValue.prefersBlocks(shape), shape.count <= 8,
      isHeldBlocked(first) || isHeldBlocked(second) || wantsBlocks(output)
    else { return false }
    for operand in [first, second] {
      let own = try self.shape(of: operand)
      guard constant(operand) == nil, own.count == shape.count, own[1] == shape[1] || own[1] == 1 else { return false }
    }
    return true
  }

  /// An operand over the axes of a blocked result.
  private mutating func blockedOperand(_ value: Value, _ shape: [Int]) throws -> NativeView {
    let own = try self.shape(of: value)
    var result: NativeView
    if own[1] == shape[1] {
      let form = try blocked(value)
      let (extents, strides) = blockedAxes(own)
      result = NativeView(.slot(form.slot), shape: extents)
      result.strides = strides
    } else {
      let found = try view(value)
      result = found
      result.shape = [own[0], 1] + own[2...] + [1]
      result.strides = [found.strides[0], 0] + found.strides[2...] + [0]
    }
    return result.expanded(to: blockedAxes(shape).extents)
  }
}
