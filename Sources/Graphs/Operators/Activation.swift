// Activations: element by element, or along one axis. https://onnx.ai/onnx/operators/

import OrderedCollections
import Tensors

let activationOperators = [
  activation("Relu", since: 14),
  activation("Sigmoid", since: 13),
  activation("Tanh", since: 13),
  activation("Softplus", since: 1),
  activation("Mish", since: 18),
  activation("Erf", since: 13),
  activation("HardSwish", since: 14),
  activation("HardSigmoid", since: 6, ["alpha": .float, "beta": .float]),
  activation("LeakyRelu", since: 16, ["alpha": .float]),
  activation("Elu", since: 6, ["alpha": .float]),
  activation("Celu", since: 12, ["alpha": .float]),
  activation("Selu", since: 6, ["alpha": .float, "gamma": .float]),
  activation("Gelu", since: 20, ["approximate": .string]),
  OperatorDefinition("Clip", since: 13, inputs: 1...3) { call in [try call.input(0)] },
  OperatorDefinition("PRelu", since: 16, inputs: 2...2) { call in
    let input = try call.input(0)
    let slope = try call.input(1)
    try call.requireFloatingPoint(input)
    guard try broadcast(call, input.shape, slope.shape) == input.shape else {
      throw call.error("the slope \(slope) doesn't broadcast to the input \(input)")
    }
    return [input]
  },
  OperatorDefinition("Softmax", since: 13, inputs: 1...1, attributes: ["axis": .int], rule: alongAxis),
  OperatorDefinition("LogSoftmax", since: 13, inputs: 1...1, attributes: ["axis": .int], rule: alongAxis),
]

private func activation(
  _ name: String, since: Int, _ attributes: [String: Attribute.Kind] = [:]
) -> OperatorDefinition {
  OperatorDefinition(name, since: since, inputs: 1...1, attributes: attributes) { call in
    let input = try call.input(0)
    try call.requireFloatingPoint(input)
    return [input]
  }
}

@Sendable private func alongAxis(_ call: OperatorCall) throws -> [TensorType] {
  let input = try call.input(0)
  try call.requireFloatingPoint(input)
  _ = try call.axis(call.int("axis", default: -1), rank: input.rank)
  return [input]
}

extension Graph {
  package mutating func relu(_ input: Value) throws -> Value { try apply("Relu", [input])[0] }
  package mutating func sigmoid(_ input: Value) throws -> Value { try apply("Sigmoid", [input])[0] }
  package mutating func tanh(_ input: Value) throws -> Value { try apply("Tanh", [input])[0] }
  /// x · tanh(ln(1 + eˣ)).
  package mutating func mish(_ input: Value) throws -> Value { try apply("Mish", [input])[0] }

  /// x · max(0, min(1, x / 6 + ½)).
  package mutating func hardSwish(_ input: Value) throws -> Value { try apply("HardSwish", [input])[0] }
  /// max(0, min(1, x / 6 + ½)).
  package mutating func hardSigmoid(_ input: Value) throws -> Value {
    try apply("HardSigmoid", [input], ["alpha": .float(1.0 / 6), "beta": .float(0.5)])[0]
  }
  /// ln(1 + eˣ).
  package mutating func softplus(_ input: Value) throws -> Value { try apply("Softplus", [input])[0] }

  /// x where x ≥ 0, `slope`·x below.
  package mutating func leakyRelu(_ input: Value, slope: Float) throws -> Value {
    try apply("LeakyRelu", [input], ["alpha": .float(slope)])[0]
  }

  /// x where x ≥ 0, slope·x below; the slope broadcasts to the input, `[C, 1, 1, 1]` for one per channel.
  package mutating func prelu(_ input: Value, slope: Value) throws -> Value { try apply("PRelu", [input, slope])[0] }

  /// x where x ≥ 0, alpha·(eˣ - 1) below.
  package mutating func elu(_ input: Value, alpha: Float) throws -> Value {
    try apply("Elu", [input], ["alpha": .float(alpha)])[0]
  }

  /// max(0, x) + min(0, alpha·(e^(x/alpha) - 1)).
  package mutating func celu(_ input: Value, alpha: Float) throws -> Value {
    try apply("Celu", [input], ["alpha": .float(alpha)])[0]
  }

  /// The scaled exponential unit with the constants of its paper (https://arxiv.org/abs/1706.02515).
  package mutating func selu(_ input: Value) throws -> Value {
    try apply("Selu", [input], ["alpha": .float(1.673_263_2), "gamma": .float(1.050_701)])[0]
  }

  /// x·Φ(x); `isApproximate` takes the tanh form.
  package mutating func gelu(_ input: Value, isApproximate: Bool = false) throws -> Value {
    try apply("Gelu", [input], ["approximate": .string(isApproximate ? "tanh" : "none")])[0]
  }

  /// The input held between two bounds.
  package mutating func clip(_ input: Value, _ range: ClosedRange<Float>) throws -> Value {
    let lower = constant([range.lowerBound], shape: [], name: "min")
    let upper = constant([range.upperBound], shape: [], name: "max")
    return try apply("Clip", [input, lower, upper])[0]
  }

  package mutating func softmax(_ input: Value, axis: Int) throws -> Value {
    try apply("Softmax", [input], ["axis": .int(axis)])[0]
  }

  package mutating func logSoftmax(_ input: Value, axis: Int) throws -> Value {
    try apply("LogSoftmax", [input], ["axis": .int(axis)])[0]
  }
}
