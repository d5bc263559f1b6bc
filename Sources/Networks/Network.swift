package import Archives
package import Arguments
package import Graphs
package import OrderedCollections
package import Tensors

/// A MONAI architecture: reads its arguments, then writes itself into a graph.
///
/// One file each. The state-dict key of a weight stands beside the layer that reads it.
package protocol Network: Sendable {
  /// The class names that stand for it in `_target_`.
  static var names: [String] { get }
  /// The constructor's parameters in MONAI's order, for arguments without names.
  static var parameters: [String] { get }
  /// The parameters of the class or function `name`, where the names differ in them.
  static func parameters(of name: String) -> [String]

  /// Reads the arguments as MONAI's constructor does.
  /// - Throws: `ArgumentError`, ``NetworkError/invalidDefinition(network:path:reason:expected:)``.
  init(_ component: Component) throws

  /// The number of spatial axes; 0 for a network that takes no image.
  var spatialDimensions: Int { get }
  /// The channels of each image that it takes.
  var inputChannels: [Int] { get }

  /// The spatial shape that the definition itself fixes (`img_size` of a ViT); nil where any will do.
  var fixedSpatialShape: [Int]? { get }
  /// All inputs in PyTorch's order, for images of `spatialShape`.
  func inputTypes(spatialShape: [Int]) -> [TensorType]
  /// The names of dictionary outputs, in the order of ``build(_:_:)``; empty for `output_0` ….
  var outputNames: [String] { get }

  /// The forward pass in evaluation mode; gives the outputs in PyTorch's order, lists and tuples flattened.
  func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value]
}

extension Network {
  static var name: String { names[0] }

  package static func parameters(of name: String) -> [String] { parameters }

  package var fixedSpatialShape: [Int]? { nil }
  package var outputNames: [String] { [] }

  package func inputTypes(spatialShape: [Int]) -> [TensorType] {
    inputChannels.map {
      TensorType(.float32, [Dimension("batch"), Dimension($0)] + spatialShape.map { Dimension($0) })
    }
  }

  static func invalid(_ component: Component, _ reason: String, expected: String? = nil) -> NetworkError {
    .invalidDefinition(network: component.className, path: component.path, reason: reason, expected: expected)
  }

  /// - Throws: ``NetworkError`` when `condition` doesn't hold.
  static func require(
    _ condition: Bool, _ component: Component, _ reason: @autoclosure () -> String, expected: String? = nil
  ) throws {
    guard condition else { throw invalid(component, reason(), expected: expected) }
  }

  /// Checks numbers of layers or blocks: none negative, none that would take forever to build.
  static func require(_ component: Component, _ name: String, counts: [Int]) throws {
    try require(
      counts.allSatisfy { (0...512).contains($0) } && counts.count <= 64, component, "\(name) is \(counts)",
      expected: "numbers from 0 to 512")
  }

  /// Checks that `spatial_dims` is one of those that the network has, and that all `channels` can be numbers of
  /// channels.
  static func require(
    _ component: Component, spatialDimensions: Int, in allowed: ClosedRange<Int> = 1...3, channels: [Int]
  ) throws {
    try require(
      allowed.contains(spatialDimensions), component, "spatial_dims is \(spatialDimensions)",
      expected: "\(allowed.lowerBound) to \(allowed.upperBound)")
    try require(
      !channels.isEmpty && channels.allSatisfy { (1...1 << 20).contains($0) }, component,
      "the numbers of channels are \(channels)", expected: "positive numbers")
  }
}

