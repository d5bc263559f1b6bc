import CKernels
import Graphs
import Interpreter
import Tensors

/// Makes the plan of a graph for inputs of fixed shapes: chooses layouts and kernels, fuses what can be fused, and lays
/// out the memory.
///
/// Values of more than four channels are held in blocks of 16 channels, others plain. A normalisation isn't computed:
/// its factors are, and whoever reads the value applies them, with the activation behind it.
struct NativePlanner {
  let graph: Graph
  let threads: NativeThreads
  let prepared: PreparedWeights
  let symbols: [String: Int]
  /// Values known before the run: the graph's constants, and nodes of constants only.
  private(set) var constants: [Value: Tensor] = [:]
  private(set) var consumers: [Value: [Int]] = [:]
  let outputValues: Set<Value>
  /// Whether convolutions are computed directly, which takes less memory than Winograd's way and more time.
  let savesMemory: Bool

  var arena = Arena()
  var steps: [NativePlan.Step] = []
  /// Every form in which a value is at hand.
  private var forms: [Value: [NativeValue]] = [:]
  private var lastForm: NativeValue?
  /// Values that are other values' elements at strides of their own.
  private(set) var views: [Value: NativeView] = [:]
  /// Values that a convolution, a pooling or an interpolation reads in blocks, perhaps behind element by element layers.
  private var blockedReaders: Set<Value> = []
  /// Values padded with zeros for a convolution alone, which pads itself: what is padded, and how far in front of the
  /// last three axes.
  private(set) var paddedSources: [Value: (input: Value, front: [Int])] = [:]
  private var foreign: [Value: Int] = [:]
  private var remaining: [Value: Int] = [:]
  /// Attentions that wait for an operand, at their last products.
  var waitingAttentions: [Int: Attention] = [:]
  /// Nodes that another node's step computes too.
  var absorbed: Set<Int> = []
  /// Concatenations whose parts are computed in place, with the first channel of each; their slots; and the places that
  /// are given away.
  private(set) var concatenations: [Value: [Value: Int]] = [:]
  var concatenationSlots: [Value: Slot] = [:]
  var placed: Set<Place> = []

  init(
    _ graph: Graph, inputShapes: [Shape], threads: NativeThreads, prepared: PreparedWeights, savesMemory: Bool = false
  ) throws {
    self.savesMemory = savesMemory
    self.graph = graph
    self.threads = threads
    self.prepared = prepared
    var symbols: [String: Int] = [:]
    for (input, shape) in zip(graph.inputs, inputShapes) {
      for (dimension, extent) in zip(graph.type(of: input).shape, shape.dimensions) {
        if let symbol = dimension.symbol { symbols[symbol] = extent }
      }
    }
    self.symbols = symbols
    outputValues = Set(graph.outputs.map(\.value))
    try foldConstants()
    for (index, node) in graph.nodes.enumerated() where constants[node.outputs[0]] == nil {
      for value in Set(node.inputs.compactMap(\.self)) { consumers[value, default: []].append(index) }
    }
    try foldPadding()
    try findBlockedReaders()
    concatenations = try inPlaceConcatenations()
    for (value, nodes) in consumers { remaining[value] = nodes.count }
  }

  private mutating func foldConstants() throws {
    for node in graph.nodes {
      let operands = node.inputs.map { $0.flatMap { constant($0) } }
      guard zip(node.inputs, operands).allSatisfy({ $0 == nil || $1 != nil }) else { continue }
      let results = try Evaluation(node, operands, types: node.outputs.map(graph.type(of:))).results()
      for (value, result) in zip(node.outputs, results) { constants[value] = result }
    }
  }

