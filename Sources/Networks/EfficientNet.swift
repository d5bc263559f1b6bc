package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.EfficientNet` and `EfficientNetBN` (https://arxiv.org/abs/1905.11946).
///
/// State-dict keys: `_conv_stem`, `_bn0`, `_blocks.<stack>.<block>.…`, `_conv_head`, `_bn1`, `_fc`.
package struct EfficientNet: Network {
  package static let names = ["EfficientNet", "EfficientNetBN"]
  package static let parameters = [
    "blocks_args_str", "spatial_dims", "in_channels", "num_classes", "width_coefficient", "depth_coefficient",
    "dropout_rate", "image_size", "norm", "drop_connect_rate", "depth_divisor",
  ]

  package static func parameters(of name: String) -> [String] {
    guard name == "EfficientNetBN" else { return parameters }
    return [
      "model_name", "pretrained", "progress", "spatial_dims", "in_channels", "num_classes", "norm", "adv_prop",
    ]
  }

  package var spatialDimensions: Int { stacks.spatialDimensions }
  package let inputChannels: [Int]
  let stacks: EfficientNetStacks
  let classes: Int

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let spatialDimensions = try arguments.int("spatial_dims", default: 2)
    inputChannels = [try arguments.int("in_channels", default: 3)]
    classes = try arguments.int("num_classes", default: 1000)
    let normalization = try arguments.normalization("norm", default: EfficientNetStacks.norm)
    if component.className == "EfficientNetBN" {
      let model = try arguments.string("model_name")
      guard let known = try EfficientNetStacks(model, spatialDimensions: spatialDimensions, normalization) else {
        throw arguments.unsupported(
          "model_name", "'\(model)'", supported: EfficientNetStacks.models.keys.sorted().joined(separator: ", "))
      }
      // The checkpoint replaces pretrained weights.
      arguments.ignore("pretrained", "progress", "adv_prop")
      stacks = known
    } else {
      let blocks = try arguments.optionalStrings("blocks_args_str") ?? []
      let width = try arguments.double("width_coefficient", default: 1)
      let depth = try arguments.double("depth_coefficient", default: 1)
      let size = try arguments.int("image_size", default: 224)
      let divisor = try arguments.int("depth_divisor", default: 8)
      arguments.ignore("dropout_rate", "drop_connect_rate")
      try Self.require(component, spatialDimensions: spatialDimensions, channels: [size, divisor])
      try Self.require(
        (0...64).contains(width) && (0...64).contains(depth), component, "the coefficients are \(width) and \(depth)",
        expected: "0 to 64")
      guard !blocks.isEmpty,
        let known = EfficientNetStacks(
          spatialDimensions: spatialDimensions, blocks: blocks, width: width, depth: depth, imageSize: size,
          divisor: divisor, normalization: normalization)
      else {
        throw arguments.unsupported(
          "blocks_args_str", "\(blocks)", supported: "strings like 'r1_k3_s11_e1_i32_o16_se0.25'")
      }
      stacks = known
    }
    try arguments.finish()
    try Self.require(component, spatialDimensions: spatialDimensions, channels: inputChannels + [classes])
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let features = try stacks.build(&builder, inputs[0])
    let head = try stacks.head(&builder, features[features.count - 1])
    return [try builder.linear("_fc", builder.globalAverage(head), outputs: classes)]
  }
}

/// The convolutional part: the stem and stacks of inverted bottlenecks.
///
/// "Same" padding is worked out once from the image size in the definition, not from the image at hand, as MONAI does.
struct EfficientNetStacks: Sendable {
  /// Width and depth coefficient and image size.
  static let models: [String: (width: Double, depth: Double, size: Int)] = [
    "efficientnet-b0": (1.0, 1.0, 224), "efficientnet-b1": (1.0, 1.1, 240), "efficientnet-b2": (1.1, 1.2, 260),
    "efficientnet-b3": (1.2, 1.4, 300), "efficientnet-b4": (1.4, 1.8, 380), "efficientnet-b5": (1.6, 2.2, 456),
    "efficientnet-b6": (1.8, 2.6, 528), "efficientnet-b7": (2.0, 3.1, 600), "efficientnet-b8": (2.2, 3.6, 672),
    "efficientnet-l2": (4.3, 5.3, 800),
  ]

  private static let blocks = [
    "r1_k3_s11_e1_i32_o16_se0.25", "r2_k3_s22_e6_i16_o24_se0.25", "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25", "r3_k5_s11_e6_i80_o112_se0.25", "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
  ]

  static let norm = LayerDescription.batch(epsilon: 1e-3)

  /// Blocks of one shape; the first one has the stride.
  struct Stack: Sendable {
    var count: Int
    var kernel: Int
    var stride: Int
    var expansion: Int
    var inputs: Int
    var outputs: Int
    var squeeze: Double?
    var hasSkip: Bool
  }

  let spatialDimensions: Int
  let stacks: [Stack]
  let stemWidth: Int
  let headWidth: Int
  let imageSize: Int
  let normalization: Normalization?

  /// A model by its name; nil for an unknown one.
  init?(_ model: String, spatialDimensions: Int, _ normalization: Normalization?) throws {
    guard let (width, depth, size) = Self.models[model] else { return nil }
    self.init(
      spatialDimensions: spatialDimensions, blocks: Self.blocks, width: width, depth: depth, imageSize: size,
      divisor: 8, normalization: normalization)
  }

  /// nil when a block isn't described as it must be.
  init?(
    spatialDimensions: Int, blocks: [String], width: Double, depth: Double, imageSize: Int, divisor: Int,
    normalization: Normalization?
  ) {
    func round(_ filters: Int) -> Int { Self.rounded(filters, width: width, divisor: divisor) }
    let stacks = blocks.compactMap { Stack($0) }.map { stack in
      var stack = stack
      stack.inputs = round(stack.inputs)
      stack.outputs = round(stack.outputs)
      if depth > 0 { stack.count = Int((depth * Double(stack.count)).rounded(.up)) }
      return stack
    }
    guard stacks.count == blocks.count, stacks.allSatisfy({ $0.count <= 512 }) else { return nil }
    self.stacks = stacks
    self.spatialDimensions = spatialDimensions
    self.imageSize = imageSize
    self.normalization = normalization
    stemWidth = round(32)
    headWidth = round(1280)
  }

  /// The number of filters scaled by `width` and rounded to a multiple of `divisor`, never down by more than a tenth.
  private static func rounded(_ filters: Int, width: Double, divisor: Int) -> Int {
    guard width > 0 else { return filters }
    let exact = Double(filters) * width
    let nearest = max(divisor, Int(exact + Double(divisor) / 2) / divisor * divisor)
    return Double(nearest) < 0.9 * exact ? nearest + divisor : nearest
  }

  /// The features after the stem where the first stack is strided, before each strided stack, and after the last, as
  /// `EfficientNetBNFeatures` gives them.
  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> [Value] {
    var size = imageSize
    var result = try convolution(&builder, "_conv_stem", input, stemWidth, kernel: 3, stride: 2, size: size)
    size = (size + 1) / 2
    result = try builder.normalize("_bn0", result, normalization)
    result = try swish(&builder, result)
    var features: [Value] = []
    var number = 0
    for (index, stack) in stacks.enumerated() {
      if stack.stride > 1 { features.append(result) }
      try builder.module("_blocks") { builder in
        try builder.module("\(index)") { builder in
          for repetition in 0..<stack.count {
            var block = stack
            if repetition > 0 { (block.inputs, block.stride) = (stack.outputs, 1) }
            result = try builder.module("\(number)") { try bottleneck(&$0, result, block, size) }
            size = (size + block.stride - 1) / block.stride
            number += 1
          }
        }
      }
    }
    return features + [result]
  }

  /// The last convolution before pooling.
  func head(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let result = try builder.convolution("_conv_head", input, outputs: headWidth, kernel: 1, hasBias: false)
    return try swish(&builder, builder.normalize("_bn1", result, normalization))
  }

  /// `MBConvBlock`: wider, convolved per channel, its channels weighted, narrower, and the input added.
  private func bottleneck(
    _ builder: inout NetworkBuilder, _ input: Value, _ block: Stack, _ size: Int
  ) throws -> Value {
    let wide = block.inputs * block.expansion
    var result = input
    if block.expansion != 1 {
      result = try builder.convolution("_expand_conv", result, outputs: wide, kernel: 1, hasBias: false)
      result = try swish(&builder, builder.normalize("_bn0", result, normalization))
    }
    result = try convolution(
      &builder, "_depthwise_conv", result, wide, kernel: block.kernel, stride: block.stride, size: size, groups: wide)
    result = try swish(&builder, builder.normalize("_bn1", result, normalization))
    if let squeeze = block.squeeze {
      let features = result
      let pooled = try builder.emit { try $0.globalAveragePool(features) }
      let narrow = max(1, Int(Double(block.inputs) * squeeze))
      let reduced = try swish(&builder, builder.convolution("_se_reduce", pooled, outputs: narrow, kernel: 1))
      let weights = try builder.sigmoid(builder.convolution("_se_expand", reduced, outputs: wide, kernel: 1))
      result = try builder.emit { try $0.multiply(weights, features) }
    }
    result = try builder.convolution("_project_conv", result, outputs: block.outputs, kernel: 1, hasBias: false)
    result = try builder.normalize("_bn2", result, normalization)
    guard block.hasSkip, block.stride == 1, block.inputs == block.outputs else { return result }
    return try builder.add(result, input)
  }

  private func swish(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    try builder.emit { try $0.multiply(input, $0.sigmoid(input)) }
  }

  /// A convolution whose padding keeps ceil(size / stride) positions of an image of `size`; the odd element goes
  /// behind.
  private func convolution(
    _ builder: inout NetworkBuilder, _ name: String, _ input: Value, _ outputs: Int, kernel: Int, stride: Int,
    size: Int, groups: Int = 1
  ) throws -> Value {
    let padding = max(((size + stride - 1) / stride - 1) * stride + kernel - size, 0)
    let before = PerAxis.all(padding / 2).expanded(spatialDimensions)
    let after = PerAxis.all(padding - padding / 2).expanded(spatialDimensions)
    let padded = try builder.emit { try $0.padSpatial(input, before: before, after: after) }
    return try builder.convolution(
      name, padded, outputs: outputs, kernel: .all(kernel), strides: .all(stride), groups: groups, hasBias: false)
  }
}

extension EfficientNetStacks.Stack {
  /// Reads `r1_k3_s11_e1_i32_o16_se0.25_noskip`: repeats, kernel, strides, expansion, inputs, outputs, squeeze ratio.
  init?(_ text: String) {
    var options: [String: String] = [:]
    for part in text.split(separator: "_") {
      guard let digit = part.firstIndex(where: \.isNumber) else { continue }
      options[String(part[..<digit])] = String(part[digit...])
    }
    func number(_ key: String) -> Int? {
      options[key].flatMap { Int($0) }.flatMap { (1...65536).contains($0) ? $0 : nil }
    }
    guard let count = number("r"), let kernel = number("k"), let strides = options["s"], let expansion = number("e"),
      let inputs = number("i"), let outputs = number("o"), let first = strides.first, strides.count <= 3,
      strides.allSatisfy({ $0 == first }), let stride = Int(String(first)), stride > 0
    else { return nil }
    var squeeze = options["se"].flatMap { Double($0) }
    if let ratio = squeeze, !(ratio > 0 && ratio <= 1) { squeeze = nil }
    self.init(
      count: count, kernel: kernel, stride: stride, expansion: expansion, inputs: inputs, outputs: outputs,
      squeeze: squeeze, hasSkip: !text.contains("noskip"))
  }
}
