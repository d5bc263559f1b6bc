package import Graphs

extension EngineSource {
  /// The graph as an ONNX model in memory; a symbolic dimension is left to each run.
  /// - Throws: `GraphError` when the model is too large for one ONNX file.
  package init(_ graph: Graph) throws {
    self.init(
      onnx: try ONNXWriter(graph).storage(),
      inputs: graph.inputs.map { TensorSpecification(graph.name(of: $0), graph.type(of: $0)) },
      outputs: graph.outputs.map { TensorSpecification($0.name, graph.type(of: $0.value)) },
      graph: graph)
  }
}

extension TensorSpecification {
  init(_ name: String, _ type: TensorType) {
    self.init(name: name, elementType: type.elementType, dimensions: type.shape.map(\.constant))
  }
}