  /// Leaves padding with zeros to the convolution that alone reads it.
  private mutating func foldPadding() throws {
    for (index, node) in graph.nodes.enumerated() where node.operator == "Pad" {
      guard let input = node.inputs[0], constant(input) == nil, let pads = integers(node, 1),
        node.string("mode") ?? "constant" == "constant",
        node.inputs.count < 3 || node.inputs[2] == nil || floats(node.inputs[2])?.first == 0,
        let next = onlyConsumer(node.outputs[0]), next.node.operator == "Conv", next.node.inputs[0] == node.outputs[0],
        padsItself(next.node), consumers[input]?.contains(next.index) == false
      else { continue }
      let rank = pads.count / 2
      guard (3...5).contains(rank), [pads[0], pads[1], pads[rank], pads[rank + 1]].allSatisfy({ $0 == 0 }) else {
        continue
      }
      let front = Array(repeating: 0, count: 5 - rank) + pads[2..<rank]
      paddedSources[node.outputs[0]] = (input, front)
      absorbed.insert(index)
      consumers[node.outputs[0]] = nil
      consumers[input] = consumers[input]?.map { $0 == index ? next.index : $0 }
    }
  }

  /// Whether a kernel takes the convolution, with any padding.
  private func padsItself(_ node: Node) -> Bool {
    guard let value = node.inputs[1], let weight = constant(value) else { return false }
    let hasBias = node.inputs.count > 2 && node.inputs[2] != nil
    return (!hasBias || floats(node.inputs[2]) != nil) && weight.shape.rank > 2
      && weight.shape.dimensions[2...].allSatisfy { $0 <= 7 }
  }

  /// What a value that a convolution reads is made of, and the padding in front of the last three axes.
  func paddedSource(_ value: Value) -> (input: Value, front: [Int]) { paddedSources[value] ?? (value, [0, 0, 0]) }

  private mutating func findBlockedReaders() throws {
    let readers: Set = ["Conv", "ConvTranspose", "MaxPool", "AveragePool", "Resize", "InstanceNormalization"]
    let passing: Set = [
      "Add", "Sub", "Mul", "Div", "Max", "Min", "Relu", "LeakyRelu", "PRelu", "BatchNormalization", "Concat", "Pad",
    ]
    for node in graph.nodes.reversed() {
      for case let raw? in node.inputs {
        let input = paddedSource(raw).input
        guard constant(input) == nil, isFloat(input), NativeValue.prefersBlocks(try shape(of: input)) else { continue }
        let isReader = readers.contains(node.operator) && raw == node.inputs[0]
        let isPassing = passing.contains(node.operator) || functionCall(node) != nil
        let isGrouped =
          node.operator == "Reshape"
          && (consumers[node.outputs[0]] ?? []).contains { graph.nodes[$0].operator == "InstanceNormalization" }
        if isReader || isGrouped || (isPassing && blockedReaders.contains(node.outputs[0])) {
          blockedReaders.insert(input)
        }
      }
    }
  }

  mutating func plan(inputShapes: [Shape]) throws -> NativePlan {
    for (index, input) in graph.inputs.enumerated() { try bind(input, index) }
    for (index, node) in graph.nodes.enumerated() {
      if constants[node.outputs[0]] != nil { continue }
      if !absorbed.contains(index) {
        let first = steps.count
        try add(node, index)
        try describe(node, from: first)
      }
      finish(index)
    }
    for (index, output) in graph.outputs.enumerated() { try deliver(output.value, index) }
    let layout = arena.layout()
    return NativePlan(
      inputShapes: inputShapes, outputShapes: try graph.outputs.map { Shape(try shape(of: $0.value)) }, steps: steps,
      arenaCount: layout.size, offsets: layout.offsets, foreignCount: foreign.count)
  }

  // MARK: Facts

  func constant(_ value: Value) -> Tensor? { graph.constant(value) ?? constants[value] }

  func floats(_ value: Value?) -> [Float]? {
    value.flatMap { constant($0) }?.converted(to: .float32).array(of: Float.self)
  }

  func shape(of value: Value) throws -> [Int] {
    if let constant = constant(value) { return constant.shape.dimensions }
    return try graph.type(of: value).shape.map { dimension in
      guard let extent = dimension.evaluated(symbols) else {
        throw EngineError.networkRefused(
          backend: NativeBackend.title, reason: "the extent \(dimension) of \(graph.name(of: value)) stays open")
      }
      return extent
    }
  }

