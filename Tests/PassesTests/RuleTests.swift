import Graphs
import Interpreter
import OrderedCollections
import Passes
import Tensors
import TestSupport
import Testing

/// Each rewrite on a graph that holds what it looks for: the operators before and after, and the same results.
@Suite struct RuleTests {
  /// A graph of one input, which `body` takes to the output.
  private func graph(
    _ shape: [Dimension], _ body: (inout Graph, Value) throws -> Value
  ) throws -> Graph {
    var graph = Graph(name: "Test")
    let input = try graph.input("image", TensorType(.float32, shape))
    try graph.output(body(&graph, input), name: "output_0")
    return graph
  }

  private func numbers(_ shape: Shape, seed: Int = 1, scale: Float = 1) -> Tensor {
    Tensor((0..<shape.count).map { Float(($0 * 7919 + seed * 131) % 2001 - 1000) / 1000 * scale }, shape)
  }

  private func constant(_ graph: inout Graph, _ shape: Shape, _ name: String, seed: Int = 1, scale: Float = 1) -> Value
  {
    graph.constant(numbers(shape, seed: seed, scale: scale), name: name)
  }

  /// The graph after all passes; its results are compared with the original's.
  @discardableResult
  private func expect(
    _ graph: Graph, becomes operators: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Graph {
    let optimized = try Optimization.driver.run(graph).graph
    #expect(optimized.nodes.map(\.operator) == operators, sourceLocation: sourceLocation)
    let inputs = graph.inputs.enumerated().map { index, input in
      numbers(Shape(graph.type(of: input).shape.map { $0.constant ?? 2 }), seed: index + 7)
    }
    let before = try GraphEvaluator(graph).run(inputs)
    for (result, reference) in zip(try GraphEvaluator(optimized).run(inputs), before) {
      let difference = Difference(result, reference)
      #expect(difference.relative <= Tolerance.optimization, "\(difference)", sourceLocation: sourceLocation)
    }
    #expect(try Optimization.driver.run(optimized).patches == [], sourceLocation: sourceLocation)
    return optimized
  }

  private let image: [Dimension] = [Dimension("batch"), 4, 6, 6]

  // MARK: Removal

  @Test func identitiesAreRemoved() throws {
    let graph = try graph(image) { graph, input in
      let one = graph.constant(Tensor(scalar: Float(1)), name: "one")
      let zero = graph.constant(Tensor([Float](repeating: 0, count: 4), [4, 1, 1]), name: "zero")
      var value = try graph.apply("Identity", [input])[0]
      value = try graph.transpose(value, [0, 1, 2, 3])
      value = try graph.divide(graph.multiply(value, one), one)
      value = try graph.subtract(graph.add(value, zero), zero)
      value = try graph.slice(graph.reshape(value, [0, 4, 6, 6]), axis: 2, 0..<6)
      value = try graph.cast(graph.concat([value], axis: 1), to: .float32)
      value = try graph.split(graph.relu(value), axis: 1, [4])[0]
      return try graph.pad(value, before: [0, 0, 0, 0], after: [0, 0, 0, 0])
    }
    try expect(graph, becomes: ["Relu"])
  }

  @Test func neutralNumbersThatChangeTheShapeOrStandOnTheOtherSideStay() throws {
    let graph = try graph([4]) { graph, input in
      let zeros = graph.constant(Tensor([Float](repeating: 0, count: 12), [3, 4]), name: "zeros")
      let one = graph.constant(Tensor(scalar: Float(1)), name: "one")
      return try graph.divide(one, graph.add(input, zeros))
    }
    try expect(graph, becomes: ["Add", "Div"])
  }

  @Test func anInputMayBeTheOutput() throws {
    try expect(try graph(image) { try $0.apply("Identity", [$1])[0] }, becomes: [])
  }

  @Test func nodesWithoutUseAreLeftOut() throws {
    let graph = try graph(image) { graph, input in
      _ = try graph.relu(graph.sigmoid(input))
      return try graph.tanh(input)
    }
    try expect(graph, becomes: ["Tanh"])
  }

  @Test func theSameComputationIsDoneOnce() throws {
    let graph = try graph(image) { graph, input in
      let left = try graph.reshape(graph.relu(input), [0, -1])
      let right = try graph.reshape(graph.relu(input), [0, -1])
      let other = try graph.leakyRelu(input, slope: 0.1)
      return try graph.concat([graph.concat([left, right], axis: 1), graph.reshape(other, [0, -1])], axis: 1)
    }
    try expect(graph, becomes: ["Relu", "Reshape", "LeakyRelu", "Reshape", "Concat"])
  }

  // MARK: Constants

  @Test func whatDependsOnConstantsIsComputed() throws {
    let graph = try graph([2, 3]) { graph, input in
      let weight = try graph.transpose(constant(&graph, [4, 3], "weight"), [1, 0])
      let bias = try graph.add(
        constant(&graph, [4], "a"), graph.sqrt(graph.constant([4, 9, 16, 25] as [Float], name: "b")))
      return try graph.add(graph.matmul(input, weight), bias)
    }
    try expect(graph, becomes: ["MatMul", "Add"])
  }

  @Test func constantsThatWouldGrowStayComputed() throws {
    let graph = try graph([1, 512, 512]) { graph, input in
      let number = graph.constant(Tensor(scalar: Float(2)), name: "two")
      let shape = graph.constant([1, 512, 512] as [Int64], name: "shape")
      return try graph.add(input, graph.apply("Expand", [number, shape])[0])
    }
    let optimized = try expect(graph, becomes: ["Expand", "Add"])
    #expect(optimized.constantByteCount < 100)
  }

  @Test func aTransposedWeightIsAViewOfTheSameMemory() throws {
    let graph = try graph([2, 300]) { graph, input in
      try graph.matmul(input, graph.transpose(constant(&graph, [200, 300], "weight"), [1, 0]))
    }
    let optimized = try expect(graph, becomes: ["MatMul"])
    let before = try #require(graph.constants.compactMap { graph.constant($0) }.first)
    let after = try #require(optimized.constants.compactMap { optimized.constant($0) }.first)
    #expect(after.storage === before.storage)
  }

  // MARK: Affine steps

  private func batchNorm(_ graph: inout Graph, _ input: Value, channels: Int) throws -> Value {
    let variance = graph.constant(Tensor((0..<channels).map { 0.5 + Float($0) / 3 }, [channels]), name: "variance")
    return try graph.batchNormalization(
      input, scale: constant(&graph, [channels], "scale", seed: 3),
      bias: constant(&graph, [channels], "shift", seed: 5),
      mean: constant(&graph, [channels], "mean", seed: 9), variance: variance, epsilon: 1e-5)
  }

  @Test(arguments: [1, 2]) func batchNormGoesIntoTheConvolution(groups: Int) throws {
    let graph = try graph(image) { graph, input in
      let features = try graph.conv(
        input, weight: constant(&graph, [6, 4 / groups, 3, 3], "weight"), padding: [1, 1], groups: groups)
      return try graph.relu(batchNorm(&graph, features, channels: 6))
    }
    try expect(graph, becomes: ["Conv", "Relu"])
  }

  @Test(arguments: [1, 2]) func batchNormGoesIntoTheTransposedConvolution(groups: Int) throws {
    let graph = try graph(image) { graph, input in
      let features = try graph.convTranspose(
        input, weight: constant(&graph, [4, 6 / groups, 2, 2], "weight"), bias: constant(&graph, [6], "bias"),
        strides: [2, 2], groups: groups)
      return try batchNorm(&graph, features, channels: 6)
    }
    try expect(graph, becomes: ["ConvTranspose"])
  }

  @Test func batchNormGoesIntoTheLinearLayer() throws {
    let gemm = try graph([Dimension("batch"), 5]) { graph, input in
      let features = try graph.gemm(
        input, weight: constant(&graph, [6, 5], "weight"), bias: constant(&graph, [6], "bias"))
      return try batchNorm(&graph, features, channels: 6)
    }
    try expect(gemm, becomes: ["Gemm"])
    let product = try graph([Dimension("batch"), 5]) { graph, input in
      let features = try graph.matmul(input, constant(&graph, [5, 6], "weight"))
      return try batchNorm(&graph, graph.add(features, constant(&graph, [6], "bias")), channels: 6)
    }
    try expect(product, becomes: ["MatMul", "Add"])
  }

  @Test func factorsAndAddendsGoIntoWhatStandsInFront() throws {
    let graph = try graph(image) { graph, input in
      var value = try graph.conv(input, weight: constant(&graph, [6, 4, 1, 1], "weight"))
      value = try graph.multiply(constant(&graph, [6, 1, 1], "factors"), value)
      value = try graph.subtract(value, constant(&graph, [1, 6, 1, 1], "offsets"))
      value = try graph.instanceNormalization(
        value, scale: constant(&graph, [6], "gamma"), bias: constant(&graph, [6], "beta"), epsilon: 1e-5)
      return try graph.add(graph.scale(value, by: 3), constant(&graph, [6, 1, 1], "more"))
    }
    try expect(graph, becomes: ["Conv", "InstanceNormalization"])
  }

  @Test func aLayerThatSomethingElseReadsIsLeftAlone() throws {
    let graph = try graph(image) { graph, input in
      let features = try graph.conv(input, weight: constant(&graph, [4, 4, 1, 1], "weight"))
      return try graph.add(features, batchNorm(&graph, features, channels: 4))
    }
    try expect(graph, becomes: ["Conv", "BatchNormalization", "Add"])
  }

  @Test func numbersAlongAnotherAxisStay() throws {
    let graph = try graph(image) { graph, input in
      let features = try graph.conv(input, weight: constant(&graph, [6, 4, 1, 1], "weight"))
      return try graph.multiply(features, constant(&graph, [6], "columns"))
    }
    try expect(graph, becomes: ["Conv", "Mul"])
  }

  // MARK: Padding, transposition, shape

  @Test func zeroPaddingBecomesTheConvolutions() throws {
    let graph = try graph(image) { graph, input in
      let padded = try graph.padSpatial(input, before: [0, 1], after: [1, 1])
      return try graph.conv(padded, weight: constant(&graph, [6, 4, 3, 3], "weight"), padding: [1, 1])
    }
    let optimized = try expect(graph, becomes: ["Conv"])
    #expect(optimized.nodes[0].ints("pads") == [1, 2, 2, 2])
  }

  @Test func tensorsPaddedAlikeAreAddedFirst() throws {
    func padded(_ before: [Int]) throws -> Graph {
      try graph(image) { graph, input in
        let values = try ["Relu", "Sigmoid"].map { try graph.apply($0, [input])[0] }
        let first = try graph.padSpatial(values[0], before: [1, 2], after: [0, 1])
        return try graph.add(
          first, graph.padSpatial(values[1], before: before, after: [2 - before[0] - 1, 3 - before[1]]))
      }
    }
    try expect(padded([1, 2]), becomes: ["Relu", "Sigmoid", "Add", "Pad"])
    try expect(padded([1, 1]), becomes: ["Relu", "Pad", "Sigmoid", "Pad", "Add"])
  }

  @Test func otherPaddingStays() throws {
    let reflected = try graph(image) { graph, input in
      let padded = try graph.padSpatial(input, before: [1, 1], after: [1, 1], mode: .reflect)
      return try graph.conv(padded, weight: constant(&graph, [6, 4, 3, 3], "weight"))
    }
    try expect(reflected, becomes: ["Pad", "Conv"])
    let wide = try graph(image) { graph, input in
      let padded = try graph.padSpatial(input, before: [3, 3], after: [3, 3])
      return try graph.conv(padded, weight: constant(&graph, [6, 4, 3, 3], "weight"))
    }
    try expect(wide, becomes: ["Pad", "Conv"])
  }

  @Test func transposesBehindEachOtherAreOne() throws {
    let graph = try graph(image) { graph, input in
      try graph.transpose(graph.transpose(graph.relu(input), [0, 2, 3, 1]), [0, 2, 1, 3])
    }
    let optimized = try expect(graph, becomes: ["Relu", "Transpose"])
    #expect(optimized.nodes[1].ints("perm") == [0, 3, 2, 1])
    let undone = try self.graph(image) { graph, input in
      try graph.transpose(graph.transpose(graph.relu(input), [0, 2, 3, 1]), [0, 3, 1, 2])
    }
    try expect(undone, becomes: ["Relu"])
  }

  @Test func changesOfShapeBehindEachOtherAreOne() throws {
    let graph = try graph(image) { graph, input in
      let flat = try graph.flatten(graph.unsqueeze(graph.relu(input), axes: [2]))
      return try graph.squeeze(graph.reshape(flat, [0, 12, 1, 12]), axes: [2])
    }
    try expect(graph, becomes: ["Relu", "Reshape"])
  }

  // MARK: Slices and joins

  @Test func slicesOfSlicesAreOne() throws {
    let graph = try graph(image) { graph, input in
      let every = try graph.slice(input, axis: 2, from: 1, step: 2)
      return try graph.slice(graph.slice(every, axis: 2, 1..<3), axis: 1, 0..<2)
    }
    try expect(graph, becomes: ["Slice"])
  }

  @Test func aSliceOfAJoinIsASliceOfOnePart() throws {
    let graph = try graph(image) { graph, input in
      let joined = try graph.concat([graph.relu(input), graph.tanh(input)], axis: 1)
      return try graph.add(graph.slice(joined, axis: 1, 0..<4), graph.slice(joined, axis: 1, 4..<8))
    }
    try expect(graph, becomes: ["Relu", "Tanh", "Add"])
  }

  @Test func joinsOfJoinsAndOfNeighboursAreOne() throws {
    let graph = try graph(image) { graph, input in
      let parts = try graph.split(graph.relu(input), axis: 1, [1, 3])
      let whole = try graph.concat(parts, axis: 1)
      let left = try graph.slice(input, axis: 1, 0..<2)
      let right = try graph.slice(input, axis: 1, 2..<4)
      return try graph.concat([graph.concat([left, right], axis: 1), whole], axis: 1)
    }
    try expect(graph, becomes: ["Relu", "Concat"])
  }

  // MARK: Fusions

  @Test(arguments: [0, 1, 2]) func layerNormWrittenOutIsRecognised(form: Int) throws {
    let graph = try graph([Dimension("batch"), 5, 8]) { graph, input in
      let centred = try graph.subtract(input, graph.reduceMean(input, axes: [-1]))
      let two = graph.constant(Tensor(scalar: Float(2)), name: "two")
      let square = form == 0 ? try graph.power(centred, two) : try graph.multiply(centred, centred)
      let epsilon = graph.constant(Tensor(scalar: Float(1e-5)), name: "epsilon")
      let sum = try graph.add(graph.reduceMean(square, axes: [2]), epsilon)
      let half = graph.constant(Tensor(scalar: Float(-0.5)), name: "half")
      let normalized =
        switch form {
        case 0: try graph.divide(centred, graph.sqrt(sum))
        case 1: try graph.multiply(centred, graph.apply("Reciprocal", [graph.sqrt(sum)])[0])
        default: try graph.multiply(graph.power(sum, half), centred)
        }
      let scaled = try graph.multiply(normalized, constant(&graph, [8], "gamma"))
      return try graph.add(scaled, constant(&graph, [8], "beta"))
    }
    try expect(graph, becomes: ["LayerNormalization"])
  }

  /// (x - mean) / √(variance + ε) over the axes from 2 on.
  private func normalizedOverPositions(_ graph: inout Graph, _ input: Value) throws -> Value {
    let axes = Array(2..<graph.type(of: input).rank)
    let centred = try graph.subtract(input, graph.reduceMean(input, axes: axes))
    let epsilon = graph.constant(Tensor(scalar: Float(1e-5)), name: "epsilon")
    let variance = try graph.reduceMean(graph.multiply(centred, centred), axes: axes)
    return try graph.divide(centred, graph.sqrt(graph.add(variance, epsilon)))
  }

  @Test func instanceNormWrittenOutIsRecognised() throws {
    let graph = try graph(image) { graph, input in
      let normalized = try normalizedOverPositions(&graph, input)
      let scaled = try graph.multiply(normalized, constant(&graph, [4, 1, 1], "gamma"))
      return try graph.add(scaled, constant(&graph, [4, 1, 1], "beta"))
    }
    try expect(graph, becomes: ["InstanceNormalization"])
  }

  @Test func groupNormWrittenOutIsRecognised() throws {
    let graph = try graph(image) { graph, input in
      let normalized = try normalizedOverPositions(&graph, graph.reshape(input, [0, 2, -1]))
      let scaled = try graph.multiply(graph.reshape(normalized, [0, 4, 6, 6]), constant(&graph, [4, 1, 1], "gamma"))
      return try graph.add(scaled, constant(&graph, [4, 1, 1], "beta"))
    }
    try expect(graph, becomes: ["Reshape", "InstanceNormalization", "Reshape", "Mul", "Add"])
  }

  @Test(arguments: [0, 1, 2]) func geluWrittenOutIsRecognised(form: Int) throws {
    let graph = try graph([Dimension("batch"), 5, 8]) { graph, input in
      let x = try graph.relu(input)
      let one = graph.constant(Tensor(scalar: Float(1)), name: "one")
      let root = graph.constant(Tensor(scalar: Float(2).squareRoot()), name: "root")
      let sum = try graph.add(graph.apply("Erf", [graph.divide(x, root)])[0], one)
      switch form {
      case 0: return try graph.scale(graph.multiply(x, sum), by: 0.5)
      case 1: return try graph.multiply(graph.scale(x, by: 0.5), sum)
      default: return try graph.multiply(x, graph.scale(sum, by: 0.5))
      }
    }
    try expect(graph, becomes: ["Relu", "Gelu"])
  }

  @Test func theApproximateGeluIsRecognised() throws {
    let graph = try graph([Dimension("batch"), 8]) { graph, input in
      let three = graph.constant(Tensor(scalar: Float(3)), name: "three")
      let cubic = try graph.add(input, graph.scale(graph.power(input, three), by: 0.044715))
      let tanh = try graph.tanh(graph.scale(cubic, by: 0.797_884_6))
      let one = graph.constant(Tensor(scalar: Float(1)), name: "one")
      return try graph.multiply(graph.scale(input, by: 0.5), graph.add(tanh, one))
    }
    let optimized = try expect(graph, becomes: ["Gelu"])
    #expect(optimized.nodes[0].string("approximate") == "tanh")
  }

  @Test func attentionHasOneFactorOnItsQueries() throws {
    for isOnScores in [true, false] {
      let graph = try graph([Dimension("batch"), 2, 9, 4]) { graph, input in
        let (queries, keys) = (try graph.relu(input), try graph.transpose(graph.tanh(input), [0, 1, 3, 2]))
        let scores =
          isOnScores
          ? try graph.scale(graph.matmul(queries, keys), by: 0.5)
          : try graph.matmul(graph.scale(queries, by: 0.5), graph.scale(keys, by: 2))
        return try graph.matmul(graph.softmax(scores, axis: 3), graph.sigmoid(input))
      }
      let optimized = try Optimization.driver.run(graph).graph
      #expect(optimized.nodes.map(\.operator).filter { $0 == "Mul" }.count == (isOnScores ? 1 : 0))
      try expect(
        graph,
        becomes: ["Relu"] + (isOnScores ? ["Mul"] : []) + [
          "Tanh", "Transpose", "MatMul", "Softmax", "Sigmoid", "MatMul",
        ])
    }
  }

  // MARK: The driver

  /// PyTorch's exporters write a residual block's short branch first.
  @Test func aSumsFirstOperandIsComputedFirst() throws {
    let graph = try graph(image) { graph, input in
      let short = try graph.tanh(input)
      let long = try graph.sigmoid(graph.relu(input))
      return try graph.add(long, short)
    }
    try expect(graph, becomes: ["Relu", "Sigmoid", "Tanh", "Add"])
  }

  @Test func aValueKeepsItsNameAndPatchesAreTold() throws {
    let graph = try graph(image) { graph, input in
      let features = try graph.conv(input, weight: constant(&graph, [4, 4, 1, 1], "weight"))
      return try batchNorm(&graph, features, channels: 4)
    }
    let result = try Optimization.driver.run(graph)
    #expect(result.graph.nodes.map(\.name) == [graph.nodes[1].name])
    #expect(result.patches == ["\(graph.nodes[1].name) into \(graph.nodes[0].name)"])
  }

  @Test func aLongChainIsDoneInLinearTime() throws {
    let graph = try graph([Dimension("batch"), 8]) { graph, input in
      try (0..<20_000).reduce(input) { value, index in
        index % 2 == 0 ? try graph.relu(value) : try graph.apply("Identity", [value])[0]
      }
    }
    var count = 0
    let duration = try ContinuousClock().measure { count = try Optimization.driver.run(graph).graph.nodes.count }
    #expect(count == 10_000 && duration < .seconds(20))
  }
}

@Suite struct LoweringTests {
  private func groupNorm(extents: [Int], isAffine: Bool = true) throws -> Graph {
    var graph = Graph(name: "GroupNorm")
    let shape = [Dimension("batch"), 8] + extents.map { Dimension($0) }
    let input = try graph.input("image", TensorType(.float32, shape))
    let scale = graph.constant((0..<8).map { 0.5 + Float($0) / 4 }, name: "scale")
    let bias = graph.constant((0..<8).map { Float($0) - 3 }, name: "bias")
    let normalized = try graph.groupNormalization(
      input, groups: 4, scale: isAffine ? scale : nil, bias: isAffine ? bias : nil, epsilon: 1e-5)
    try graph.output(graph.relu(normalized), name: "output_0")
    return try Optimization.driver.run(graph).graph
  }

