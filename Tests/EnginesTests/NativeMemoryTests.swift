import Engines
import Graphs
import OrderedCollections
import Tensors
import TestSupport
import Testing

/// What lies where in the memory of a run of Martlet's CPU engine, and how much that takes.
@Suite struct NativeMemoryTests {
  /// A convolution that keeps the extents, with random weights that about keep the magnitude: what comes out of large values
  /// has large errors behind a sigmoid.
  private func convolution(
    _ graph: inout Graph, _ value: Value, to outer: Int, taps: Int = 3, groups: Int = 1, _ numbers: inout RandomNumbers
  ) throws -> Value {
    let type = graph.type(of: value)
    let rank = type.shape.count - 2
    let inner = try #require(type.shape[1].constant)
    let shape = [outer, inner / groups] + Array(repeating: taps, count: rank)
    let scale = 1 / Float(shape[1...].reduce(1, *)).squareRoot()
    let values = numbers.tensor(shape).array(of: Float.self).map { $0 * scale }
    let weight = graph.constant(Tensor(values, Shape(shape)), name: "w\(graph.nodes.count)")
    return try graph.apply(
      "Conv", [value, weight], ["pads": .ints(Array(repeating: taps / 2, count: 2 * rank)), "group": .int(groups)])[0]
  }

  private func input(_ graph: inout Graph, _ channels: Int, _ extents: [Int]) throws -> Value {
    try graph.input(
      "x", TensorType(.float32, [Dimension("batch"), Dimension(channels)] + extents.map { Dimension($0) }))
  }

  /// The working memory of a run over the memory of one tensor of this shape.
  private func workingTensors(_ graph: Graph, _ shape: Shape) throws -> Double {
    let engine = try NativeBackend().compile(try EngineSource(graph), EngineOptions())
    return Double(try #require(try engine.workingMemory([shape]))) / Double(shape.count * 4)
  }

  /// Layers of every kind whose result takes the place of what they add last.
  @Test func whatIsAddedLastIsOverwritten() throws {
    var numbers = RandomNumbers(state: 21)
    for round in 0..<60 {
      var graph = Graph(name: "chain")
      let rank = round % 3 == 0 ? 2 : 3
      let channels = [3, 5, 16, 17, 32].randomElement(using: &numbers)!
      let extents = (0..<rank).map { _ in Int.random(in: 5...13, using: &numbers) }
      var value = try input(&graph, channels, extents)
      value = try convolution(&graph, value, to: channels, &numbers)
      for _ in 0..<4 {
        let before = value
        switch Int.random(in: 0...6, using: &numbers) {
        case 0:
          value = try graph.relu(try convolution(&graph, value, to: channels, &numbers))
          value = try graph.add(try convolution(&graph, value, to: channels, &numbers), before)
        case 1:
          value = try graph.gelu(try convolution(&graph, value, to: channels, taps: 1, &numbers))
          value = try graph.add(try convolution(&graph, value, to: channels, taps: 1, &numbers), before)
        case 2:
          value = try convolution(&graph, value, to: channels, taps: 5, groups: channels, &numbers)
          value = try convolution(&graph, value, to: channels, groups: channels, &numbers)
          value = try graph.relu(graph.add(value, before))
        case 3:
          value = try graph.instanceNormalization(
            value, scale: graph.constant(numbers.tensor([channels]), name: "s\(graph.nodes.count)"),
            bias: graph.constant(numbers.tensor([channels]), name: "b\(graph.nodes.count)"), epsilon: 1e-5)
          value = try graph.add(value, try convolution(&graph, before, to: channels, &numbers))
        case 4:
          value = try graph.multiply(try graph.tanh(value), try convolution(&graph, before, to: channels, &numbers))
        case 5:
          let small = try graph.averagePool(value, kernel: Array(repeating: 3, count: rank))
          value = try graph.add(
            try convolution(&graph, before, to: channels, &numbers),
            try graph.resize(small, to: extents, mode: .linear, coordinates: .halfPixel))
        default: value = try graph.sigmoid(value)
        }
      }
      try graph.output(value, name: "y")
      let batch = Int.random(in: 1...2, using: &numbers)
      try expectNativeComputes(
        graph, [numbers.tensor([batch, channels] + extents)], "round \(round), \(channels) channels, \(extents)")
    }
  }

  @Test func aChainOfResidualBlocksNeedsTwoTensors() throws {
    var numbers = RandomNumbers(state: 22)
    var graph = Graph(name: "blocks")
    var value = try convolution(&graph, try input(&graph, 1, [48, 48, 48]), to: 16, &numbers)
    for _ in 0..<3 {
      let inner = try graph.relu(try convolution(&graph, value, to: 16, &numbers))
      value = try graph.add(try convolution(&graph, inner, to: 16, &numbers), value)
    }
    try graph.output(try convolution(&graph, value, to: 2, &numbers), name: "y")
    #expect(try workingTensors(graph, [1, 1, 48, 48, 48]) < 16 * 2.5)
  }

  /// The room for what is joined to a value later is used until then.
  @Test func aConcatenationTakesItsRoomWhenItsPartsAreComputed() throws {
    var numbers = RandomNumbers(state: 23)
    var graph = Graph(name: "skip")
    let x = try input(&graph, 16, [48, 48, 48])
    let first = try convolution(&graph, x, to: 16, &numbers)
    var second = first
    for _ in 0..<3 { second = try convolution(&graph, second, to: 16, &numbers) }
    let joined = try graph.concat([first, second], axis: 1)
    try graph.output(try convolution(&graph, joined, to: 2, &numbers), name: "y")
    #expect(try workingTensors(graph, [1, 16, 48, 48, 48]) < 3.5)
  }

  /// Channels that are added around those of a blocked value, as HighResNet does, and extents.
  @Test func paddingWithChannelsStaysInBlocks() throws {
    var numbers = RandomNumbers(state: 24)
    let cases: [(channels: Int, pads: [Int])] = [
      (16, [0, 8, 0, 0, 0, 0, 8, 0, 0, 0]), (32, [0, 16, 0, 0, 0, 0, 16, 0, 0, 0]),
      (16, [0, 0, 0, 0, 0, 0, 5, 0, 0, 0]), (24, [0, 4, 1, 0, 2, 0, 3, 0, 2, 1]),
      (48, [0, 24, 0, 0, 0, 0, 24, 0, 0, 0]), (17, [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]),
      (16, [0, 5, 0, 0, 0, 0, 0, 0, 0, 0]), (20, [0, 20, 0, 1, 0, 0, 0, 0, 0, 0]),
    ]
    for (channels, pads) in cases {
      for batch in 1...2 {
        var graph = Graph(name: "pad")
        let x = try input(&graph, channels, [6, 7, 5])
        let source = try convolution(&graph, x, to: channels, &numbers)
        let amounts = graph.constant(Tensor(pads.map { Int64($0) }, [10]), name: "pads")
        let padded = try graph.apply("Pad", [source, amounts])[0]
        try graph.output(padded, name: "padded")
        try graph.output(try convolution(&graph, padded, to: 16, &numbers), name: "y")
        try expectNativeComputes(graph, [numbers.tensor([batch, channels, 6, 7, 5])], "\(channels) \(pads) \(batch)")
        try expectNoInterpreter(graph, "\(channels) \(pads)")
      }
    }
  }
}
