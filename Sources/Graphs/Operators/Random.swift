// Random numbers of the shape of another tensor. https://onnx.ai/onnx/operators/onnx__RandomNormalLike.html (opset 1),
// onnx__RandomUniformLike.html (1). Which numbers a seed gives is each engine's own.

import OrderedCollections
package import Tensors

let randomOperators = [("RandomNormalLike", ["mean", "scale"]), ("RandomUniformLike", ["low", "high"])].map {
  name, bounds in
  var attributes: [String: Attribute.Kind] = ["dtype": .int, "seed": .float]
  for bound in bounds { attributes[bound] = .float }
  return OperatorDefinition(name, since: 1, inputs: 1...1, attributes: attributes) { call in
    let input = try call.input(0)
    let number = call.int("dtype", default: input.elementType.onnxType.rawValue)
    guard let type = ElementType.allCases.first(where: { $0.onnxType.rawValue == number }), type.isFloatingPoint else {
      throw call.error("'dtype' is \(number)", expected: "the number of a floating-point type")
    }
    return [TensorType(type, input.shape)]
  }
}

extension Graph {
  /// Numbers of the normal distribution (RandomNormalLike) or between 0 and 1 (RandomUniformLike), as many as `input` has.
  package mutating func random(
    _ operation: String, like input: Value, _ type: ElementType, seed: Float
  ) throws -> Value {
    try apply(operation, [input], ["dtype": .int(type.onnxType.rawValue), "seed": .float(seed)])[0]
  }

  /// The outputs whose values depend on random numbers.
  package var randomOutputs: [String] {
    var drawn: Set<Value> = []
    for node in nodes
    where node.operator.hasPrefix("Random") || node.inputs.contains(where: { $0.map(drawn.contains) ?? false }) {
      drawn.formUnion(node.outputs)
    }
    return outputs.filter { drawn.contains($0.value) }.map(\.name)
  }
}
