import Graphs
import Tensors

/// Normalisations, in evaluation mode.
let normalizationOperators: [ATenOperator] = [
  .value(
    """
    batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, \
    bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """, batchNormalization),
  .value(
    """
    _native_batch_norm_legit_no_training(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, \
    Tensor running_var, float momentum, float eps) -> (Tensor, Tensor, Tensor)
    """, batchNormalization),
  .value(
    """
    instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, \
    bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor
    """
  ) { call in
    if try !call.bool("use_input_stats") { return try batchNormalization(call) }
    let input = try call.value("input")
    let (scale, bias) = try affine(call, channels: channels(call, input))
    return try call.graph.instanceNormalization(input, scale: scale, bias: bias, epsilon: call.float("eps"))
  },
  .value(
    """
    group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, \
    float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor
    """
  ) { call in
    let input = try call.value("input")
    let shape = call.type(input).shape
    // A matrix is an image of one voxel.
    let image = shape.count == 2 ? try call.reshape(input, shape + [1]) : input
    let result = try call.graph.groupNormalization(
      image, groups: call.int("num_groups"), scale: call.optionalValue("weight"), bias: call.optionalValue("bias"),
      epsilon: call.float("eps"))
    return try call.reshape(result, shape)
  },
  .value(
    """
    layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, \
    float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor
    """
  ) { call in
    let input = try call.value("input")
    let shape = try call.ints("normalized_shape")
    let scale = try call.optionalValue("weight") ?? ones(call, shape, call.type(input).elementType)
    return try call.graph.layerNormalization(
      input, scale: scale, bias: call.optionalValue("bias"), axis: call.type(input).rank - shape.count,
      epsilon: call.float("eps"))
  },
  .value(
    """
    rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor
    """
  ) { call in
    let input = try call.value("input")
    let count = try call.ints("normalized_shape").count
    let rank = call.type(input).rank
    let epsilon = try call.optionalDouble("eps") ?? 1.1920928955078125e-07
    let squares = try call.graph.multiply(input, input)
    let mean = try call.graph.reduceMean(squares, axes: Array(rank - count..<rank))
    let root = try call.graph.sqrt(call.graph.add(mean, call.scalar(epsilon, call.type(input).elementType)))
    let result = try call.graph.divide(input, root)
    return try call.optionalValue("weight").map { try call.graph.multiply(result, $0) } ?? result
  },
  .any(
    """
    native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, \
    float eps) -> (Tensor, Tensor, Tensor)
    """
  ) { call in
    let input = try call.value("input")
    let shape = try call.ints("normalized_shape")
    let scale = try call.optionalValue("weight") ?? ones(call, shape, call.type(input).elementType)
    let result = try call.graph.layerNormalization(
      input, scale: scale, bias: call.optionalValue("bias"), axis: call.type(input).rank - shape.count,
      epsilon: call.float("eps"))
    // Mean and deviation are for training.
    return .tuple([call.result(result), .none, .none])
  },
  .any(
    """
    native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, \
    float eps) -> (Tensor, Tensor, Tensor)
    """
  ) { call in
    let result = try call.graph.groupNormalization(
      call.value("input"), groups: call.int("group"), scale: call.optionalValue("weight"),
      bias: call.optionalValue("bias"), epsilon: call.float("eps"))
    return .tuple([call.result(result), .none, .none])
  },
  .any(
    """
    _native_batch_norm_legit(Tensor input, Tensor? weight, Tensor? bias, Tensor running_mean, Tensor running_var, \
    bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)
    """
  ) { .tuple([$0.result(try batchNormalization($0)), .none, .none]) },
  .any(
    """
    _native_batch_norm_legit.no_stats(Tensor input, Tensor? weight, Tensor? bias, bool training, float momentum, \
    float eps) -> (Tensor, Tensor, Tensor)
    """
  ) { .tuple([$0.result(try batchStatistics($0)), .none, .none]) },
  .value("_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor") { try weightNormalization($0) },
  .any("_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)") {
    .tuple([$0.result(try weightNormalization($0)), .none])
  },
]

/// Weights given as directions and lengths: v · g / |v|, the length over all axes but one.
private func weightNormalization(_ call: ATenCall) throws -> Value {
  let direction = try call.value("v")
  let rank = call.type(direction).rank
  let dimension = try call.int("dim")
  let kept: Int? = try dimension == -1 ? nil : call.axis(dimension, rank: rank)
  let axes = (0..<rank).filter { $0 != kept }
  let length = try call.graph.reduceL2(direction, axes: axes)
  return try call.graph.multiply(direction, call.graph.divide(call.value("g"), length))
}

private func channels(_ call: ATenCall, _ input: Value) throws -> Int {
  let type = call.type(input)
  guard type.rank >= 2, let channels = type.shape[1].constant else {
    throw call.unsupported("the input is \(type)", expected: "[N, C, …] with a fixed number of channels")
  }
  return channels
}

private func ones(_ call: ATenCall, _ shape: [Int], _ type: ElementType) throws -> Value {
  guard shape.allSatisfy({ (0...1 << 20).contains($0) }), shape.reduce(1.0, { $0 * Double($1) }) <= 0x1p28 else {
    throw call.unsupported("the normalised shape is \(shape)", expected: "positive numbers")
  }
  let count = shape.reduce(1, *)
  return call.graph.constant(
    Tensor(Array(repeating: Float(1), count: count), Shape(shape)).converted(to: type), name: "ones")
}

/// Scale and bias, ones and zeros where they are left out.
private func affine(_ call: ATenCall, channels: Int) throws -> (Value, Value) {
  let scale = try call.optionalValue("weight") ?? ones(call, [channels], .float32)
  let bias = try call.optionalValue("bias") ?? call.graph.constant(Tensor(.float32, [channels]), name: "zeros")
  return (scale, bias)
}

@Sendable private func batchNormalization(_ call: ATenCall) throws -> Value {
  let hasFlag = call.operation.schema.parameters.contains { $0.name == "training" }
  guard try !(hasFlag && call.bool("training")), let mean = try call.optionalValue("running_mean"),
    let variance = try call.optionalValue("running_var")
  else {
    return try batchStatistics(call)
  }
  let input = try call.value("input")
  let (scale, bias) = try affine(call, channels: channels(call, input))
  return try call.graph.batchNormalization(
    input, scale: scale, bias: bias, mean: mean, variance: variance, epsilon: call.float("eps"))
}

/// With the mean and variance of the batch itself, for layers that keep none.
private func batchStatistics(_ call: ATenCall) throws -> Value {
  let input = try call.value("input")
  let type = call.type(input)
  guard type.rank >= 2 else { throw call.unsupported("the input is \(type)", expected: "[N, C, …]") }
  let axes = (0..<type.rank).filter { $0 != 1 }
  let centred = try call.graph.subtract(input, call.graph.reduceMean(input, axes: axes))
  let variance = try call.graph.reduceMean(call.graph.multiply(centred, centred), axes: axes)
  let deviation = try call.graph.sqrt(call.graph.add(variance, call.scalar(call.double("eps"), type.elementType)))
  var result = try call.graph.divide(centred, deviation)
  let shape = [type.shape[1]] + Array(repeating: Dimension(1), count: type.rank - 2)
  if let scale = try call.optionalValue("weight") {
    result = try call.graph.multiply(result, call.writer.folded(call.reshape(scale, shape)))
  }
  if let bias = try call.optionalValue("bias") {
    result = try call.graph.add(result, call.writer.folded(call.reshape(bias, shape)))
  }
  return result
}
