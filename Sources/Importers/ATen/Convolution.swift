import Graphs

/// Convolutions and transposed convolutions of one to three spatial axes.
let convolutionOperators: [ATenOperator] =
  [
    .value(
      """
      _convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, \
      SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, \
      bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor
      """, generalConvolution),
    .value(
      """
      _convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, \
      SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, bool benchmark, \
      bool deterministic, bool cudnn_enabled) -> Tensor
      """, generalConvolution),
    .value(
      """
      convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, \
      SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor
      """, generalConvolution),
    .value(
      """
      conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, \
      SymInt[1] output_padding=0, SymInt groups=1, SymInt[1] dilation=1) -> Tensor
      """, transposedConvolution),
    .value(
      """
      conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, \
      SymInt[2] padding=0, SymInt[2] output_padding=0, SymInt groups=1, SymInt[2] dilation=1) -> Tensor
      """, transposedConvolution),
    .value(
      """
      conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, \
      SymInt[3] padding=0, SymInt[3] output_padding=0, SymInt groups=1, SymInt[3] dilation=1) -> Tensor
      """, transposedConvolution),
  ]
  + [
    """
    conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, SymInt[1] padding=0, \
    SymInt[1] dilation=1, SymInt groups=1) -> Tensor
    """,
    """
    conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, \
    SymInt[2] dilation=1, SymInt groups=1) -> Tensor
    """,
    """
    conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, SymInt[3] padding=0, \
    SymInt[3] dilation=1, SymInt groups=1) -> Tensor
    """,
  ].map { .value($0, convolution) }
  + [
    """
    conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=1, str padding="valid", \
    SymInt[1] dilation=1, SymInt groups=1) -> Tensor
    """,
    """
    conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, str padding="valid", \
    SymInt[2] dilation=1, SymInt groups=1) -> Tensor
    """,
    """
    conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=1, str padding="valid", \
    SymInt[3] dilation=1, SymInt groups=1) -> Tensor
    """,
    """
    _convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, \
    SymInt groups) -> Tensor
    """,
  ].map { .value($0, convolutionWithNamedPadding) }

/// Calls `body` with `[N, C, spatial…]` and a weight of the same rank; an image without a batch gets one for the while.
private func convolved(
  _ call: ATenCall, _ body: (_ input: Value, _ weight: Value, _ bias: Value?, _ rank: Int) throws -> Value
) throws -> Value {
  var input = try call.value("input")
  let weight = try call.value("weight")
  let rank = call.type(weight).rank - 2
  let hasBatch = call.type(input).rank != rank + 1
  if !hasBatch { input = try call.graph.unsqueeze(input, axes: [0]) }
  guard rank >= 1, call.type(input).rank == rank + 2 else {
    throw call.unsupported(
      "the input is \(call.type(input)) for the weight \(call.type(weight))", expected: "[N, C, spatial…]")
  }
  let result = try body(input, weight, call.optionalValue("bias"), rank)
  return hasBatch ? result : try call.graph.squeeze(result, axes: [0])
}

@Sendable private func convolution(_ call: ATenCall) throws -> Value {
  try convolved(call) { input, weight, bias, rank in
    try call.graph.conv(
      input, weight: weight, bias: bias, strides: call.ints("stride", count: rank),
      padding: call.ints("padding", count: rank), dilations: call.ints("dilation", count: rank),
      groups: call.int("groups"))
  }
}

@Sendable private func convolutionWithNamedPadding(_ call: ATenCall) throws -> Value {
  try convolved(call) { input, weight, bias, rank in
    let dilations = try call.ints("dilation", count: rank)
    var padded = input
    var padding = Array(repeating: 0, count: rank)
    if try call.string("padding") == "same" {
      let kernel = call.type(weight).shape.dropFirst(2).map { $0.constant ?? 1 }
      let total = zip(kernel, dilations).map { ($0 - 1) * $1 }
      padding = total.map { $0 / 2 }
      let rest = total.map { $0 % 2 }
      padded = try call.graph.padSpatial(input, before: rest.map { _ in 0 }, after: rest)
    }
    return try call.graph.conv(
      padded, weight: weight, bias: bias, strides: call.ints("stride", count: rank), padding: padding,
      dilations: dilations, groups: call.int("groups"))
  }
}

@Sendable private func transposedConvolution(_ call: ATenCall) throws -> Value {
  try convolved(call) { input, weight, bias, rank in
    try call.graph.convTranspose(
      input, weight: weight, bias: bias, strides: call.ints("stride", count: rank),
      padding: call.ints("padding", count: rank), outputPadding: call.ints("output_padding", count: rank),
      dilations: call.ints("dilation", count: rank), groups: call.int("groups"))
  }
}

@Sendable private func generalConvolution(_ call: ATenCall) throws -> Value {
  try call.bool("transposed") ? transposedConvolution(call) : convolution(call)
}
