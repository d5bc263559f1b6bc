import Diagnostics
import Graphs
import OrderedCollections
import Tensors
import Testing

@Suite struct GraphTests {
  private func image(_ graph: inout Graph, _ shape: [Dimension] = [Dimension("batch"), 2, 9, 8]) throws -> Value {
    try graph.input("image", TensorType(.float32, shape))
  }

  private func weight(_ graph: inout Graph, _ shape: Shape) -> Value {
    graph.constant(Tensor(.float32, shape), name: "weight")
  }

  @Test func convolutionsFollowTheirShapeRule() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let down = try graph.conv(input, weight: weight(&graph, [4, 2, 3, 3]), strides: [2, 2], padding: [1, 1])
    #expect(graph.type(of: down).description == "float32[batch, 4, 5, 4]")
    let up = try graph.convTranspose(
      down, weight: weight(&graph, [4, 3, 3, 3]), strides: [2, 2], padding: [1, 1], outputPadding: [0, 1])
    #expect(graph.type(of: up).description == "float32[batch, 3, 9, 8]")
    let dilated = try graph.conv(input, weight: weight(&graph, [2, 1, 3, 3]), dilations: [2, 3], groups: 2)
    #expect(graph.type(of: dilated).description == "float32[batch, 2, 5, 2]")
  }

  @Test func aConvolutionOfOtherChannelsNamesItsNode() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let bad = weight(&graph, [4, 3, 3, 3])
    let error = try #require(throws: GraphError.self) {
      try graph.scope("encoder.0") { try $0.conv(input, weight: bad) }
    }
    #expect(error.diagnosis.location == ["node encoder.0/Conv", "operator Conv"])
  }

  @Test func theBatchSurvivesReshaping() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let flat = try graph.reshape(input, [0, -1])
    #expect(graph.type(of: flat).description == "float32[batch, 144]")
    let rows = try graph.reshape(input, [-1, 72])
    #expect(graph.type(of: rows).description == "float32[2·batch, 72]")
    #expect(throws: GraphError.self) { try graph.reshape(input, [-1, 100]) }
    #expect(throws: GraphError.self) { try graph.reshape(input, [12, 12]) }
  }

  @Test func joiningChecksTheOtherAxes() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let doubled = try graph.concat([input, input], axis: 1)
    #expect(graph.type(of: doubled).shape[1] == 4)
    let half = try graph.slice(input, axis: 2, 0..<4)
    #expect(throws: GraphError.self) { try graph.concat([input, half], axis: 1) }
    let longer = try graph.concat([input, half], axis: -2)
    #expect(graph.type(of: longer).shape[2] == 13)
  }

  @Test func namesAreUniqueAndCarryTheirScope() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let first = try graph.scope("a") { try $0.scope("b") { try $0.relu(input) } }
    let second = try graph.scope("a") { try $0.scope("b") { try $0.relu(input) } }
    #expect(graph.name(of: first) == "a.b/Relu")
    #expect(graph.name(of: second) == "a.b/Relu_1")
    #expect(throws: GraphError.self) { try image(&graph) }
  }

  @Test func unknownOperatorsAndAttributesAreRefused() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    #expect(throws: GraphError.unknownOperator(node: "Fourier", operator: "Fourier")) {
      try graph.apply("Fourier", [input])
    }
    #expect(throws: GraphError.self) { try graph.apply("Relu", [input], ["alpha": .float(1)]) }
    #expect(throws: GraphError.self) { try graph.apply("LeakyRelu", [input], ["alpha": .int(1)]) }
    #expect(throws: GraphError.self) { try graph.apply("Relu", [input, input]) }
  }

  @Test func theVerifierAcceptsWhatTheBuildersMake() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let grouped = try graph.groupNormalization(input, groups: 2, scale: nil, bias: nil, epsilon: 1e-5)
    try graph.output(grouped, name: "output_0")
    try graph.verify()
    #expect(graph.type(of: grouped) == graph.type(of: input))
    #expect(graph.dump.contains("Reshape(image, shape: int64[3])"))
  }

  @Test func aGraphWithoutOutputsIsNotValid() throws {
    var graph = Graph(name: "test")
    _ = try image(&graph)
    #expect(throws: GraphError.invalidGraph(graph: "test", reasons: ["it has no outputs"])) { try graph.verify() }
  }
}
