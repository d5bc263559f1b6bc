package import Graphs
package import Tensors

/// What a tensor that goes into or comes out of a network looks like.
package struct TensorSpecification: Sendable, Hashable {
  package var name: String
  package var elementType: ElementType
  /// The extents, outermost first, as in `[N, C, D, H, W]`; nil where each run chooses (the batch).
  package var dimensions: [Int?]

  package init(name: String, elementType: ElementType, dimensions: [Int?]) {
    self.name = name
    self.elementType = elementType
    self.dimensions = dimensions
  }

  /// Whether every extent is fixed.
  package var isStatic: Bool { !dimensions.contains(nil) }

  /// Whether a tensor of this shape may stand here: the same rank, the fixed extents equal, the free ones positive.
  package func accepts(_ shape: Shape) -> Bool {
    shape.rank == dimensions.count
      && zip(shape.dimensions, dimensions).allSatisfy { extent, fixed in fixed.map { $0 == extent } ?? (extent > 0) }
  }

  /// The shape of a run whose free extents are all `batch`.
  package func shape(batch: Int) -> Shape { Shape(dimensions.map { $0 ?? batch }) }
}

extension TensorSpecification: CustomStringConvertible {
  /// `float32 ?×1×96×96×96`
  package var description: String {
    let extents = dimensions.map { $0.map(String.init) ?? "?" }
    return "\(elementType) " + (extents.isEmpty ? "scalar" : extents.joined(separator: "×"))
  }
}

/// A network in the form that library engines read: an ONNX model; for Martlet's own engines, the graph it came from.
package struct EngineSource: Sendable {
  /// The bytes of an ONNX `ModelProto`, weights included.
  package var onnx: Storage
  /// In the order of the model's inputs.
  package var inputs: [TensorSpecification]
  /// In the order of the model's outputs.
  package var outputs: [TensorSpecification]
  /// The graph behind the model; nil when only the model is at hand.
  package var graph: Graph?

  package init(
    onnx: Storage, inputs: [TensorSpecification], outputs: [TensorSpecification], graph: Graph? = nil
  ) {
    self.onnx = onnx
    self.inputs = inputs
    self.outputs = outputs
    self.graph = graph
  }

  package init(onnx: [UInt8], inputs: [TensorSpecification], outputs: [TensorSpecification]) {
    self.init(onnx: Tensor(onnx, [onnx.count]).storage, inputs: inputs, outputs: outputs)
  }
}
