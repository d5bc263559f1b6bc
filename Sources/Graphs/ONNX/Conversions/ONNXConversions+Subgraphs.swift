import OrderedCollections
import Tensors

/// Operators with subgraphs, where it is known on reading which nodes they stand for.
extension ONNXConversions {
  static let subgraphs: [String: Conversion] = [
    "If": { importer, call in
      guard let condition = importer.numbers(call, 0)?.integers?.first else {
        throw call.unsupported(
          "which branch is taken isn't known before the network runs", hint: "export the network without branches")
      }
      let branches = (taken: call.attribute("then_branch"), other: call.attribute("else_branch"))
      guard case .graph(let branch)? = condition != 0 ? branches.taken : branches.other else {
        throw call.invalid("a branch is missing", expected: "then_branch and else_branch")
      }
      return try importer.inline(branch, call)
    },
    "Loop": { importer, call in try importer.loop(call) },
    "Scan": { importer, call in try importer.scan(call) },
  ]
}

extension ONNXImporter {
  /// Rounds of a loop that are written one after the other, at most.
  private static let roundLimit = 1024

  /// Reads the nodes of a subgraph as if they stood in the node's place; their names live in it only.
  /// - Parameter inputs: What the subgraph's inputs stand for, in their order.
  mutating func inline(
    _ branch: ONNXGraphMessage, _ call: ONNXCall, inputs: [ONNXOperand] = []
  ) throws -> [ONNXOperand] {
    let outside = operands
    defer { operands = outside }
    guard branch.inputs.count == inputs.count else {
      throw call.invalid("its subgraph has \(branch.inputs.count) inputs", expected: "\(inputs.count)")
    }
    for (input, operand) in zip(branch.inputs, inputs) { define(input.name, operand) }
    inlinedNodeCount += branch.nodes.count
    guard inlinedNodeCount <= ONNXReader.nodeLimit else {
      throw call.unsupported("the subgraphs stand for more than \(ONNXReader.nodeLimit) nodes")
    }
    for tensor in branch.initializers { define(tensor.name, ONNXOperand(try tensors.tensor(tensor))) }
    for var node in branch.nodes {
      node.opset = call.opset
      node.name = "\(call.node.title)/\(node.title)"
      try requireKnown(node)
      try append(node)
    }
    return try branch.outputs.map { output in
      guard let operand = operands[output.name] else {
        throw call.invalid(
          "the subgraph's output '\(output.name)' is never computed", expected: "a node that computes it")
      }
      return operand
    }
  }

  /// - Throws: ``ONNXError/unsupportedOperators(_:)``; for an input that nothing defines.
  private func requireKnown(_ node: ONNXNodeMessage) throws {
    guard node.domain.isEmpty, ONNXConversions.isKnown(node.operatorName) else {
      throw ONNXError.unsupportedOperators([.init(name: node.operatorName, nodes: [node.title])])
    }
    for input in node.inputs where !input.isEmpty && operands[input] == nil {
      throw ONNXError.invalid(
        at: ["node \(node.title)"], reason: "it reads '\(input)', which nothing defines before it",
        expected: "an input, an initializer or another node's output")
    }
  }

  private func body(_ call: ONNXCall) throws -> ONNXGraphMessage {
    guard case .graph(let body)? = call.attribute("body") else {
      throw call.invalid("the body is missing", expected: "a graph")
    }
    return body
  }

  /// A loop of a known number of rounds: its body again and again.
  fileprivate mutating func loop(_ call: ONNXCall) throws -> [ONNXOperand] {
    let body = try body(call)
    func known(_ operand: ONNXOperand) -> Int? {
      (operand.numbers ?? operand.tensor.flatMap { SymbolicTensor($0) })?.integers?.first
    }
    var goesOn =
      try operand(call, 1).map { condition -> Bool in
        guard let number = known(condition) else {
          throw call.unsupported("whether it runs isn't known before the network runs", hint: Self.loopHint)
        }
        return number != 0
      } ?? true
    let limit =
      try operand(call, 0).map { count -> Int in
        guard let number = known(count) else {
          throw call.unsupported("how often it runs isn't known before the network runs", hint: Self.loopHint)
        }
        return number
      } ?? Int.max
    var state = try call.node.inputs.indices.dropFirst(2).map { try required(call, $0) }
    var rows = Array(repeating: [ONNXOperand](), count: max(body.outputs.count - 1 - state.count, 0))
    var round = 0
    while goesOn, round < limit {
      guard round < Self.roundLimit else {
        throw call.unsupported("it runs more than \(Self.roundLimit) times", hint: Self.loopHint)
      }
      let counters = [ONNXOperand(Tensor(scalar: Int64(round))), ONNXOperand(SymbolicTensor(.bool, [], [.integer(1)]))]
      let results = try inline(body, call, inputs: counters + state)
      guard results.count == 1 + state.count + rows.count, let condition = known(results[0]) else {
        throw call.unsupported("whether it goes on isn't known before the network runs", hint: Self.loopHint)
      }
      goesOn = condition != 0
      state = Array(results[1...state.count])
      for (index, row) in results[(1 + state.count)...].enumerated() { rows[index].append(row) }
      round += 1
    }
    return try state + rows.map { try stacked(call, $0, axis: 0) }
  }