  func isFloat(_ value: Value) -> Bool { graph.type(of: value).elementType == .float32 }

  /// The only node that reads the value, when there is one and the value isn't an output.
  func onlyConsumer(_ value: Value) -> (index: Int, node: Node)? {
    guard !outputValues.contains(value), let readers = consumers[value], readers.count == 1 else { return nil }
    return (readers[0], graph.nodes[readers[0]])
  }

  /// The network's output that is the only use of a value.
  func soleOutput(_ value: Value) -> Int? {
    let places = graph.outputs.indices.filter { graph.outputs[$0].value == value }
    return places.count == 1 && consumers[value] == nil ? places[0] : nil
  }

  func isPlanned(_ value: Value) -> Bool { forms[value] != nil || views[value] != nil }

  func wantsBlocks(_ value: Value) -> Bool { blockedReaders.contains(value) }
  func blockedForm(_ value: Value) -> NativeValue? { forms[value]?.first(where: \.isBlocked) }
  func hasPlainForm(_ value: Value) -> Bool { forms[value]?.contains { !$0.isBlocked && $0.load == nil } ?? false }
  /// Whether the value is at hand in blocks and not plain.
  func isHeldBlocked(_ value: Value) -> Bool { blockedForm(value) != nil && !hasPlainForm(value) }

  /// Whether a layer from `input` to `output` works in blocks.
  func prefersBlocks(_ input: Value, output: Value) -> Bool { isHeldBlocked(input) || wantsBlocks(output) }

  // MARK: Steps

  /// Where a run keeps a value that isn't float32.
  mutating func foreignPlace(_ value: Value) -> Int {
    foreign[value] = foreign.count
    return foreign.count - 1
  }

  mutating func step(
    _ node: String, _ kernel: String, operations: Int = 0,
    _ body: @escaping @Sendable (borrowing NativeRun) throws -> Void
  ) {
    steps.append(NativePlan.Step(node: node, kernel: kernel, operations: operations, body: body))
    arena.advance()
  }

  /// Records a form of a value that holds its slots.
  mutating func define(_ value: Value, _ form: NativeValue) {
    forms[value, default: []].append(form)
    lastForm = form
  }

  /// Records a value as a view, which holds the slot that it looks at.
  mutating func define(_ value: Value, _ view: NativeView) {
    if case .slot(let slot) = view.base { arena.retain(slot) }
    views[value] = view
  }

  /// Gives back what nobody reads after node number `index`.
  private mutating func finish(_ index: Int) {
    let node = graph.nodes[index]
    // A convolution that pads itself reads what is padded, and the padding reads nothing.
    let isFolded = node.outputs.contains { paddedSources[$0] != nil }
    for value in Set(node.inputs.compactMap { $0.map { paddedSource($0).input } })
    where constant(value) == nil && !isFolded {
      remaining[value, default: 0] -= 1
      releaseIfDead(value)
    }
    for output in node.outputs { releaseIfDead(output) }
  }

  /// Keeps a value for a step that stands behind the nodes that read it.
  mutating func hold(_ value: Value) { remaining[value, default: 0] += 1 }

  /// Lets go of a value that was held.
  mutating func release(_ value: Value) {
    remaining[value, default: 0] -= 1
    releaseIfDead(value)
  }

  /// Whether the node at hand is the last one that reads a value, and nothing else lies in this form's memory.
  func isReplaceable(_ value: Value, _ form: NativeValue) -> Bool {
    remaining[value] == 1 && constant(value) == nil && !outputValues.contains(value) && form.output == nil
      && arena.isHeldOnce(form.slot)
  }

  private mutating func releaseIfDead(_ value: Value) {
    guard remaining[value, default: 0] <= 0, !outputValues.contains(value) else { return }
    for form in forms.removeValue(forKey: value) ?? [] { for slot in form.slots { arena.release(slot) } }
    if let view = views.removeValue(forKey: value), case .slot(let slot) = view.base { arena.release(slot) }
  }

