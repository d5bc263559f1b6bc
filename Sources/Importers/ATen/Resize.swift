import Graphs

/// Interpolation.
let resizeOperators: [ATenOperator] =
  [
    (
      """
      upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, ResizeMode.nearest
    ),
    (
      """
      upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, .nearest
    ),
    (
      """
      upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, .nearest
    ),
    (
      """
      _upsample_nearest_exact1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, .nearest
    ),
    (
      """
      _upsample_nearest_exact2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, .nearest
    ),
    (
      """
      _upsample_nearest_exact3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor
      """, .nearest
    ),
    (
      """
      upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """, .cubic
    ),
  ].map { schema, mode in .value(schema) { try resizeByFactors($0, mode) } }
  + [
    ("upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor", ResizeMode.nearest),
    (
      """
      upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .nearest
    ),
    (
      """
      upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .nearest
    ),
    ("_upsample_nearest_exact1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor", .nearest),
    (
      """
      _upsample_nearest_exact2d(Tensor self, SymInt[2] output_size, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .nearest
    ),
    (
      """
      _upsample_nearest_exact3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .nearest
    ),
    (
      """
      upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, \
      float? scales_h=None, float? scales_w=None) -> Tensor
      """, .linear
    ),
    (
      """
      upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """, .cubic
    ),
  ].map { schema, mode in .value(schema) { try resizeToSize($0, mode) } }
  + [
    .value(
      """
      _upsample_bilinear2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """
    ) { try smoothed($0, isCubic: false) },
    .value(
      """
      _upsample_bicubic2d_aa.vec(Tensor input, SymInt[]? output_size, bool align_corners, \
      float[]? scale_factors) -> Tensor
      """
    ) { try smoothed($0, isCubic: true) },
    .value(
      """
      _upsample_bilinear2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """
    ) { try smoothed($0, isCubic: false) },
    .value(
      """
      _upsample_bicubic2d_aa(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, \
      float? scales_w=None) -> Tensor
      """
    ) { try smoothed($0, isCubic: true) },
    .value("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor") { call in
      let input = try call.value("self")
      let factor = try call.int("upscale_factor")
      let shape = call.type(input).shape
      guard shape.count == 4, factor > 0, let channels = shape[1].constant, channels % (factor * factor) == 0 else {
        throw call.unsupported("\(call.type(input)) by \(factor)", expected: "[N, C · factor², H, W]")
      }
      let outputs = Dimension(channels / (factor * factor))
      let scale = Dimension(factor)
      let split = try call.reshape(input, [shape[0], outputs, scale, scale, shape[2], shape[3]])
      let turned = try call.graph.transpose(split, [0, 1, 4, 2, 5, 3])
      return try call.reshape(turned, [shape[0], outputs, shape[2] * scale, shape[3] * scale])
    },
    .value("pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor") { call in
      let input = try call.value("self")
      let factor = try call.int("downscale_factor")
      let shape = call.type(input).shape
      guard shape.count == 4, factor > 0, let rows = shape[2].exactQuotient(by: Dimension(factor)),
        let columns = shape[3].exactQuotient(by: Dimension(factor))
      else { throw call.unsupported("\(call.type(input)) by \(factor)", expected: "extents that factor divides") }
      let scale = Dimension(factor)
      let split = try call.reshape(input, [shape[0], shape[1], rows, scale, columns, scale])
      let turned = try call.graph.transpose(split, [0, 1, 3, 5, 2, 4])
      return try call.reshape(turned, [shape[0], shape[1] * scale * scale, rows, columns])
    },
    .value(
      """
      grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, \
      bool align_corners) -> Tensor
      """, sampleGrid),
    .value(
      """
      grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, \
      bool align_corners) -> Tensor
      """, sampleGrid),
    .value(
      """
      grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, \
      bool align_corners) -> Tensor
      """, sampleGrid),
  ]

/// Where the resized elements lie: PyTorch's rule for the mode.
private func coordinates(_ call: ATenCall, _ mode: ResizeMode) throws -> ResizeCoordinates {
  if mode == .nearest { return call.operation.schema.name.contains("exact") ? .halfPixel : .asymmetric }
  return try call.bool("align_corners") ? .alignCorners : .halfPixel
}

private func input(_ call: ATenCall, _ name: String) throws -> Value {
  let input = try call.value(name)
  let type = call.type(input)
  guard type.rank >= 3, type.spatial.allSatisfy({ $0.constant != nil }) else {
    throw call.unsupported("the input is \(type)", expected: "[N, C, spatial…] with fixed spatial extents")
  }
  return input
}

private func resizeByFactors(_ call: ATenCall, _ mode: ResizeMode) throws -> Value {
  guard try call.isNone("output_size") else { return try resize(call, input(call, "input"), mode, scales: []) }
  return try resize(call, input(call, "input"), mode, scales: call.doubles("scale_factors").map { $0 })
}

private func resizeToSize(_ call: ATenCall, _ mode: ResizeMode) throws -> Value {
  let names = ["scales_d", "scales_h", "scales_w", "scales"].filter { name in
    call.operation.schema.parameters.contains { $0.name == name }
  }
  let scales = try names.compactMap { try call.optionalDouble($0) }
  return try resize(call, input(call, "self"), mode, scales: scales)
}

/// By the scales where there is one for each axis, else to `output_size`.
private func resize(_ call: ATenCall, _ input: Value, _ mode: ResizeMode, scales: [Double]) throws -> Value {
  let coordinates = try coordinates(call, mode)
  let extents = call.type(input).spatial.map { $0.constant ?? 1 }
  let hasSizes = try !call.isNone("output_size")
  guard scales.allSatisfy({ $0 > 0 && $0 <= 4096 }), extents.allSatisfy({ $0 > 0 && $0 < 1 << 24 }) else {
    throw call.unsupported("the scales are \(scales) for \(extents)", expected: "positive numbers")
  }
  let sizes =
    hasSizes
    ? try call.ints("output_size", count: extents.count)
    : zip(extents, scales).map { Int((Double($0) * $1).rounded(.down)) }
  guard sizes.count == extents.count, sizes.allSatisfy({ (1...1 << 24).contains($0) }) else {
    throw call.unsupported("the sizes are \(sizes)", expected: "\(extents.count) positive numbers")
  }
  if sizes == extents { return input }
  let floats = scales.map { Float($0) }
  let reached = zip(extents, floats).map { Int((Float($0) * $1).rounded(.down)) }
  // PyTorch aligns the corners of the sizes; ONNX those of extents times scales, which may lie between two sizes.
  let isExact = zip(zip(extents, floats), sizes).allSatisfy { Float($0.0) * $0.1 == Float($1) }
  if floats.count == extents.count, reached == sizes, isExact || coordinates != .alignCorners {
    return try call.graph.resize(input, scales: floats, mode: mode, coordinates: coordinates)
  }
  return try call.graph.resize(input, to: sizes, mode: mode, coordinates: coordinates)
}

@Sendable private func sampleGrid(_ call: ATenCall) throws -> Value {
  let modes = ["linear", "nearest", "cubic"]
  let paddings = ["zeros", "border", "reflection"]
  let mode = try call.int("interpolation_mode")
  let padding = try call.int("padding_mode")
  guard modes.indices.contains(mode), paddings.indices.contains(padding) else {
    throw call.unsupported("mode \(mode) with padding \(padding)", expected: "0 to 2")
  }
  return try call.graph.gridSample(
    call.value("input"), grid: call.value("grid"), mode: modes[mode], padding: paddings[padding],
    alignsCorners: call.bool("align_corners"))
}

// MARK: Antialiasing

/// Interpolation whose kernel widens where the image shrinks: a product with a matrix of weights along each axis.
private func smoothed(_ call: ATenCall, isCubic: Bool) throws -> Value {
  let hasFactors = call.operation.schema.parameters.contains { $0.name == "scale_factors" }
  let input = try input(call, hasFactors ? "input" : "self")
  let extents = call.type(input).spatial.map { $0.constant ?? 1 }
  let scales: [Double?]
  if hasFactors {
    scales = try call.isNone("scale_factors") ? [] : call.doubles("scale_factors").map { $0 }
  } else {
    scales = [try call.optionalDouble("scales_h"), try call.optionalDouble("scales_w")]
  }
  let sizes =
    try call.isNone("output_size")
    ? zip(extents, scales).map { Int((Double($0) * ($1 ?? 1)).rounded(.down)) } : call.ints("output_size", count: 2)
  guard extents.count == 2, sizes.count == 2, (sizes + extents).allSatisfy({ (1...1 << 14).contains($0) }),
    zip(sizes, extents).allSatisfy({ $0 * $1 <= 1 << 24 }),
    scales.allSatisfy({ ($0 ?? 1) > 0 })
  else { throw call.unsupported("the sizes are \(sizes) for \(extents)", expected: "two positive numbers") }
  let alignsCorners = try call.bool("align_corners")
  var result = input
  for axis in 0..<2 where sizes[axis] != extents[axis] {
    let given = axis < scales.count ? scales[axis] : nil
    let step =
      alignsCorners
      ? (sizes[axis] > 1 ? Double(extents[axis] - 1) / Double(sizes[axis] - 1) : 0)
      : given.map { 1 / $0 } ?? Double(extents[axis]) / Double(sizes[axis])
    let weights = smoothingWeights(extents[axis], sizes[axis], step: step, isCubic: isCubic)
    result = try call.product(result, along: axis + 2, with: weights, [extents[axis], sizes[axis]])
  }
  return result
}

/// Row by row for the old elements, the weights of each new one (`aten/src/ATen/native/cpu/UpSampleKernel.cpp`).
private func smoothingWeights(_ extent: Int, _ size: Int, step: Double, isCubic: Bool) -> [Float] {
  let radius = (isCubic ? 2.0 : 1.0) * max(step, 1)
  let inverse = 1 / max(step, 1)
  var weights = [Float](repeating: 0, count: extent * size)
  for column in 0..<size {
    let centre = step * (Double(column) + 0.5)
    let start = max(Int(centre - radius + 0.5), 0)
    let end = min(Int(centre + radius + 0.5), extent)
    let values = (start..<max(end, start)).map { row -> Double in
      let distance = abs((Double(row) - centre + 0.5) * inverse)
      if !isCubic { return max(1 - distance, 0) }
      // The cubic kernel of steepness -½.
      if distance < 1 { return (1.5 * distance - 2.5) * distance * distance + 1 }
      return distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0
    }
    let sum = values.reduce(0, +)
    for (index, value) in values.enumerated() {
      weights[(start + index) * size + column] = Float(sum == 0 ? 0 : value / sum)
    }
  }
  return weights
}
