import Graphs

/// The convolutional part of Inception v3 as torchvision has it (https://arxiv.org/abs/1512.00567).
///
/// State-dict keys: `Conv2d_1a_3x3` …, `Mixed_5b` … `Mixed_7c`, each convolution with `conv` and `bn`.
struct InceptionV3: Sendable {
  /// One convolution with norm and ReLU, under its attribute name.
  private struct Step {
    var name: String
    var outputs: Int
    var kernel: [Int]
    var stride = 1
    var padding = [0, 0]

    init(_ name: String, _ outputs: Int, _ kernel: [Int] = [1, 1], stride: Int = 1, isPadded: Bool = true) {
      self.name = name
      self.outputs = outputs
      self.kernel = kernel
      self.stride = stride
      padding = isPadded && stride == 1 ? kernel.map { $0 / 2 } : [0, 0]
    }
  }

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    var result = try chain(
      &builder, input,
      [
        Step("Conv2d_1a_3x3", 32, [3, 3], stride: 2), Step("Conv2d_2a_3x3", 32, [3, 3], isPadded: false),
        Step("Conv2d_2b_3x3", 64, [3, 3]),
      ])
    result = try builder.maxPool(result, kernel: 3, strides: 2)
    result = try chain(
      &builder, result, [Step("Conv2d_3b_1x1", 80), Step("Conv2d_4a_3x3", 192, [3, 3], isPadded: false)])
    result = try builder.maxPool(result, kernel: 3, strides: 2)
    for (name, width) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
      result = try builder.module(name) { try mixedA(&$0, result, width) }
    }
    result = try builder.module("Mixed_6a") { try mixedB(&$0, result) }
    for (name, width) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
      result = try builder.module(name) { try mixedC(&$0, result, width) }
    }
    result = try builder.module("Mixed_7a") { try mixedD(&$0, result) }
    for name in ["Mixed_7b", "Mixed_7c"] { result = try builder.module(name) { try mixedE(&$0, result) } }
    return result
  }

  private func chain(_ builder: inout NetworkBuilder, _ input: Value, _ steps: [Step]) throws -> Value {
    try steps.reduce(input) { value, step in
      try builder.module(step.name) { builder in
        let result = try builder.convolution(
          "conv", value, outputs: step.outputs, kernel: .each(step.kernel), strides: .all(step.stride),
          padding: .each(step.padding), hasBias: false)
        return try builder.relu(builder.normalize("bn", result, .batch(epsilon: 1e-3, isAffine: true)))
      }
    }
  }

  private func pooled(_ builder: inout NetworkBuilder, _ input: Value, _ outputs: Int) throws -> Value {
    let average = try builder.averagePool(input, kernel: 3, strides: 1, padding: 1)
    return try chain(&builder, average, [Step("branch_pool", outputs)])
  }

  private func mixedA(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int) throws -> Value {
    try builder.concat([
      chain(&builder, input, [Step("branch1x1", 64)]),
      chain(&builder, input, [Step("branch5x5_1", 48), Step("branch5x5_2", 64, [5, 5])]),
      chain(
        &builder, input,
        [Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, [3, 3]), Step("branch3x3dbl_3", 96, [3, 3])]),
      pooled(&builder, input, width),
    ])
  }

  private func mixedB(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.concat([
      chain(&builder, input, [Step("branch3x3", 384, [3, 3], stride: 2)]),
      chain(
        &builder, input,
        [
          Step("branch3x3dbl_1", 64), Step("branch3x3dbl_2", 96, [3, 3]),
          Step("branch3x3dbl_3", 96, [3, 3], stride: 2),
        ]),
      builder.maxPool(input, kernel: 3, strides: 2),
    ])
  }

  private func mixedC(_ builder: inout NetworkBuilder, _ input: Value, _ width: Int) throws -> Value {
    try builder.concat([
      chain(&builder, input, [Step("branch1x1", 192)]),
      chain(
        &builder, input,
        [Step("branch7x7_1", width), Step("branch7x7_2", width, [1, 7]), Step("branch7x7_3", 192, [7, 1])]),
      chain(
        &builder, input,
        [
          Step("branch7x7dbl_1", width), Step("branch7x7dbl_2", width, [7, 1]), Step("branch7x7dbl_3", width, [1, 7]),
          Step("branch7x7dbl_4", width, [7, 1]), Step("branch7x7dbl_5", 192, [1, 7]),
        ]),
      pooled(&builder, input, 192),
    ])
  }

  private func mixedD(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.concat([
      chain(&builder, input, [Step("branch3x3_1", 192), Step("branch3x3_2", 320, [3, 3], stride: 2)]),
      chain(
        &builder, input,
        [
          Step("branch7x7x3_1", 192), Step("branch7x7x3_2", 192, [1, 7]), Step("branch7x7x3_3", 192, [7, 1]),
          Step("branch7x7x3_4", 192, [3, 3], stride: 2),
        ]),
      builder.maxPool(input, kernel: 3, strides: 2),
    ])
  }

  private func mixedE(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let second = try chain(&builder, input, [Step("branch3x3_1", 384)])
    let third = try chain(&builder, input, [Step("branch3x3dbl_1", 448), Step("branch3x3dbl_2", 384, [3, 3])])
    return try builder.concat([
      chain(&builder, input, [Step("branch1x1", 320)]),
      chain(&builder, second, [Step("branch3x3_2a", 384, [1, 3])]),
      chain(&builder, second, [Step("branch3x3_2b", 384, [3, 1])]),
      chain(&builder, third, [Step("branch3x3dbl_3a", 384, [1, 3])]),
      chain(&builder, third, [Step("branch3x3dbl_3b", 384, [3, 1])]),
      pooled(&builder, input, 192),
    ])
  }
}
