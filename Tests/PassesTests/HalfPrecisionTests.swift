import Diagnostics
import Engines
import Files
import Graphs
import Passes
import Tensors
import TestSupport
import Testing

@Suite struct HalfPrecisionTests {
  /// Convolution, instance normalisation, ReLU and a residual sum, with weights that `scale` multiplies.
  private func residualUnit(scale: Float = 1, channels: Int = 4) throws -> Graph {
    var graph = Graph(name: "Residual")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), Dimension(channels), 8, 8, 8]))
    let count = channels * channels * 27
    let weights = (0..<count).map { Float(($0 * 7919) % 201 - 100) / 1000 * scale }
    let weight = graph.constant(Tensor(weights, [channels, channels, 3, 3, 3]), name: "conv.weight")
    let ones = graph.constant(Tensor([Float](repeating: 1, count: channels), [channels]), name: "norm.weight")
    let zeros = graph.constant(Tensor([Float](repeating: 0, count: channels), [channels]), name: "norm.bias")
    let features = try graph.conv(image, weight: weight, padding: [1, 1, 1])
    let normalized = try graph.instanceNormalization(features, scale: ones, bias: zeros, epsilon: 1e-5)
    let sum = try graph.add(graph.relu(normalized), image)
    try graph.output(graph.softmax(sum, axis: 1), name: "output_0")
    return graph
  }

  private func half(_ graph: Graph, keepsInterface: Bool = true) throws -> PassResult {
    try PassDriver([HalfPrecision(keepsInterface: keepsInterface)]).run(graph)
  }

  private func node(_ name: String, in graph: Graph) throws -> Node {
    try #require(graph.nodes.first { $0.operator == name })
  }

  @Test func convolutionsComputeInHalfAndNormalisationsInFloat() throws {
    let graph = try half(try residualUnit()).graph
    let types = Dictionary(
      graph.nodes.filter { !["Cast", "Clip"].contains($0.operator) }.map {
        ($0.operator, graph.type(of: $0.outputs[0]).elementType)
      }, uniquingKeysWith: { first, _ in first })
    #expect(
      types == [
        "Conv": .float16, "InstanceNormalization": .float32, "Relu": .float16, "Add": .float16, "Softmax": .float32,
      ])
    let weight = try #require(try node("Conv", in: graph).inputs[1].flatMap { graph.constant($0) })
    #expect(weight.elementType == .float16)
    let scale = try #require(try node("InstanceNormalization", in: graph).inputs[1].flatMap { graph.constant($0) })
    #expect(scale.elementType == .float32)
  }

  @Test func inputsAndOutputsStayFloatUnlessAskedOtherwise() throws {
    let kept = try half(try residualUnit()).graph
    #expect(kept.type(of: kept.inputs[0]).elementType == .float32)
    #expect(kept.type(of: kept.outputs[0].value).elementType == .float32)
    let changed = try half(try residualUnit(), keepsInterface: false).graph
    #expect(changed.type(of: changed.inputs[0]).elementType == .float16)
    #expect(changed.type(of: changed.outputs[0].value).elementType == .float16)
    #expect(kept.type(of: kept.inputs[0]).shape == [Dimension("batch"), 4, 8, 8, 8])
  }

  @Test func noCastUndoesAnotherAndNoValueIsCastTwice() throws {
    let graph = try half(try residualUnit()).graph
    let casts = graph.nodes.filter { $0.operator == "Cast" }
    #expect(!casts.isEmpty)
    let results = Set(casts.map { $0.outputs[0] })
    #expect(casts.allSatisfy { !results.contains($0.inputs[0] ?? $0.outputs[0]) })
    #expect(Set(casts.map { "\(graph.name(of: $0.inputs[0] ?? $0.outputs[0]))" }).count == casts.count)
    // The image feeds the convolution and the sum, and is cast for both at once.
    #expect(casts.count { $0.name.hasPrefix("image/") } == 1)
  }

  @Test func nodesKeepTheirNames() throws {
    let before = try residualUnit()
    let names = Set(try half(before).graph.nodes.map(\.name))
    #expect(before.nodes.allSatisfy { names.contains($0.name) })
  }

  @Test(arguments: [Float(7e5), -7e5, .infinity, .nan])
  func aWeightOutsideHalfIsReportedAndItsNodeStaysFloat(value: Float) throws {
    var graph = Graph(name: "Large")
    let image = try graph.input("image", TensorType(.float32, [1, 1, 4, 4]))
    let weight = graph.constant(Tensor([value], [1, 1, 1, 1]), name: "conv.weight")
    try graph.output(graph.conv(image, weight: weight), name: "output_0")
    let result = try half(graph)
    #expect(result.notes.count == 1)
    #expect(result.notes[0].contains("conv.weight") && result.notes[0].contains("stays float32"))
    #expect(result.graph.nodes.map(\.operator) == ["Conv"])
    #expect(result.graph.type(of: result.graph.outputs[0].value).elementType == .float32)
  }

  @Test func theLargestHalfStaysHalf() throws {
    var graph = Graph(name: "Edge")
    let image = try graph.input("image", TensorType(.float32, [1, 1, 4, 4]))
    let weight = graph.constant(Tensor([Float(65519)], [1, 1, 1, 1]), name: "conv.weight")
    try graph.output(graph.conv(image, weight: weight), name: "output_0")
    let result = try half(graph)
    #expect(result.notes.isEmpty)
    #expect(result.graph.type(of: try node("Conv", in: result.graph).outputs[0]).elementType == .float16)
  }

  @Test func aGraphWithoutFloatsIsLeftAlone() throws {
    var graph = Graph(name: "Indices")
    let image = try graph.input("image", TensorType(.int64, [4]))
    try graph.output(graph.reshape(image, [2, 2]), name: "output_0")
    #expect(try HalfPrecision().apply(to: graph) == nil)
  }

  // MARK: Against the float32 network, on this machine's CPU

  private func run(_ graph: Graph, _ input: Tensor) throws -> Tensor {
    let folder = Corpus.repository + ".runtime/openvino"
    try #require(PathKind(path: folder) == .folder, "the OpenVINO library isn't in .runtime; run 'make runtimes' first")
    let engine = try OpenVINOBackend(library: folder).compile(try EngineSource(graph), EngineOptions())
    return try engine.makeSession().run([input])[0]
  }

  private func image(_ magnitude: Float, _ shape: Shape) -> Tensor {
    Tensor((0..<shape.count).map { Float(($0 * 7907) % 2001 - 1000) / 1000 * magnitude }, shape)
  }

  @Test func agreesWithTheFloatNetworkToHalfsPrecision() throws {
    let graph = try residualUnit()
    let input = image(2, [1, 4, 8, 8, 8])
    let rounded = try PassDriver([HalfPrecision(), HalfRounding()]).run(graph).graph
    let difference = Difference(try run(rounded, input), try run(graph, input))
    // Rounding must be seen: equal results would mean that nothing was rounded.
    #expect(difference.relative < Tolerance.halfNetwork && difference.maximum > 0, "\(difference)")
  }

  @Test(arguments: [Float(1e4), -1e4, 6e4, 1e6])
  func largeInputsSaturateAndGiveNoNaN(magnitude: Float) throws {
    // Weights that take a convolution far beyond 65504.
    let graph = try residualUnit(scale: 20)
    let rounded = try PassDriver([HalfPrecision(), HalfRounding()]).run(graph).graph
    let result = try run(rounded, image(magnitude, [1, 4, 8, 8, 8])).array(of: Float.self)
    #expect(result.allSatisfy { $0.isFinite })
  }

  @Test func theRoundingIsHalfs() throws {
    var graph = Graph(name: "Identity")
    let shape: Shape = [1, 1, 64, 64]
    let value = try graph.input("image", TensorType(.float32, shape.dimensions.map { Dimension($0) }))
    try graph.output(graph.cast(graph.cast(value, to: .float16), to: .float32), name: "output_0")
    let rounded = try PassDriver([HalfRounding()]).run(graph).graph
    #expect(!rounded.nodes.contains { $0.operator == "Cast" })
    // From half's smallest normal number to beyond its largest, of both signs.
    let numbers = (0..<shape.count).map { index in
      let magnitude =
        Float(1 + Double(index * 7919 % 4096) / 4096 * 1.0009)
        * Float(sign: .plus, exponent: index % 31 - 14, significand: 1)
      return index % 2 == 0 ? magnitude : -magnitude
    }
    let result = try run(rounded, Tensor(numbers, shape)).array(of: Float.self)
    let expected = numbers.map { Float(halfBits: $0.halfBits) }
    #expect(expected.contains { $0.isInfinite })
    #expect(zip(result, expected).allSatisfy { $0 == $1 })
  }
}

