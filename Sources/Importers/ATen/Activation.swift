import Graphs

/// Activations.
let activationOperators: [ATenOperator] = [
  .value("relu(Tensor self) -> Tensor") { try $0.graph.relu($0.value("self")) },
  .value("relu6(Tensor self) -> Tensor") { try $0.graph.clip($0.value("self"), 0...6) },
  .value("sigmoid(Tensor self) -> Tensor") { try $0.graph.sigmoid($0.value("self")) },
  .value("tanh(Tensor self) -> Tensor") { try $0.graph.tanh($0.value("self")) },
  .value("mish(Tensor self) -> Tensor") { try $0.graph.mish($0.value("self")) },
  .value("selu(Tensor self) -> Tensor") { try $0.graph.selu($0.value("self")) },
  .value("hardswish(Tensor self) -> Tensor") { try $0.graph.hardSwish($0.value("self")) },
  .value("hardsigmoid(Tensor self) -> Tensor") { try $0.graph.hardSigmoid($0.value("self")) },
  .value("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor") {
    try $0.graph.leakyRelu($0.value("self"), slope: $0.float("negative_slope"))
  },
  .value("celu(Tensor self, Scalar alpha=1.) -> Tensor") {
    try $0.graph.celu($0.value("self"), alpha: $0.float("alpha"))
  },
  .value("silu(Tensor self) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.multiply(input, call.graph.sigmoid(input))
  },
  .value(
    """
    gelu(Tensor self, *, str approximate="none") -> Tensor
    """
  ) { try $0.graph.gelu($0.value("self"), isApproximate: $0.string("approximate") == "tanh") },
  .value("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor") { call in
    guard try call.double("scale") == 1, try call.double("input_scale") == 1 else {
      throw call.unsupported("scale and input_scale", expected: "1")
    }
    return try call.graph.elu(call.value("self"), alpha: call.float("alpha"))
  },
  .value("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor") { call in
    let bounds = (try call.float("min_val"), try call.float("max_val"))
    guard bounds.0 <= bounds.1 else { throw call.unsupported("the bounds are \(bounds)", expected: "min ≤ max") }
    return try call.graph.clip(call.value("self"), bounds.0...bounds.1)
  },
  .value("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor") { call in
    let input = try call.value("self")
    let type = call.type(input).elementType
    let (beta, threshold) = (try call.double("beta"), try call.double("threshold"))
    guard beta != 0 else { throw call.unsupported("beta is 0", expected: "another number") }
    let scaled = beta == 1 ? input : try call.graph.multiply(input, call.scalar(beta, type))
    let soft = try call.graph.softplus(scaled)
    let result = beta == 1 ? soft : try call.graph.divide(soft, call.scalar(beta, type))
    // Above the threshold PyTorch takes x itself, which from 20 on differs by less than e⁻²⁰.
    if threshold >= 20 { return result }
    return try call.graph.select(
      call.graph.compare(.greater, scaled, call.scalar(threshold, type)), input, result)
  },
  .value("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor") { call in
    let input = try call.value("self")
    let type = call.type(input).elementType
    let isOutside = try call.graph.compare(
      .greater, call.graph.apply("Abs", [input])[0], call.scalar(call.double("lambd"), type))
    return try call.graph.select(isOutside, input, call.scalar(0, type))
  },
  .value("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor") { call in
    // x - the nearest number between -lambd and lambd
    let input = try call.value("self")
    let type = call.type(input).elementType
    let bound = try call.double("lambd")
    guard bound >= 0 else { throw call.unsupported("lambd is \(bound)", expected: "0 or more") }
    let inner = try call.graph.apply("Clip", [input, call.scalar(-bound, type), call.scalar(bound, type)])[0]
    return try call.graph.subtract(input, inner)
  },
  .value(
    """
    rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, \
    Generator? generator=None) -> Tensor
    """
  ) { call in
    guard try !call.bool("training") else { throw call.unsupported("it draws random numbers", expected: "evaluation") }
    return try call.graph.leakyRelu(
      call.value("self"), slope: Float((call.double("lower") + call.double("upper")) / 2))
  },
  .value("log_sigmoid(Tensor self) -> Tensor") { call in
    try call.graph.apply("Neg", [call.graph.softplus(call.graph.apply("Neg", [call.value("self")])[0])])[0]
  },
  .value("prelu(Tensor self, Tensor weight) -> Tensor") { call in
    let input = try call.value("self")
    let slope = try call.value("weight")
    let rank = call.type(input).rank
    guard call.type(slope).rank <= 1, rank > 2 || call.type(slope).count == 1 else {
      return try call.graph.prelu(input, slope: slope)
    }
    // [C] → [C, 1, …], so that it broadcasts along the channels.
    let shape = [-1] + Array(repeating: 1, count: max(rank - 2, 0))
    return try call.graph.prelu(input, slope: call.writer.folded(call.graph.reshape(slope, shape)))
  },
  .value("glu(Tensor self, int dim=-1) -> Tensor") { call in
    let input = try call.value("self")
    let axis = try call.axis("dim", of: input)
    guard let extent = call.type(input).shape[axis].constant, extent % 2 == 0 else {
      throw call.unsupported("axis \(axis) of \(call.type(input)) can't be halved", expected: "an even, fixed extent")
    }
    let parts = try call.graph.split(input, axis: axis, [extent / 2, extent / 2])
    return try call.graph.multiply(parts[0], call.graph.sigmoid(parts[1]))
  },
  .value("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", softmax),
  .value("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor", softmax),
  .value("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { call in
    let input = try floating(call)
    return try call.graph.logSoftmax(input, axis: call.axis("dim", of: input))
  },
  .value("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor") { call in
    let input = try call.value("self")
    return try call.graph.logSoftmax(input, axis: call.axis("dim", of: input))
  },
  .value("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor") { call in
    let input = try call.value("self")
    let type = call.type(input).elementType
    let isAbove = try call.graph.compare(.greater, input, call.scalar(call.double("threshold"), type))
    return try call.graph.select(isAbove, input, call.scalar(call.double("value"), type))
  },
  .identity("dropout(Tensor input, float p, bool train) -> Tensor"),
  .identity("feature_dropout(Tensor input, float p, bool train) -> Tensor"),
  .identity("alpha_dropout(Tensor input, float p, bool train) -> Tensor"),
  .identity("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor"),
  .identity("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)"),
]

@Sendable private func softmax(_ call: ATenCall) throws -> Value {
  let input = try floating(call)
  return try call.graph.softmax(input, axis: call.axis("dim", of: input))
}

/// The input as the floating-point type that `dtype` asks for, where the operator has one.
private func floating(_ call: ATenCall) throws -> Value {
  let input = try call.value("self")
  guard call.operation.schema.parameters.contains(where: { $0.name == "dtype" }),
    let type = try call.elementType("dtype")
  else { return input }
  return try call.writer.cast(input, to: type)
}