  private func lowered(_ graph: Graph, for engine: String) throws -> Graph {
    try Lowering.driver(for: engine).run(graph).graph
  }

  /// Extents with small divisors, with a prime one, and two of them.
  @Test(arguments: [[16, 8, 8], [8, 11, 8], [32, 24]], [Float(0), 50])
  func openVINOGetsGroupNormWithoutReshapes(_ extents: [Int], offset: Float) throws {
    for isAffine in [true, false] {
      let graph = try groupNorm(extents: extents, isAffine: isAffine)
      let result = try lowered(graph, for: "openvino")
      #expect(!result.nodes.contains { ["InstanceNormalization", "Reshape"].contains($0.operator) })
      #expect(result.nodes.contains { $0.operator == "AveragePool" })
      #expect(result.type(of: result.outputs[0].value) == graph.type(of: graph.outputs[0].value))
      let shape = Shape([2, 8] + extents)
      let input = Tensor((0..<shape.count).map { Float(($0 * 7919) % 2001 - 1000) / 500 + offset }, shape)
      let difference = Difference(
        try GraphEvaluator(result).run([input])[0], try GraphEvaluator(graph).run([input])[0])
      // A mean of 50 deviations costs digits of the difference from it, in every engine.
      #expect(difference.relative <= Tolerance.optimization, "\(difference)")
      #expect(try Lowering.driver(for: "openvino").run(result).patches == [])
    }
  }

  @Test func fewPositionsAndOtherEnginesKeepTheCommonForm() throws {
    let small = try groupNorm(extents: [4, 4, 4])
    #expect(try lowered(small, for: "openvino").nodes.map(\.name) == small.nodes.map(\.name))
    let large = try groupNorm(extents: [16, 8, 8])
    for engine in ["native", "reference", "tensorrt", "tensorrt-rtx", "onnx"] {
      #expect(try lowered(large, for: engine).nodes.map(\.name) == large.nodes.map(\.name))
    }
  }
}