  private static let loopHint = "export the network without loops, or with a fixed number of rounds"

  /// A scan over axes of known extents: its body for each entry.
  fileprivate mutating func scan(_ call: ONNXCall) throws -> [ONNXOperand] {
    guard call.opset >= 9 else { throw call.unsupported("scans of operator set 8 aren't supported") }
    let body = try body(call)
    let scanned = call.int("num_scan_inputs") ?? 0
    let stateCount = call.node.inputs.count - scanned
    guard scanned >= 1, stateCount >= 0, body.outputs.count >= stateCount else {
      throw call.invalid("num_scan_inputs is \(scanned)", expected: "at most \(call.node.inputs.count)")
    }
    var state = try (0..<stateCount).map { try required(call, $0) }
    var inputs: [(value: Value, axis: Int, isReversed: Bool)] = []
    for index in 0..<scanned {
      let value = try value(call, stateCount + index)
      let axis = try call.axis(Self.entry(call.ints("scan_input_axes"), index), rank: graph.type(of: value).rank)
      inputs.append((value, axis, Self.entry(call.ints("scan_input_directions"), index) == 1))
    }
    guard let count = graph.type(of: inputs[0].value).shape[inputs[0].axis].constant, count <= Self.roundLimit,
      inputs.allSatisfy({ graph.type(of: $0.value).shape[$0.axis] == Dimension(count) })
    else { throw call.unsupported("how often it runs isn't known before the network runs", hint: Self.loopHint) }
    var rows = Array(repeating: [ONNXOperand](), count: body.outputs.count - stateCount)
    for round in 0..<count {
      var entries: [ONNXOperand] = []
      for (value, axis, isReversed) in inputs {
        let index = graph.constant([Int64(isReversed ? count - 1 - round : round)], shape: [], name: "index")
        entries.append(ONNXOperand(try graph.gather(value, index, axis: axis)))
      }
      let results = try inline(body, call, inputs: state + entries)
      state = Array(results[..<stateCount])
      for (index, row) in results[stateCount...].enumerated() { rows[index].append(row) }
    }
    var outputs = state
    for (index, entries) in rows.enumerated() {
      let isReversed = Self.entry(call.ints("scan_output_directions"), index) == 1
      outputs.append(
        try stacked(
          call, isReversed ? entries.reversed() : entries, axis: Self.entry(call.ints("scan_output_axes"), index)))
    }
    return outputs
  }

  private static func entry(_ list: [Int]?, _ index: Int) -> Int {
    list.flatMap { index < $0.count ? $0[index] : nil } ?? 0
  }

  private func required(_ call: ONNXCall, _ index: Int) throws -> ONNXOperand {
    guard let operand = operand(call, index) else {
      throw call.invalid("input \(index) is missing", expected: "a value")
    }
    return operand
  }

  /// The operands along a new axis.
  private mutating func stacked(_ call: ONNXCall, _ operands: [ONNXOperand], axis: Int) throws -> ONNXOperand {
    guard !operands.isEmpty else { throw call.unsupported("it runs not once, and its rows are asked for") }
    var values: [Value] = []
    for operand in operands {
      guard let value = operand.value ?? operand.tensor.map({ graph.constant($0, name: graph.scopedName("row")) })
      else {
        throw call.unsupported("a row of its results is a number that depends on the batch")
      }
      let rank = graph.type(of: value).rank + 1
      values.append(try graph.unsqueeze(value, axes: [try call.axis(axis, rank: rank)]))
    }
    return ONNXOperand(values.count == 1 ? values[0] : try graph.concat(values, axis: axis))
  }
}
