import Engines
import Graphs
import OrderedCollections
import Pipelines
import Tensors
import Testing

@Suite struct EngineChoiceTests {
  /// Where OpenVINO would be faster and can't compute a node, Martlet's own engine is taken, and says why.
  @Test func autoGoesBackToItsOwnEngineWhereOpenVINOCannotComputeANode() throws {
    var graph = Graph(name: "net")
    var value = try graph.input("image", TensorType(.float32, [1, 1, 1024, 1024]))
    let weight = graph.constant(Tensor([Float](repeating: 0.01, count: 1 << 20), [1024, 1024]), name: "weight")
    for _ in 0..<8 { value = try graph.apply("MatMul", [value, weight])[0] }
    let sizes = graph.constant(Tensor([1, 1, 512, 512] as [Int64], [4]), name: "sizes")
    value = try graph.apply(
      "Resize", [value, nil, nil, sizes], ["mode": .string("linear"), "antialias": .int(1)], named: "shrink")[0]
    try graph.output(value, name: "output_0")
    let chosen = try EngineChoice().compile(graph).settings.first { $0.name == "chosen" }
    #expect(chosen?.value == "OpenVINO would be faster and can't compute 'shrink': it ignores antialias")
  }
}
