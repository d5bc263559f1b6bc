package import Arguments
package import Graphs
import Tensors

/// `monai.networks.nets.TorchVisionFCModel`: a classification network of torchvision with another last layer. Known:
/// the residual networks, the densely connected ones and Inception v3.
///
/// State-dict keys: without `pool` the network's own names under `features`; with it, the numbers of its children
/// (`features.0` … for `conv1` …). The last layer is `fc`.
package struct TorchVisionFCModel: Network {
  package static let names = ["TorchVisionFCModel"]
  package static let parameters = [
    "model_name", "num_classes", "dim", "in_channels", "use_conv", "pool", "bias", "pretrained", "fc_name", "node_name",
    "weights",
  ]

  private enum Body: Sendable {
    case resNet(ResNetStages)
    case denseNet([Int], growth: Int, initial: Int)
    /// torchvision's own weights expect the image scaled otherwise than the others' do, which its network sees to.
    case inception(isInputTransformed: Bool)
  }

  package let spatialDimensions = 2
  package let inputChannels = [3]
  private let body: Body
  let classes: Int
  let isConvolution: Bool
  let hasBias: Bool
  /// The pooling that takes the place of the network's own; nil to keep that.
  let pool: Pooling?

  /// A pooling of MONAI's factory.
  struct Pooling: Sendable {
    var isMaximum: Bool
    /// nil for one output position, whatever comes in.
    var kernel: Int?
    var stride: Int
    var padding: Int
  }

  private static let resNets: [String: (ResNetStages.Block, [Int])] = [
    "resnet18": (.basic, [2, 2, 2, 2]), "resnet34": (.basic, [3, 4, 6, 3]), "resnet50": (.bottleneck, [3, 4, 6, 3]),
    "resnet101": (.bottleneck, [3, 4, 23, 3]), "resnet152": (.bottleneck, [3, 8, 36, 3]),
  ]
  private static let denseNets: [String: ([Int], growth: Int, initial: Int)] = [
    "densenet121": ([6, 12, 24, 16], 32, 64), "densenet161": ([6, 12, 36, 24], 48, 96),
    "densenet169": ([6, 12, 32, 32], 32, 64), "densenet201": ([6, 12, 48, 32], 32, 64),
  ]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let model = try arguments.string("model_name", default: "resnet18")
    if let (block, layers) = Self.resNets[model] {
      var stages = ResNetStages(spatialDimensions: 2)
      (stages.block, stages.layers, stages.hasShortcutBias) = (block, layers, false)
      body = .resNet(stages)
    } else if let (blocks, growth, initial) = Self.denseNets[model] {
      body = .denseNet(blocks, growth: growth, initial: initial)
    } else if model == "inception_v3" {
      arguments.ignore("aux_logits", "init_weights")
      let isPretrained = try arguments.bool("pretrained", default: false)
      let hasOwnWeights = arguments.present("weights") != nil
      body = .inception(
        isInputTransformed: try arguments.bool("transform_input", default: isPretrained || hasOwnWeights))
    } else {
      let known = Self.resNets.keys.sorted() + Self.denseNets.keys.sorted() + ["inception_v3"]
      throw arguments.unsupported("model_name", "'\(model)'", supported: known.joined(separator: ", "))
    }
    classes = try arguments.int("num_classes", default: 1)
    let dimensions = try arguments.int("dim", default: 2)
    arguments.ignore("in_channels")
    isConvolution = try arguments.bool("use_conv", default: false)
    pool = try Self.pooling(&arguments)
    hasBias = try arguments.bool("bias", default: true)
    // The checkpoint replaces pretrained weights.
    arguments.ignore("pretrained", "weights", "progress")
    let last = try arguments.string("fc_name", default: "fc")
    let node = try arguments.string("node_name", default: "")
    guard node.isEmpty else { throw arguments.unsupported("node_name", "'\(node)'", supported: "''") }
    try arguments.finish()
    try Self.require(component, spatialDimensions: dimensions, in: 2...2, channels: [classes])
    switch body {
    case .resNet: try Self.require(last == "fc", component, "fc_name is '\(last)'", expected: "'fc'")
    case .denseNet:
      try Self.require(
        pool == nil && last == "classifier", component, "fc_name is '\(last)' and pool isn't None for \(model)",
        expected: "fc_name 'classifier' and pool None")
    case .inception:
      try Self.require(
        pool == nil && last == "fc", component, "fc_name is '\(last)' or pool isn't None for \(model)",
        expected: "fc_name 'fc' and pool None")
    }
  }

  private static func pooling(_ arguments: inout ArgumentReader) throws -> Pooling? {
    guard let value = arguments.value("pool") else {
      return Pooling(isMaximum: false, kernel: 7, stride: 1, padding: 0)
    }
    if value.isNull { return nil }
    guard let layer = try arguments.layer("pool", default: nil) else {
      throw arguments.unsupported("pool", "''", supported: "None, avg, max, adaptiveavg, adaptivemax")
    }
    var reader = layer.reader
    switch layer.name {
    case "avg", "max":
      let kernel = try reader.int("kernel_size")
      let pooling = Pooling(
        isMaximum: layer.name == "max", kernel: kernel, stride: try reader.int("stride", default: kernel),
        padding: try reader.int("padding", default: 0))
      try reader.finish()
      guard (1...4096).contains(kernel), (1...4096).contains(pooling.stride), (0...kernel / 2).contains(pooling.padding)
      else { throw arguments.unsupported("pool", "kernel \(kernel)", supported: "positive sizes") }
      return pooling
    case "adaptiveavg", "adaptivemax":
      let size = try reader.ints("output_size")
      try reader.finish()
      guard size.allSatisfy({ $0 == 1 }) else {
        throw arguments.unsupported("pool", "output_size \(size)", supported: "1")
      }
      return Pooling(isMaximum: layer.name == "adaptivemax", kernel: nil, stride: 1, padding: 0)
    default:
      throw arguments.unsupported("pool", "'\(layer.name)'", supported: "None, avg, max, adaptiveavg, adaptivemax")
    }
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let encoded = try builder.module("features") { try features(&$0, inputs[0]) }
    let result = try pooled(&builder, encoded)
    if isConvolution {
      return [try builder.convolution("fc", result, outputs: classes, kernel: 1, hasBias: hasBias)]
    }
    let flat = try builder.emit { try $0.flatten(result) }
    return [try builder.linear("fc", flat, outputs: classes, hasBias: hasBias)]
  }

  private func features(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    switch body {
    case .resNet(var stages):
      // PyTorch's Sequential of the children numbers them: conv1, bn1, relu, maxpool, layer1 to layer4.
      if pool != nil { stages.names = .numbered }
      return try stages.build(&builder, input)[4]
    case .denseNet(let blocks, let growth, let initial):
      let layers = DenseNetLayers(
        initialFeatures: initial, growthRate: growth, blocks: blocks, bottleneckFactor: 4, activation: .relu,
        normalization: .batch(epsilon: 1e-5, isAffine: true), isNested: false)
      return try builder.module("features") { try $0.relu(layers.build(&$0, input)) }
    case .inception(let isInputTransformed):
      builder.ignoreModule("AuxLogits")
      return try InceptionV3().build(&builder, isInputTransformed ? transformed(&builder, input) : input)
    }
  }

  /// From ImageNet's mean and deviation per channel to 0.5 for all of them.
  private func transformed(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    let means: [Float] = [0.485, 0.456, 0.406]
    let deviations: [Float] = [0.229, 0.224, 0.225]
    return try builder.emit { graph in
      let scale = graph.constant(deviations.map { $0 / 0.5 }, shape: [1, 3, 1, 1], name: "scale")
      let shift = graph.constant(means.map { ($0 - 0.5) / 0.5 }, shape: [1, 3, 1, 1], name: "shift")
      return try graph.add(graph.multiply(input, scale), shift)
    }
  }

  private func pooled(_ builder: inout NetworkBuilder, _ input: Value) throws -> Value {
    guard let pool, let kernel = pool.kernel else {
      let isMaximum = pool?.isMaximum ?? false
      return try builder.emit { isMaximum ? try $0.globalMaxPool(input) : try $0.globalAveragePool(input) }
    }
    if pool.isMaximum {
      return try builder.maxPool(
        input, kernel: .all(kernel), strides: .all(pool.stride), padding: .all(pool.padding))
    }
    return try builder.averagePool(input, kernel: .all(kernel), strides: .all(pool.stride), padding: .all(pool.padding))
  }
}
