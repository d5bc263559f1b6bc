import Graphs
import Tensors
import Testing

@Suite struct OperationCountTests {
  private func graph(_ body: (inout Graph, Value) throws -> Value) throws -> Graph {
    var graph = Graph(name: "test")
    let input = try graph.input("x", TensorType(.float32, [Dimension("batch"), 4, 8, 8]))
    let output = try body(&graph, input)
    try graph.output(output, name: "y")
    return graph
  }

  private func weight(_ graph: inout Graph, _ shape: Shape) -> Value {
    graph.constant(Tensor(.float32, shape), name: "weight")
  }

  @Test func convolutionsCountTwoForEveryProduct() throws {
    let plain = try graph { try $0.conv($1, weight: weight(&$0, [6, 4, 3, 3]), padding: [1, 1]) }
    #expect(plain.operationCount(batch: 1) == Double(2 * 6 * 8 * 8 * 4 * 9))
    #expect(plain.operationCount(batch: 3) == Double(3 * 2 * 6 * 8 * 8 * 4 * 9))
    let grouped = try graph { try $0.conv($1, weight: weight(&$0, [6, 2, 3, 3]), padding: [1, 1], groups: 2) }
    #expect(grouped.operationCount(batch: 1) == Double(2 * 6 * 8 * 8 * 2 * 9))
    let transposed = try graph { try $0.convTranspose($1, weight: weight(&$0, [4, 5, 2, 2]), strides: [2, 2]) }
    #expect(transposed.operationCount(batch: 1) == Double(2 * 4 * 8 * 8 * 5 * 4))
  }

  @Test func otherOperatorsCountTheirElementsAndMovesNothing() throws {
    let product = try graph { try $0.matmul($1, weight(&$0, [8, 5])) }
    #expect(product.operationCount(batch: 1) == Double(2 * 4 * 8 * 5 * 8))
    let activation = try graph { try $0.relu($0.transpose($1, [0, 2, 3, 1])) }
    #expect(activation.operationCount(batch: 2) == Double(2 * 4 * 64))
    let pooling = try graph { try $0.globalAveragePool($0.maxPool($1, kernel: [2, 2])) }
    #expect(pooling.operationCount(batch: 1) == Double(4 * 16 * 4 + 4 * 16))
  }
}