  private mutating func bind(_ input: Value, _ index: Int) throws {
    guard isFloat(input) else {
      let place = foreignPlace(input)
      step(graph.name(of: input), "input") { run in run.foreign.tensors[place] = run.inputs[index] }
      return
    }
    let form = NativeValue(slot: arena.allocate(try shape(of: input).reduce(1, *)), shape: try shape(of: input))
    define(input, form)
    step(graph.name(of: input), "input") { run in
      run.inputs[index].withUnsafeBytes { source in
        if let base = source.baseAddress { copyBytes(run.pointer(form.slot), base, source.count) }
      }
    }
  }

  private mutating func deliver(_ value: Value, _ index: Int) throws {
    let name = graph.outputs[index].name
    if forms[value]?.contains(where: { $0.output == index }) == true { return }
    if let constant = constant(value) {
      step(name, "output") { run in
        constant.withUnsafeBytes {
          copyBytes(run.outputs[index], $0.baseAddress ?? UnsafeRawPointer(run.arena), $0.count)
        }
      }
    } else if let place = foreign[value] {
      step(name, "output") { run in
        run.foreign.tensors[place]?.withUnsafeBytes { source in
          if let base = source.baseAddress { copyBytes(run.outputs[index], base, source.count) }
        }
      }
    } else {
      let plainForm = forms[value]?.first { !$0.isBlocked && $0.load == nil }
      if plainForm == nil, let view = views[value], view.scale == 1 {
        step(name, "output") { run in
          var axes = nativeAxes(view.shape)
          martlet_copy_strided(
            run.pool.pool, &axes, run.pointer(view), view.strides,
            run.outputs[index].assumingMemoryBound(to: Float.self), NativeView.contiguousStrides(view.shape))
        }
        return
      }
      let form = try plainForm ?? materialized(value)
      step(name, "output") { run in
        let target = run.outputs[index]
        guard form.isBlocked else { return copyBytes(target, run.pointer(form.slot), form.count * 4) }
        var tensor = form.tensor
        martlet_unblock(
          run.pool.pool, &tensor, run.pointer(form.slot), target.assumingMemoryBound(to: Float.self))
      }
    }
  }

  /// Notes with the last step of a layer what it moves and how its result lies.
  private mutating func describe(_ node: Node, from first: Int) throws {
    guard steps.count > first else { return }
    var elements = lastForm?.count ?? 0
    for case let input? in node.inputs { elements += try shape(of: input).reduce(1, *) }
    steps[steps.count - 1].bytes = elements * 4
    steps[steps.count - 1].layout = lastForm?.isBlocked == true ? "blocks of 16" : "plain"
  }

  // MARK: Forms

  /// The value in any form, perhaps with factors to apply on load.
  func anyForm(_ value: Value) throws -> NativeValue {
    guard let known = forms[value], let form = known.first(where: { $0.load == nil }) ?? known.first else {
      throw EngineError.networkRefused(
        backend: NativeBackend.title, reason: "\(graph.name(of: value)) is read before it is computed")
    }
    return form
  }

  /// The value as it is, in the layout that it has.
  mutating func materialized(_ value: Value) throws -> NativeValue {
    if forms[value] == nil, views[value] != nil { return try plain(value) }
    let form = try anyForm(value)
    guard let load = form.load else { return form }
    var result = form
    result.load = nil
    result.statistics = nil
    result.slot = arena.allocate(form.count)
    let target = result.slot
    step(graph.name(of: value), "apply factors") { run in
      var tensor = form.tensor
      martlet_combine(
        run.pool.pool, &tensor, MARTLET_COMBINE_ADD, run.operand(form, load), martlet_operand(), nil,
        run.pointer(target), form.sampleStride)
    }
    define(value, result)
    return result
  }

