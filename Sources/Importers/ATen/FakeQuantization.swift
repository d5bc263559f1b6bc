import Graphs
import Tensors

/// Rounding to the steps of a quantised type, as networks trained for one have it.
let fakeQuantizationOperators: [ATenOperator] = [
  .value(
    """
    fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor
    """
  ) { call in
    try rounded(
      call, scale: call.scalar(call.double("scale"), .float32), zero: call.scalar(call.double("zero_point"), .float32))
  },
  .value(
    """
    fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, \
    int quant_max) -> Tensor
    """
  ) { call in
    try rounded(call, scale: call.value("scale"), zero: call.value("zero_point"))
  },
  .value(
    """
    fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, \
    int quant_max) -> Tensor
    """
  ) { call in
    let input = try call.value("self")
    let axis = try call.axis("axis", of: input)
    let shape = (0..<call.type(input).rank).map { $0 == axis ? call.type(input).shape[axis] : 1 }
    return try rounded(
      call, scale: call.reshape(call.value("scale"), shape), zero: call.reshape(call.value("zero_point"), shape))
  },
]

private func rounded(_ call: ATenCall, scale: Value, zero: Value) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input).elementType
  let (scale, zero) = (try call.writer.cast(scale, to: type), try call.writer.cast(zero, to: type))
  let steps = try call.graph.add(call.graph.apply("Round", [call.graph.divide(input, scale)])[0], zero)
  let bounds = try ["quant_min", "quant_max"].map { call.scalar(try call.double($0), type) }
  let held = try call.graph.apply("Clip", [steps, bounds[0], bounds[1]])[0]
  return try call.graph.multiply(call.graph.subtract(held, zero), scale)
}
