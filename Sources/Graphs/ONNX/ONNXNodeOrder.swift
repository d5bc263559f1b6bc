/// The nodes that the outputs depend on, each behind those that it reads from. Linear in the size of the graph.
struct ONNXNodeOrder {
  let nodes: [ONNXNodeMessage]

  /// - Parameter defined: The names of inputs and initializers.
  /// - Throws: ``ONNXError/invalid(at:reason:expected:)`` for a name that two nodes define, or that none does, and for
  ///   nodes that read from each other in a circle.
  init(_ nodes: [ONNXNodeMessage], defined: Set<String>, outputs: [String]) throws {
    var producers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty {
        guard !defined.contains(output), producers.updateValue(index, forKey: output) == nil else {
          throw ONNXError.invalid(
            at: ["node \(node.title)"], reason: "the name '\(output)' stands for two things",
            expected: "a name of its own for each value")
        }
      }
    }
    for output in outputs where producers[output] == nil && !defined.contains(output) {
      throw ONNXError.invalid(
        at: ["output \(output)"], reason: "no node computes it", expected: "an input, an initializer or a node's output"
      )
    }
    let (order, used) = try Self.order(nodes, producers, defined, outputs)
    self.nodes = order.map { index in
      var node = nodes[index]
      // What nobody reads need not be computed.
      for place in node.outputs.indices where !used.contains(node.outputs[place]) { node.outputs[place] = "" }
      return node
    }
  }

  /// Depth first from the outputs, on a stack of its own: files may be deep.
  private static func order(
    _ nodes: [ONNXNodeMessage], _ producers: [String: Int], _ defined: Set<String>, _ outputs: [String]
  ) throws -> (order: [Int], used: Set<String>) {
    enum State { case new, open, done }
    var states = Array(repeating: State.new, count: nodes.count)
    var used = Set(outputs)
    var order: [Int] = []
    var reads: [Int: [String]] = [:]
    var stack: [(node: Int, next: Int)] = []
    func enter(_ index: Int) {
      states[index] = .open
      reads[index] = nodes[index].readNames
      stack.append((index, 0))
    }
    for output in outputs {
      guard let root = producers[output], states[root] == .new else { continue }
      enter(root)
      while let (index, next) = stack.last {
        guard let names = reads[index], next < names.count else {
          states[index] = .done
          reads[index] = nil
          order.append(index)
          stack.removeLast()
          continue
        }
        stack[stack.count - 1].next += 1
        let name = names[next]
        used.insert(name)
        guard let producer = producers[name] else {
          guard defined.contains(name) else {
            throw ONNXError.invalid(
              at: ["node \(nodes[index].title)"], reason: "it reads '\(name)', which nothing defines",
              expected: "an input, an initializer or another node's output")
          }
          continue
        }
        switch states[producer] {
        case .new: enter(producer)
        case .done: break
        case .open:
          throw ONNXError.invalid(
            at: ["node \(nodes[index].title)"],
            reason: "it reads '\(name)', which depends on its own result", expected: "a graph without circles")
        }
      }
    }
    // The file's own order where it is one already: names and texts then follow the file.
    let sorted = order.sorted()
    return (isOrdered(sorted, nodes, producers) ? sorted : order, used)
  }

  private static func isOrdered(_ order: [Int], _ nodes: [ONNXNodeMessage], _ producers: [String: Int]) -> Bool {
    order.allSatisfy { index in nodes[index].readNames.allSatisfy { (producers[$0] ?? -1) < index } }
  }
}

extension ONNXNodeMessage {
  /// The names that the node reads, those of its subgraphs from outside included.
  var readNames: [String] {
    var names = inputs.filter { !$0.isEmpty }
    for case .graph(let graph) in attributes.values { names += graph.outerNames }
    return names
  }
}

extension ONNXGraphMessage {
  /// What the graph's nodes read and nothing in it defines.
  fileprivate var outerNames: [String] {
    var inner = Set(initializers.map(\.name)).union(inputs.map(\.name))
    for node in nodes { inner.formUnion(node.outputs) }
    return (nodes.flatMap(\.readNames) + outputs.map(\.name)).filter { !inner.contains($0) }
  }
}
