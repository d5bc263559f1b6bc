package import Archives
package import Arguments
package import Graphs
package import Tensors

/// A MONAI architecture: reads its arguments, then writes itself into a graph.
///
/// One file each. The state-dict key of a weight stands beside the layer that reads it.
package protocol Network: Sendable {
  /// The class names that stand for it in `_target_`.
  static var names: [String] { get }

  /// Reads the arguments as MONAI's constructor does.
  /// - Throws: `ArgumentError`, ``NetworkError/invalidDefinition(network:path:reason:expected:)``.
  init(_ component: Component) throws

  /// The number of spatial axes, and the channels of each input.
  var spatialDimensions: Int { get }
  var inputChannels: [Int] { get }

  /// The forward pass in evaluation mode; gives the outputs in PyTorch's order.
  func build(_ builder: inout NetworkBuilder, _ inputs: [Value]) throws -> [Value]
}

extension Network {
  static var name: String { names[0] }

  static func invalid(_ component: Component, _ reason: String, expected: String? = nil) -> NetworkError {
    .invalidDefinition(network: name, path: component.path, reason: reason, expected: expected)
  }
}

/// The networks that Martlet knows, and the way from a definition and weights to a graph.
package enum Networks {
  /// Adding a network: its file, and its type here.
  package static let all: [any Network.Type] = [UNet.self]

  /// The network that `component` defines.
  /// - Throws: ``NetworkError``, `ArgumentError`.
  package static func network(_ component: Component) throws -> any Network {
    guard let type = all.first(where: { $0.names.contains(component.className) }) else {
      throw NetworkError.unknownNetwork(
        target: component.target, path: component.path, known: all.map { $0.names[0] }.sorted())
    }
    return try type.init(component)
  }

  /// The graph of the network with its weights. The batch is symbolic (`batch`); `spatialShape` is fixed.
  /// Inputs are named `input_0` …, outputs `output_0` …
  /// - Throws: ``NetworkError/weightsDoNotFit(network:checkpoint:problems:)`` with every key that is missing,
  ///   unexpected or of another shape; `GraphError` when the shapes don't work out.
  package static func graph(_ component: Component, weights: StateDict, spatialShape: [Int]) throws -> Graph {
    let network = try network(component)
    let name = component.className
    guard spatialShape.count == network.spatialDimensions else {
      throw NetworkError.invalidDefinition(
        network: name, path: component.path, reason: "an input of \(spatialShape.count) spatial axes",
        expected: "\(network.spatialDimensions), as spatial_dims says")
    }
    var builder = NetworkBuilder(name: name, weights: WeightBinder(weights))
    let inputs = try network.inputChannels.enumerated().map { index, channels in
      try builder.graph.input(
        "input_\(index)",
        TensorType(.float32, [Dimension("batch"), Dimension(channels)] + spatialShape.map { Dimension($0) }))
    }
    let outputs = try network.build(&builder, inputs)
    let problems = builder.weightProblems()
    guard problems.isEmpty else {
      throw NetworkError.weightsDoNotFit(network: name, checkpoint: weights.source, problems: problems)
    }
    for (index, output) in outputs.enumerated() { try builder.graph.output(output, name: "output_\(index)") }
    try builder.graph.verify()
    return builder.graph
  }
}