  /// The value in blocks; with `allowsLoad` perhaps with factors to apply on load.
  mutating func blocked(_ value: Value, allowsLoad: Bool = false) throws -> NativeValue {
    if let form = forms[value]?.first(where: { $0.isBlocked && $0.load == nil }) { return form }
    if allowsLoad, let form = forms[value]?.first(where: \.isBlocked) { return form }
    if forms[value] == nil, let view = views[value], let form = blockedCopy(view, graph.name(of: value)) {
      define(value, form)
      return form
    }
    let form = try materialized(value)
    if form.isBlocked { return form }
    var result = form
    result.isBlocked = true
    result.statistics = nil
    result.slot = arena.allocate(result.count)
    let target = result.slot
    let tensor = form.tensor
    step(graph.name(of: value), "to blocks") { run in
      var tensor = tensor
      martlet_block(run.pool.pool, &tensor, run.pointer(form.slot), run.pointer(target))
    }
    define(value, result)
    return result
  }

  /// The value plain; with `allowsLoad` perhaps with factors to apply on load.
  mutating func plain(_ value: Value, allowsLoad: Bool = false) throws -> NativeValue {
    if let constant = constant(value) { return try plainConstant(value, constant) }
    if forms[value] == nil, let view = views[value] {
      let form = plainCopy(view, graph.name(of: value))
      define(value, form)
      return form
    }
    if let form = forms[value]?.first(where: { !$0.isBlocked && $0.load == nil }) { return form }
    if allowsLoad, let form = forms[value]?.first(where: { !$0.isBlocked }) { return form }
    let form = try materialized(value)
    if !form.isBlocked { return form }
    var result = form
    result.isBlocked = false
    result.statistics = nil
    result.slot = arena.allocate(result.count)
    let target = result.slot
    let tensor = form.tensor
    step(graph.name(of: value), "from blocks") { run in
      var tensor = tensor
      martlet_unblock(run.pool.pool, &tensor, run.pointer(form.slot), run.pointer(target))
    }
    define(value, result)
    return result
  }

  private mutating func plainConstant(_ value: Value, _ constant: Tensor) throws -> NativeValue {
    if let form = forms[value]?.first { return form }
    let floats = constant.converted(to: .float32).contiguous()
    let form = NativeValue(slot: arena.allocate(floats.count), shape: floats.shape.dimensions)
    // Held to the end: constants aren't counted.
    define(value, form)
    step(graph.name(of: value), "constant") { run in
      floats.withUnsafeBytes { source in
        if let base = source.baseAddress { copyBytes(run.pointer(form.slot), base, source.count) }
      }
    }
    return form
  }

  /// The value in the layout that it has or that its readers want.
  mutating func preferred(_ value: Value, allowsLoad: Bool = false) throws -> NativeValue {
    NativeValue.prefersBlocks(try shape(of: value)) && (blockedForm(value) != nil || wantsBlocks(value))
      ? try blocked(value, allowsLoad: allowsLoad) : try plain(value, allowsLoad: allowsLoad)
  }

  // MARK: Views

  /// The value's elements wherever they lie, perhaps to be scaled.
  mutating func rawView(_ value: Value) throws -> NativeView {
    if let constant = constant(value) {
      return NativeView(.constant(FixedFloats(constant)), shape: constant.shape.dimensions)
    }
    if !hasPlainForm(value), let view = views[value] { return view }
    let form = try plain(value)
    return NativeView(.slot(form.slot), shape: form.shape)
  }

  /// The value's elements wherever they lie.
  mutating func view(_ value: Value) throws -> NativeView {
    let found = try rawView(value)
    if found.scale == 1 { return found }
    let form = try plain(value)
    return NativeView(.slot(form.slot), shape: form.shape)
  }

  /// A view's elements in order.
  private mutating func plainCopy(_ view: NativeView, _ name: String) -> NativeValue {
    if view.isContiguous, view.scale == 1, view.offset == 0, case .slot(let slot) = view.base {
      arena.retain(slot)
      return NativeValue(slot: slot, shape: view.shape)
    }
    let form = NativeValue(slot: arena.allocate(view.count), shape: view.shape)
    copy(view, to: form.slot, strides: NativeView.contiguousStrides(view.shape), name, "permute")
    if view.scale != 1 {
      let call = martlet_function_call(function: MARTLET_AFFINE, a: view.scale, b: 0)
      step(name, "scale") { run in
        martlet_apply(run.pool.pool, call, run.pointer(form.slot), form.count, run.pointer(form.slot))
      }
    }
    return form
  }

