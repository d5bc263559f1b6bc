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

  var arena = Arena()
  var steps: [NativePlan.Step] = []
  /// Every form in which a value is at hand.
  private var forms: [Value: [NativeValue]] = [:]
  private var foreign: [Value: Int] = [:]
  private var remaining: [Value: Int] = [:]
  /// Nodes that another node's step computes too.
  var absorbed: Set<Int> = []

  init(
    _ graph: Graph, inputShapes: [Shape], threads: NativeThreads, prepared: PreparedWeights
  ) throws {
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

  mutating func plan(inputShapes: [Shape]) throws -> NativePlan {
    for (index, input) in graph.inputs.enumerated() { try bind(input, index) }
    for (index, node) in graph.nodes.enumerated() {
      if constants[node.outputs[0]] != nil { continue }
      if !absorbed.contains(index) { try add(node, index) }
      finish(index)
    }
    for (index, output) in graph.outputs.enumerated() { try deliver(output.value, index) }
    return NativePlan(
      inputShapes: inputShapes, outputShapes: try graph.outputs.map { Shape(try shape(of: $0.value)) }, steps: steps,
      arenaCount: arena.size, foreignCount: foreign.count)
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

  func isPlanned(_ value: Value) -> Bool { forms[value] != nil }

  // MARK: Steps

  mutating func step(
    _ node: String, _ kernel: String, operations: Int = 0,
    _ body: @escaping @Sendable (borrowing NativeRun) throws -> Void
  ) {
    steps.append(NativePlan.Step(node: node, kernel: kernel, operations: operations, body: body))
  }

  /// Records a form of a value that holds its slots.
  mutating func define(_ value: Value, _ form: NativeValue) { forms[value, default: []].append(form) }

  /// Gives back what nobody reads after node number `index`.
  private mutating func finish(_ index: Int) {
    let node = graph.nodes[index]
    for value in Set(node.inputs.compactMap(\.self)) where constant(value) == nil {
      remaining[value, default: 0] -= 1
      releaseIfDead(value)
    }
    for output in node.outputs { releaseIfDead(output) }
  }

  private mutating func releaseIfDead(_ value: Value) {
    guard remaining[value, default: 0] <= 0, !outputValues.contains(value), let dead = forms.removeValue(forKey: value)
    else { return }
    for form in dead { for slot in form.slots { arena.release(slot) } }
  }

  private mutating func bind(_ input: Value, _ index: Int) throws {
    guard isFloat(input) else {
      foreign[input] = foreign.count
      let place = foreign.count - 1
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

  /// The value in the layout that its channels call for.
  mutating func preferred(_ value: Value, allowsLoad: Bool = false) throws -> NativeValue {
    NativeValue.prefersBlocks(try shape(of: value))
      ? try blocked(value, allowsLoad: allowsLoad) : try plain(value, allowsLoad: allowsLoad)
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
        foreign[output] = foreign.count
        targets.append(.foreign(foreign.count - 1))
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
