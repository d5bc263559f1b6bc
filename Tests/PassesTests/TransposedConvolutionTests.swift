import Graphs
import Interpreter
import OrderedCollections
import Passes
import TestSupport
import Tensors
import Testing

/// What OpenVINO gets of transposed convolutions: the same results from other operators.
@Suite struct TransposedConvolutionTests {
  private func numbers(_ shape: Shape, seed: Int = 1, scale: Float = 1) -> Tensor {
    Tensor((0..<shape.count).map { Float(($0 * 7919 + seed * 131) % 2001 - 1000) / 1000 * scale }, shape)
  }

  private func graph(_ shape: [Int], _ body: (inout Graph, Value) throws -> Value) throws -> Graph {
    var graph = Graph(name: "Up")
    let extents = [Dimension("batch")] + shape.map { Dimension($0) }
    let input = try graph.input("image", TensorType(.float32, extents))
    try graph.output(body(&graph, input), name: "output_0")
    return graph
  }

  private func constant(_ graph: inout Graph, _ shape: [Int], _ seed: Int) -> Value {
    graph.constant(numbers(Shape(shape), seed: seed, scale: 0.3), name: "weight")
  }

  /// The lowered graph, after a comparison of its results.
  private func lowered(_ graph: Graph) throws -> Graph {
    let result = try Lowering.driver(for: "openvino").run(graph).graph
    #expect(result.type(of: result.outputs[0].value) == graph.type(of: graph.outputs[0].value))
    let input = numbers(Shape([2] + graph.type(of: graph.inputs[0]).shape.dropFirst().compactMap(\.constant)), seed: 7)
    let difference = Difference(try GraphEvaluator(result).run([input])[0], try GraphEvaluator(graph).run([input])[0])
    #expect(difference.relative <= Tolerance.optimization, "\(difference)")
    #expect(try Lowering.driver(for: "openvino").run(result).patches == [])
    return result
  }

  /// What is in the graph, constants aside.
  private func operators(_ graph: Graph) -> [String] { graph.nodes.map(\.operator) }

  // MARK: Composition

  /// An upsampling joined with a skip connection, read by a convolution and by a pointwise one, as in UNETR.
  private func upBlock(
    extents: [Int], comesFirst: Bool = true, isBiased: Bool = false, isOutput: Bool = false
  ) throws -> Graph {
    try graph([9] + extents) { graph, input in
      let twos = extents.map { _ in 2 }
      let bias = isBiased ? graph.constant(numbers([9], seed: 3), name: "bias") : nil
      let up = try graph.convTranspose(
        input, weight: constant(&graph, [9, 9] + twos, 2), bias: bias, strides: twos)
      let skip = try graph.relu(graph.conv(up, weight: constant(&graph, [5, 9] + extents.map { _ in 1 }, 3)))
      let higher = try graph.convTranspose(
        graph.relu(input), weight: constant(&graph, [9, 9] + twos, 4), strides: twos)
      let join = try graph.concat(comesFirst ? [higher, skip] : [skip, higher, skip], axis: 1)
      let inputs = comesFirst ? 14 : 19
      let addend = graph.constant(numbers([17], seed: 5), name: "bias")
      let features = try graph.conv(
        join, weight: constant(&graph, [17, inputs] + extents.map { _ in 3 }, 6), bias: addend,
        padding: extents.map { _ in 1 })
      let residual = try graph.conv(join, weight: constant(&graph, [17, inputs] + extents.map { _ in 1 }, 7))
      if isOutput { try graph.output(join, name: "output_1") }
      return try graph.add(graph.relu(features), residual)
    }
  }

  @Test(arguments: [[12, 10, 8], [24, 20]], [true, false])
  func aJoinedUpsamplingGoesIntoTheConvolutionsBehindIt(_ extents: [Int], comesFirst: Bool) throws {
    let result = try lowered(upBlock(extents: extents, comesFirst: comesFirst))
    let found = operators(result)
    // The skip connection's own upsampling is composed too: it has one reader. A join of what is left stays one.
    #expect(found.filter { $0 == "ConvTranspose" }.count == 3)
    #expect(found.filter { $0 == "Concat" }.count == (comesFirst ? 0 : 2))
    let kernels = result.nodes.filter { $0.operator == "ConvTranspose" }.compactMap { $0.ints("kernel_shape") }
    #expect(kernels.contains(extents.map { _ in 4 }) && kernels.contains(extents.map { _ in 2 }))
  }