@Suite struct FixedBatchTests {
  @Test func bindsTheBatchAndKeepsTheRest() throws {
    var graph = Graph(name: "Pool")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 4, 8, 8]))
    try graph.output(graph.relu(image), name: "output_0")
    let fixed = try PassDriver([FixedBatch(3)]).run(graph).graph
    #expect(fixed.type(of: fixed.inputs[0]).constantShape == [3, 4, 8, 8])
    #expect(fixed.type(of: fixed.outputs[0].value).constantShape == [3, 4, 8, 8])
    #expect(fixed.nodes.map(\.name) == graph.nodes.map(\.name))
    #expect(try FixedBatch(3).apply(to: fixed) == nil)
  }

  @Test func anotherSymbolIsAnError() throws {
    var graph = Graph(name: "Free")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 1, Dimension("height"), 8]))
    try graph.output(graph.relu(image), name: "output_0")
    #expect(throws: PassError.self) { try FixedBatch(1).apply(to: graph) }
    let fixed = try #require(try FixedSymbols(["height": 6]).apply(to: graph)).graph
    #expect(fixed.type(of: fixed.outputs[0].value).shape == [Dimension("batch"), 1, 6, 8])
  }
}

@Suite struct PassDriverTests {
  /// Leaves a graph whose output is never computed.
  private struct Broken: Pass {
    let name = "broken"
    func apply(to graph: Graph) throws -> PassResult? { PassResult(Graph(name: graph.name)) }
  }

  @Test func verifiesAfterEachPassAndNamesTheOneThatBrokeTheGraph() throws {
    var graph = Graph(name: "Net")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 1, 8, 8]))
    try graph.output(graph.relu(image), name: "output_0")
    var seen: [String] = []
    let error = #expect(throws: PassError.self) {
      try PassDriver([FixedBatch(1), Broken()]).run(graph) { pass, _ in seen.append(pass) }
    }
    #expect(seen == ["fixed-batch"])
    #expect(error?.diagnosis.what.contains("broken") == true)
  }
}