  /// A view's elements in blocks, when its channels fill them.
  private mutating func blockedCopy(_ view: NativeView, _ name: String) -> NativeValue? {
    guard NativeValue.isSpatial(view.shape), view.shape[1] % 16 == 0, view.scale == 1 else { return nil }
    let form = NativeValue(slot: arena.allocate(view.count), shape: view.shape, isBlocked: true)
    let (extents, strides) = blockedAxes(view.shape)
    var source = view
    source.shape = extents
    source.strides = [view.strides[0], 16 * view.strides[1]] + view.strides[2...] + [view.strides[1]]
    copy(source, to: form.slot, strides: strides, name, "to blocks")
    return form
  }

  // MARK: The interpreter

  /// Computes a node with the interpreter, on plain values.
  mutating func interpret(_ node: Node) throws {
    var operands: [Operand] = []
    for input in node.inputs {
      guard let input else {
        operands.append(.missing)
        continue
      }
      if let constant = constant(input) {
        operands.append(.constant(constant))
      } else if let place = foreign[input] {
        operands.append(.foreign(place))
      } else {
        let form = try plain(input)
        operands.append(.slot(form.slot, Shape(try shape(of: input))))
      }
    }
    let types = try node.outputs.map { output in
      TensorType(graph.type(of: output).elementType, try shape(of: output).map { Dimension($0) })
    }
    var targets: [Operand] = []
    for output in node.outputs {
      if isFloat(output) {
        let form = NativeValue(slot: arena.allocate(try shape(of: output).reduce(1, *)), shape: try shape(of: output))
        define(output, form)
        targets.append(.slot(form.slot, Shape(form.shape)))
      } else {
        targets.append(.foreign(foreignPlace(output)))
      }
    }
    step(node.name, "interpreter") { [operands, targets] run in
      let tensors = operands.map { operand -> Tensor? in
        switch operand {
        case .missing: return nil
        case .constant(let tensor): return tensor
        case .foreign(let place): return run.foreign.tensors[place]
        case .slot(let slot, let shape):
          var tensor = Tensor(.float32, shape, isZeroed: false)
          tensor.withMutableBytes { target in
            if let base = target.baseAddress { copyBytes(base, run.pointer(slot), target.count) }
          }
          return tensor
        }
      }
      for (target, result) in zip(targets, try Evaluation(node, tensors, types: types).results()) {
        switch target {
        case .slot(let slot, _):
          result.withUnsafeBytes { source in
            if let base = source.baseAddress { copyBytes(run.pointer(slot), base, source.count) }
          }
        case .foreign(let place): run.foreign.tensors[place] = result
        default: break
        }
      }
    }
    steps[steps.count - 1].interpretedElements = try interpretedElements(node)
  }

  /// The elements that the interpreter goes through: those of the outputs, as often as their sums have terms.
  private func interpretedElements(_ node: Node) throws -> Int {
    let outputs = try node.outputs.reduce(0) { $0 + (try shape(of: $1).reduce(1, *)) }
    guard node.inputs.count > 1, let first = node.inputs[0], let second = node.inputs[1] else {
      return try max(outputs, shape(of: node.inputs[0] ?? node.outputs[0]).reduce(1, *))
    }
    switch node.operator {
    case "Conv", "ConvTranspose": return outputs * (try shape(of: second).dropFirst().reduce(1, *))
    case "MatMul", "Gemm": return outputs * (try shape(of: first).last ?? 1)
    default: return outputs
    }
  }

  private enum Operand: Sendable {
    case missing
    case constant(Tensor)
    case foreign(Int)
    case slot(Slot, Shape)
  }
}