  /// Zeros around a biased upsampling aren't what the composition has there; a join that the network gives stays.
  @Test func whatCantBeComposedStays() throws {
    let biased = try upBlock(extents: [12, 10, 8], isBiased: true)
    let isBiased = { (node: Node) in node.operator == "ConvTranspose" && node.inputs.count == 3 }
    #expect(try lowered(biased).nodes.contains(where: isBiased))
    let given = try upBlock(extents: [12, 10, 8], isOutput: true)
    #expect(operators(try lowered(given)).contains("Concat"))
    // Three positions along an axis are few for 64 taps a weight.
    let small = try upBlock(extents: [2, 2, 2])
    #expect(operators(try Lowering.driver(for: "openvino").run(small).graph) == operators(small))
    let other = try upBlock(extents: [12, 10, 8])
    for engine in ["native", "tensorrt-rtx", "onnx"] {
      #expect(operators(try Lowering.driver(for: engine).run(other).graph) == operators(other))
    }
  }

  @Test func anUpsamplingWithoutAJoinIsComposedWithUnequalPadding() throws {
    let graph = try graph([16, 20, 18]) { graph, input in
      let up = try graph.convTranspose(input, weight: constant(&graph, [16, 12, 3, 2], 2), strides: [3, 2])
      let bias = graph.constant(numbers([17], seed: 5), name: "bias")
      let attributes: OrderedDictionary<String, Attribute> = [
        "kernel_shape": .ints([3, 5]), "strides": .ints([1, 1]), "pads": .ints([2, 0, 1, 3]),
        "dilations": .ints([1, 1]), "group": .int(1),
      ]
      return try graph.apply("Conv", [up, constant(&graph, [17, 12, 3, 5], 6), bias], attributes)[0]
    }
    let result = try lowered(graph)
    #expect(operators(result) == ["ConvTranspose"])
    #expect(result.nodes[0].ints("kernel_shape") == [5, 6] && result.nodes[0].ints("pads") == [0, 4, 1, 1])
  }

  // MARK: Few channels

  @Test(arguments: [
    (kernel: [3, 3, 3], strides: [2, 2, 2], padding: [1, 1, 1], outputPadding: [1, 1, 1]),
    ([2, 2, 2], [2, 2, 2], [0, 0, 0], [0, 0, 0]),
    ([4, 4, 4], [2, 2, 2], [1, 1, 1], [0, 0, 0]),
    ([3, 3, 3], [1, 2, 2], [1, 1, 1], [0, 1, 1]),
    ([5, 4], [3, 2], [1, 1], [0, 0]),
    ([1, 3], [1, 2], [0, 1], [0, 1]),
  ])
  func fewChannelsAreComputedPhaseByPhase(
    _ layer: (kernel: [Int], strides: [Int], padding: [Int], outputPadding: [Int])
  ) throws {
    for isBiased in [true, false] {
      let extents = layer.kernel.count == 3 ? [10, 11, 12] : [70, 71]
      let graph = try graph([5] + extents) { graph, input in
        let bias = isBiased ? graph.constant(numbers([2], seed: 3), name: "bias") : nil
        return try graph.relu(
          graph.convTranspose(
            input, weight: constant(&graph, [5, 2] + layer.kernel, 2), bias: bias, strides: layer.strides,
            padding: layer.padding, outputPadding: layer.outputPadding))
      }
      let found = operators(try lowered(graph))
      #expect(found == ["Conv", "Transpose", "Reshape", "Transpose", "Reshape", "Transpose", "Relu"])
    }
  }

  @Test func manyChannelsAndFewPositionsStay() throws {
    for (channels, extent) in [(16, 12), (2, 4)] {
      let graph = try graph([5, extent, extent, extent]) { graph, input in
        try graph.convTranspose(
          input, weight: constant(&graph, [5, channels, 3, 3, 3], 2), strides: [2, 2, 2], padding: [1, 1, 1],
          outputPadding: [1, 1, 1])
      }
      #expect(operators(try lowered(graph)) == ["ConvTranspose"])
    }
  }
}
