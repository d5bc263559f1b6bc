import Graphs
import Interpreter
import OrderedCollections
import Passes
import Tensors
import TestSupport
import Testing

/// A pointwise last layer is taken off, and off nothing else.
@Suite struct PointwiseHeadTests {
  private func numbers(_ shape: Shape, seed: Int) -> Tensor {
    Tensor((0..<shape.count).map { Float(($0 * 7919 + seed * 131) % 2001 - 1000) / 1000 }, shape)
  }

  private func network(
    outputs: Int = 7, kernel: Int = 1, attributes: OrderedDictionary<String, Attribute> = [:], hasBias: Bool = true,
    _ body: (inout Graph, Value) throws -> Value = { $1 }
  ) throws -> Graph {
    var graph = Graph(name: "Test")
    let image = try graph.input("image", TensorType(.float32, [Dimension("batch"), 2, 5, 4]))
    let weight = graph.constant(numbers([3, 2, 3, 3], seed: 1), name: "first.weight")
    let features = try graph.relu(graph.conv(image, weight: weight, padding: [1, 1]))
    let last = graph.constant(numbers([outputs, 3, kernel, kernel], seed: 2), name: "last.weight")
    let bias = hasBias ? graph.constant(numbers([outputs], seed: 3), name: "last.bias") : nil
    let logits = try graph.apply("Conv", [features, last, bias], attributes)[0]
    try graph.output(body(&graph, logits), name: "output_0")
    return graph
  }

  @Test(arguments: [true, false]) func theLayerAndTheRestGiveTheNetworksResult(_ hasBias: Bool) throws {
    let graph = try network(hasBias: hasBias)
    let (trunk, head) = try #require(try PointwiseHead.split(graph))
    #expect(trunk.nodes.map(\.operator) == ["Conv", "Relu"])
    #expect(trunk.outputs.map(\.name) == ["output_0"])
    #expect(head.outputs == 7 && head.channels == 3 && (head.bias != nil) == hasBias)
    let input = numbers([1, 2, 5, 4], seed: 4)
    let expected = try GraphEvaluator(graph).run([input])[0].array(of: Float.self)
    let features = try GraphEvaluator(trunk).run([input])[0].array(of: Float.self)
    let (weights, bias) = (head.weights.array(of: Float.self), head.bias?.array(of: Float.self))
    for k in 0..<7 {
      for place in 0..<20 {
        let sum = (0..<3).reduce(bias?[k] ?? 0) { $0 + weights[k * 3 + $1] * features[$1 * 20 + place] }
        #expect(abs(sum - expected[k * 20 + place]) <= 1e-5)
      }
    }
  }

  @Test func otherLastLayersStay() throws {
    #expect(try PointwiseHead.split(network(outputs: 3)) == nil, "as many outputs as inputs")
    #expect(try PointwiseHead.split(network(kernel: 3)) == nil)
    #expect(try PointwiseHead.split(network(attributes: ["strides": .ints([2, 2])])) == nil)
    #expect(try PointwiseHead.split(network(attributes: ["pads": .ints([1, 1, 1, 1])])) == nil)
    #expect(try PointwiseHead.split(network { try $0.relu($1) }) == nil)
    #expect(
      try PointwiseHead.split(
        network { graph, value in
          try graph.output(graph.relu(value), name: "second")
          return value
        }) == nil, "two outputs")
  }
}
