package import Arguments
package import Graphs

/// `monai.apps.detection.networks.retinanet_network.RetinaNet`: a feature pyramid over a residual network, with heads
/// for classes and boxes on every level (https://arxiv.org/abs/1708.02002). Outputs: `classification_<level>` for all
/// levels, then `box_regression_<level>`.
///
/// State-dict keys: `feature_extractor.body`, `feature_extractor.fpn.{inner_blocks,layer_blocks}.<i>`,
/// `classification_head.{conv.<i>,cls_logits}`, `regression_head.{conv.<i>,bbox_reg}`.
package struct RetinaNet: Network {
  package static let names = ["RetinaNet"]
  package static let parameters = [
    "spatial_dims", "num_classes", "num_anchors", "feature_extractor", "size_divisible", "use_list_output",
  ]

  package let spatialDimensions: Int
  package var inputChannels: [Int] { extractor.backbone.inputChannels }
  package var outputNames: [String] {
    let levels = 0...extractor.returnedLayers.count
    return levels.map { "classification_\($0)" } + levels.map { "box_regression_\($0)" }
  }
  let classes: Int
  let anchors: Int
  let extractor: FeaturePyramid

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    spatialDimensions = try arguments.int("spatial_dims")
    classes = try arguments.int("num_classes")
    anchors = try arguments.int("num_anchors")
    try Self.require(component, spatialDimensions: spatialDimensions, channels: [classes, anchors])
    guard let extractor = try arguments.optionalComponent("feature_extractor") else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: "feature_extractor")
    }
    self.extractor = try FeaturePyramid(extractor.naming(FeaturePyramid.parameters(of: extractor.className)))
    // Only the detector around the network pads images to such sizes.
    _ = try arguments.spatial("size_divisible", default: 1, dimensions: spatialDimensions)
    // Lists and dictionaries have the same outputs in the same order.
    arguments.ignore("use_list_output")
    try arguments.finish()
    try Self.require(
      self.extractor.backbone.spatialDimensions == spatialDimensions, component,
      "the backbone has \(self.extractor.backbone.spatialDimensions) spatial axes", expected: "\(spatialDimensions)")
  }

  package func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value] {
    let features = try builder.module("feature_extractor") { try extractor.build(&$0, inputs[0]) }
    let logits = try builder.module("classification_head") { builder in
      try features.map { try head(&builder, $0, "cls_logits", anchors * classes) }
    }
    let boxes = try builder.module("regression_head") { builder in
      try features.map { try head(&builder, $0, "bbox_reg", anchors * 2 * spatialDimensions) }
    }
    return logits + boxes
  }

  private func head(
    _ builder: inout NetworkBuilder, _ input: Value, _ name: String, _ outputs: Int
  ) throws -> Value {
    var result = input
    for index in 0..<4 {
      result = try builder.module("conv") { builder in
        let channels = builder.channels(of: result)
        let convolved = try builder.convolution("\(3 * index)", result, outputs: channels, kernel: 3, padding: 1)
        let normalization = Normalization.group(groups: 8, epsilon: 1e-5, isAffine: true)
        return try builder.relu(builder.normalize("\(3 * index + 1)", convolved, normalization))
      }
    }
    return try builder.convolution(name, result, outputs: outputs, kernel: 3, padding: 1)
  }
}

/// What `resnet_fpn_feature_extractor` makes: a residual network and a feature pyramid of 256 channels over some of its
/// stages (https://arxiv.org/abs/1612.03144), with one more level of half the extents on top.
struct FeaturePyramid: Sendable {
  let backbone: ResNet
  /// The stages that go into the pyramid, from 1 on.
  let returnedLayers: [Int]

  private static let channels = 256

  /// The parameters in MONAI's order, of `resnet_fpn_feature_extractor` and of what it calls.
  static func parameters(of name: String) -> [String] {
    name == "resnet_fpn_feature_extractor"
      ? ["backbone", "spatial_dims", "pretrained_backbone", "returned_layers", "trainable_backbone_layers"]
      : ["backbone", "spatial_dims", "trainable_layers", "returned_layers", "extra_blocks"]
  }

  init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let names = ["resnet_fpn_feature_extractor", "resnet_fpn_extractor", "_resnet_fpn_extractor"]
    guard names.contains(component.className) else {
      throw arguments.unsupported("feature_extractor", component.className, supported: names[0])
    }
    guard let backbone = try arguments.optionalComponent("backbone") else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: "backbone")
    }
    self.backbone = try ResNet(backbone.naming(ResNet.parameters(of: backbone.className)))
    let isPublic = component.className == names[0]
    let layers = try arguments.ints("returned_layers", default: isPublic ? [1, 2, 3] : [1, 2, 3, 4])
    returnedLayers = layers.sorted()
    arguments.ignore("spatial_dims", "pretrained_backbone", "trainable_backbone_layers", "trainable_layers")
    guard arguments.present("extra_blocks") == nil else {
      throw arguments.unsupported("extra_blocks", "a module", supported: "None")
    }
    try arguments.finish()
    guard !layers.isEmpty, Set(layers).count == layers.count, layers.allSatisfy({ (1...4).contains($0) }) else {
      throw arguments.unsupported("returned_layers", "\(layers)", supported: "some of 1 to 4")
    }
  }

  func build(_ builder: inout NetworkBuilder, _ input: Value) throws -> [Value] {
    let stages = try builder.module("body") { try backbone.stages.build(&$0, input, last: returnedLayers.max() ?? 4) }
    let features = returnedLayers.map { stages[$0] }
    var levels = try builder.module("fpn") { try pyramid(&$0, features) }
    let top = levels[levels.count - 1]
    levels.append(try builder.maxPool(top, kernel: 1, strides: 2))
    return levels
  }

  /// From the coarsest stage down: each stage's projection plus the level above, brought to its size.
  private func pyramid(_ builder: inout NetworkBuilder, _ features: [Value]) throws -> [Value] {
    var levels: [Value] = []
    var above: Value?
    for (index, feature) in features.enumerated().reversed() {
      var lateral = try builder.module("inner_blocks") {
        try $0.convolution("\(index)", feature, outputs: Self.channels, kernel: 1)
      }
      if let above {
        let resized = try Interpolation.nearest.build(&builder, above, sizes: builder.spatial(of: lateral))
        lateral = try builder.add(lateral, resized)
      }
      above = lateral
      let level = lateral
      levels.append(
        try builder.module("layer_blocks") {
          try $0.convolution("\(index)", level, outputs: Self.channels, kernel: 3, padding: 1)
        })
    }
    return levels.reversed()
  }
}