/// The networks that Martlet knows, and the way from a definition and weights to a graph.
package enum Networks {
  /// Adding a network: its file, and its type here.
  package static let all: [any Network.Type] = [
    UNet.self, SegResNet.self, SegResNetVAE.self, SegResNetDS.self, DynUNet.self, BasicUNet.self,
    BasicUNetPlusPlus.self, AttentionUnet.self, VNet.self, DenseNet.self, ResNet.self, SENet.self, HighResNet.self,
    EfficientNet.self, FlexibleUNet.self, AutoEncoder.self, VarAutoEncoder.self, Generator.self, Regressor.self,
    RegUNet.self, FullyConnectedNet.self, PatchDiscriminator.self, MedNeXt.self, UNETR.self, ViT.self, ViTAutoEnc.self,
    SwinUNETR.self, AutoencoderKL.self, DiffusionModelUNet.self, HoVerNet.self, DiNTS.self, TorchVisionFCModel.self,
    RetinaNet.self,
  ]

  /// The network that `component` defines.
  /// - Throws: ``NetworkError``, `ArgumentError`.
  package static func network(_ component: Component) throws -> any Network {
    guard let type = all.first(where: { $0.names.contains(component.className) }) else {
      throw NetworkError.unknownNetwork(
        target: component.target, path: component.path, known: all.map { $0.names[0] }.sorted())
    }
    return try type.init(component.naming(type.parameters(of: component.className)))
  }

  /// The graph of the network with its weights. The batch is symbolic (`batch`); `spatialShape` is fixed; it may be
  /// left empty where the definition itself fixes it, and plays no part for a network that takes no image.
  /// Inputs are named `input_0` …, outputs by their keys where the network gives a dictionary, else `output_0` …
  /// - Parameter isStrict: As PyTorch's `load_state_dict(strict=)`: whether keys that the network doesn't have are
  ///   refused. Missing and mis-shaped ones always are, for there would be no values to compute with.
  /// - Throws: ``NetworkError/weightsDoNotFit(network:checkpoint:problems:)`` with every key that is missing,
  ///   unexpected or of another shape; `GraphError` when the shapes don't work out.
  package static func graph(
    _ component: Component, weights: StateDict, spatialShape: [Int], isStrict: Bool = true
  ) throws -> Graph {
    let builder = try build(component, weights, spatialShape)
    var problems = builder.weightProblems()
    if !isStrict { problems.unexpected = [] }
    guard problems.isEmpty else {
      throw NetworkError.weightsDoNotFit(network: component.className, checkpoint: weights.source, problems: problems)
    }
    try builder.graph.verify()
    return builder.graph
  }

  /// The graph without weights, and the names and shapes of those that it needs: whether a definition can be built.
  /// - Throws: as ``graph(_:weights:spatialShape:isStrict:)``.
  package static func outline(
    _ component: Component, spatialShape: [Int]
  ) throws -> (graph: Graph, weights: OrderedDictionary<String, Shape>) {
    let builder = try build(component, StateDict(source: "", tensors: [:]), spatialShape)
    try builder.graph.verify()
    return (builder.graph, builder.usedWeights)
  }

  private static func build(
    _ component: Component, _ weights: StateDict, _ spatialShape: [Int]
  ) throws -> NetworkBuilder {
    let network = try network(component)
    let shape = try checkedShape(spatialShape, of: network, component)
    var builder = NetworkBuilder(name: component.className, weights: WeightBinder(weights))
    let inputs = try network.inputTypes(spatialShape: shape).enumerated().map { index, type in
      try builder.graph.input("input_\(index)", type)
    }
    for (index, output) in try network.build(&builder, inputs).enumerated() {
      let outputName = index < network.outputNames.count ? network.outputNames[index] : "output_\(index)"
      try builder.graph.output(output, name: outputName)
    }
    return builder
  }

  private static func checkedShape(_ shape: [Int], of network: any Network, _ component: Component) throws -> [Int] {
    func refuse(_ reason: String, _ expected: String) -> NetworkError {
      .invalidDefinition(network: component.className, path: component.path, reason: reason, expected: expected)
    }
    if network.spatialDimensions == 0 { return [] }
    if let fixed = network.fixedSpatialShape {
      guard shape.isEmpty || shape == fixed else {
        throw refuse("an input of the spatial shape \(shape)", "\(fixed), which the definition fixes")
      }
      return fixed
    }
    guard shape.count == network.spatialDimensions else {
      throw refuse(
        "an input of \(shape.count) spatial axes", "\(network.spatialDimensions), as the definition says")
    }
    guard shape.allSatisfy({ (1...1 << 16).contains($0) }) else {
      throw refuse("an input of the spatial shape \(shape)", "extents from 1 to \(1 << 16)")
    }
    return shape
  }
}
