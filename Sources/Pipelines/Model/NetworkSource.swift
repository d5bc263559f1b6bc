package import Archives
package import Arguments
import Bundles
import Diagnostics
import Files
package import Graphs
import Networks

/// A network's definition and weights, from which graphs for any input size are made.
package struct NetworkSource: Sendable {
  package let definition: Component
  package let weights: StateDict
  package let spatialDimensions: Int
  private let isStrict: Bool
  /// The input's `[N, C, spatial…]` as far as it is known without a scan: from the option, the inferer's window, or the
  /// metadata; and where it comes from.
  package let inputShape: (shape: [Int], origin: String)?

  /// - Throws: ``ModelError``, ``ConfigError``, ``ArchiveError``, ``FileError``.
  package init(_ model: Model, _ options: NetworkOptions) throws {
    switch model {
    case .bundle(let bundle):
      try self.init(try ModelConfig(model, options), checkpoint: options.checkpointFile, options, bundle)
    case .checkpoint(let path):
      guard options.configFiles != nil else { throw ModelError.needsConfig(path: path) }
      try self.init(try ModelConfig(model, options), checkpoint: options.checkpointFile ?? path, options, nil)
    default:
      throw ModelError.notSupported(kind: model.kind, path: model.path)
    }
  }

  init(_ config: ModelConfig, checkpoint: String?, _ options: NetworkOptions, _ bundle: Bundle?) throws {
    definition = try config.component(options.networkID)
    guard let file = try checkpoint ?? bundle?.checkpoint(of: config.resolver) else {
      throw ModelError.notSupported(kind: "config without a checkpoint", path: config.name)
    }
    weights = try Checkpoint.open(path: file).stateDict(key: options.checkpointKey)
    let network = try Networks.network(definition)
    spatialDimensions = network.spatialDimensions
    isStrict = options.isStrict
    inputShape = try Self.inputShape(config, options, bundle?.metadata, network)
  }

  /// The graph for inputs of `spatialShape`; the batch stays symbolic.
  /// - Throws: `NetworkError`, `GraphError`.
  package func graph(spatialShape: [Int]) throws -> Graph {
    try Networks.graph(definition, weights: weights, spatialShape: spatialShape, isStrict: isStrict)
  }

  /// The graph for the input shape that is known without a scan.
  /// - Throws: ``ModelError/unknownShape(network:reason:)`` when none is.
  package func graph() throws -> Graph {
    guard let inputShape else {
      throw ModelError.unknownShape(
        network: definition.className, reason: "neither the inferer's roi_size nor the metadata tells it")
    }
    return try graph(spatialShape: Array(inputShape.shape.dropFirst(2)))
  }

  private static func inputShape(
    _ config: ModelConfig, _ options: NetworkOptions, _ metadata: Metadata?, _ network: any Network
  ) throws -> (shape: [Int], origin: String)? {
    let channels = network.inputChannels.first ?? 1
    if network.spatialDimensions == 0 { return ([1, channels], "the definition") }
    if let shape = options.inputShape { return (try checked(shape, network), "--input-shape") }
    if let shape = network.fixedSpatialShape { return ([1, channels] + shape, "the definition") }
    if let roi = windowShape(config, rank: network.spatialDimensions) {
      return ([1, channels] + roi, "the inferer's roi_size")
    }
    if let shape = metadata?.inputs.first?.shape(n: 1, p: 1, any: 1), shape.count == network.spatialDimensions + 2 {
      return (shape, "metadata.json")
    }
    return nil
  }

  /// The window of a bundle that has one of fixed size. Another inferer, or one that isn't supported, tells nothing here.
  private static func windowShape(_ config: ModelConfig, rank: Int) -> [Int]? {
    guard config.resolver.contains("inferer"), let inferer = try? Inferers.make(config.component("inferer")) else {
      return nil
    }
    return (inferer as? SlidingWindow)?.fixedShape(rank: rank)
  }

  /// `[N, C, spatial…]`, `[C, spatial…]` or the spatial extents alone, as long as they fit the network.
  private static func checked(_ shape: [Int], _ network: any Network) throws -> [Int] {
    let channels = network.inputChannels.first ?? 1
    let rank = network.spatialDimensions
    let spatial = Array(shape.suffix(rank))
    let leading = Array(shape.dropLast(rank))
    guard shape.count >= rank, leading.count <= 2, shape.allSatisfy({ $0 > 0 }), leading.last ?? channels == channels
    else {
      throw ModelError.unknownShape(
        network: "\(type(of: network))",
        reason: "\(shape.map(String.init).joined(separator: ",")) is not [N, \(channels)] and \(rank) spatial extents")
    }
    return [leading.count == 2 ? leading[0] : 1, channels] + spatial
  }
}
