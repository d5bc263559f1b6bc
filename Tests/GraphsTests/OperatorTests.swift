import Diagnostics
import Graphs
import OrderedCollections
import Tensors
import Testing

/// The shape rules and builders of the operator families.
@Suite struct OperatorTests {
  private func image(_ graph: inout Graph, _ shape: [Dimension] = [Dimension("batch"), 2, 9, 8]) throws -> Value {
    try graph.input("image", TensorType(.float32, shape))
  }

  private func shape(_ graph: Graph, _ value: Value) -> String { graph.type(of: value).description }

  @Test func poolingSlidesItsWindow() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let halved = try graph.maxPool(input, kernel: [2, 2])
    #expect(shape(graph, halved) == "float32[batch, 2, 4, 4]")
    let padded = try graph.averagePool(input, kernel: [3, 3], strides: [2, 1], padding: [1, 1])
    #expect(shape(graph, padded) == "float32[batch, 2, 5, 8]")
    let pooled = try graph.globalAveragePool(input)
    #expect(shape(graph, pooled) == "float32[batch, 2, 1, 1]")
    #expect(throws: GraphError.self) { try graph.maxPool(input, kernel: [10, 2]) }
    #expect(throws: GraphError.self) { try graph.maxPool(input, kernel: [2]) }
    #expect(throws: GraphError.self) {
      try graph.apply("MaxPool", [input], ["ceil_mode": .int(1), "kernel_shape": .ints([2, 2])])
    }
  }

  /// PyTorch's `max_pool1d(kernel, stride, padding, ceil_mode=True)`, extents counted with torch 2.15.
  @Test(arguments: [
    (8, 3, 2, 0, 4), (9, 3, 2, 0, 4), (7, 2, 2, 0, 4), (5, 2, 3, 0, 2), (6, 2, 3, 0, 2), (6, 3, 2, 1, 4),
    (7, 1, 2, 0, 4), (4, 2, 4, 1, 2), (3, 1, 3, 0, 1),
  ])
  func aPoolThatRoundsUpIsPaddedAtTheEnd(_ extent: Int, _ kernel: Int, _ stride: Int, _ padding: Int, _ expected: Int)
    throws
  {
    var graph = Graph(name: "test")
    let input = try image(&graph, [Dimension("batch"), 1, Dimension(extent)])
    let pooled = try graph.maxPool(input, kernel: [kernel], strides: [stride], padding: [padding], isCeiling: true)
    #expect(graph.type(of: pooled).shape[2].constant == expected)
  }

  @Test func resizingRoundsDownAndKeepsTheBatch() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let scaled = try graph.resize(input, scales: [1.5, 0.3], mode: .linear, coordinates: .halfPixel)
    #expect(shape(graph, scaled) == "float32[batch, 2, 13, 2]")
    #expect(throws: GraphError.self) {
      try graph.apply("Resize", [input, nil, graph.constant([Float(2), 1, 1, 1], name: "scales")])
    }
    #expect(throws: GraphError.self) {
      try graph.resize(input, scales: [0, 1], mode: .nearest, coordinates: .asymmetric)
    }
  }

  @Test func resizingToASizeGivesThatSizeForEveryExtent() throws {
    for extent in 1...67 {
      for size in 1...67 {
        var graph = Graph(name: "test")
        let input = try image(&graph, [Dimension("batch"), 1, Dimension(extent)])
        let resized = try graph.resize(input, to: [size], mode: .nearest, coordinates: .asymmetric)
        #expect(graph.type(of: resized).shape[2].constant == size)
      }
    }
  }

  @Test func paddingAddsToBothSides() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let padded = try graph.padSpatial(input, before: [1, 0], after: [2, 3], mode: .edge)
    #expect(shape(graph, padded) == "float32[batch, 2, 12, 11]")
    #expect(try graph.padSpatial(input, before: [0, 0], after: [0, 0]) == input)
    #expect(throws: GraphError.self) { try graph.padSpatial(input, before: [-1, 0], after: [0, 0]) }
  }

  @Test func matrixProductsBroadcastTheirBatches() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let weight = graph.constant(Tensor(.float32, [8, 5]), name: "weight")
    let product = try graph.matmul(input, weight)
    #expect(shape(graph, product) == "float32[batch, 2, 9, 5]")
    #expect(throws: GraphError.self) { try graph.matmul(weight, input) }
    let rows = try graph.flatten(input)
    #expect(shape(graph, rows) == "float32[batch, 144]")
    let linear = graph.constant(Tensor(.float32, [3, 144]), name: "linear")
    let bias = graph.constant(Tensor(.float32, [3]), name: "bias")
    let linearResult = try graph.gemm(rows, weight: linear, bias: bias)
    #expect(shape(graph, linearResult) == "float32[batch, 3]")
    #expect(throws: GraphError.self) { try graph.gemm(rows, weight: weight, bias: nil) }
  }

  @Test func reductionsKeepOrDropTheirAxes() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let means = try graph.reduceMean(input, axes: [2, -1])
    #expect(shape(graph, means) == "float32[batch, 2, 1, 1]")
    let maxima = try graph.reduceMax(input, axes: [1], keepsAxes: false)
    #expect(shape(graph, maxima) == "float32[batch, 9, 8]")
    #expect(throws: GraphError.self) { try graph.reduceSum(input, axes: [4]) }
  }

  @Test func splittingSqueezingAndGatheringFollowTheirAxes() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let parts = try graph.split(input, axis: 2, [4, 5])
    #expect(parts.map { graph.type(of: $0).shape[2] } == [4, 5])
    #expect(throws: GraphError.self) { try graph.split(input, axis: 2, [4, 4]) }
    let wider = try graph.unsqueeze(input, axes: [1, 5])
    #expect(shape(graph, wider) == "float32[batch, 1, 2, 9, 8, 1]")
    let squeezed = try graph.squeeze(wider, axes: [1, -1])
    #expect(shape(graph, squeezed) == shape(graph, input))
    #expect(throws: GraphError.self) { try graph.squeeze(input, axes: [1]) }
    let indices = graph.constant([Int64(0), 3, 3, 1, 2, 0], shape: [2, 3], name: "indices")
    let gathered = try graph.gather(input, indices, axis: 3)
    #expect(shape(graph, gathered) == "float32[batch, 2, 9, 2, 3]")
    let odd = try graph.slice(input, axis: 2, from: 1, step: 2)
    #expect(shape(graph, odd) == "float32[batch, 2, 4, 8]")
  }

  @Test func castsChangeTheElementTypeAlone() throws {
    var graph = Graph(name: "test")
    let steps = try graph.input("steps", TensorType(.int64, [Dimension("batch")]))
    let floats = try graph.cast(steps, to: .float32)
    #expect(shape(graph, floats) == "float32[batch]")
    let cosines = try graph.cos(graph.sqrt(floats))
    #expect(shape(graph, cosines) == "float32[batch]")
    #expect(throws: GraphError.self) { try graph.exp(steps) }
    #expect(throws: GraphError.self) { try graph.add(steps, floats) }
  }

  @Test func aGroupPerChannelIsAnInstanceNormalization() throws {
    var graph = Graph(name: "test")
    let input = try image(&graph)
    let ones = graph.constant([Float(1), 1], name: "ones")
    _ = try graph.groupNormalization(input, groups: 2, scale: ones, bias: ones, epsilon: 1e-5)
    #expect(graph.nodes.map(\.operator) == ["InstanceNormalization"])
  }
}
