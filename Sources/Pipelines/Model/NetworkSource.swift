package import Archives
package import Arguments
import Bundles
import Diagnostics
import Files
package import Graphs
package import Importers
import Networks
import Passes
package import Tensors

/// A network's definition and weights, or the program that holds both, from which graphs for any input size are made.
package struct NetworkSource: Sendable {
  /// Where the network comes from.
  package enum Content: Sendable {
    /// A MONAI network by its definition, and its weights.
    case definition(Component, StateDict)
    case program(any ImportableProgram)
  }

  package let content: Content
  /// The number of spatial axes; 0 for a network that takes no image, or whose input isn't known yet.
  package let spatialDimensions: Int
  private let isStrict: Bool
  private let isBatchStatic: Bool
  /// The inputs behind the first, for a program that doesn't tell them.
  private let furtherInputs: [NetworkOptions.InputType]
  /// The input's `[N, C, spatial…]` as far as it is known without a scan: from the option, the inferer's window, or the
  /// metadata; and where it comes from.
  package let inputShape: (shape: [Int], origin: String)?

  /// - Throws: ``ModelError``, ``ConfigError``, ``ArchiveError``, ``FileError``, ``ImportError``.
  package init(_ model: Model, _ options: NetworkOptions) throws {
    switch model {
    case .bundle(let bundle):
      try self.init(try ModelConfig(model, options), checkpoint: options.checkpointFile, options, bundle)
    case .checkpoint(let path):
      guard options.configFiles != nil else { throw ModelError.needsConfig(path: path) }
      try self.init(try ModelConfig(model, options), checkpoint: options.checkpointFile ?? path, options, nil)
    case .torchScript(let path), .exportedProgram(let path), .onnx(let path):
      try self.init(try Self.program(path, model.kind), options, config: nil, metadata: nil)
    default:
      throw ModelError.notSupported(kind: model.kind, path: model.path)
    }
  }

  init(_ config: ModelConfig, checkpoint: String?, _ options: NetworkOptions, _ bundle: Bundle?) throws {
    if let path = try Self.programFile(config, checkpoint: checkpoint, bundle) {
      try self.init(
        try Self.program(path, "TorchScript program"), options, config: config, metadata: bundle?.metadata)
      return
    }
    let definition = try config.component(options.networkID)
    let network = try Networks.network(definition)
    guard let file = try checkpoint ?? bundle?.checkpoint(of: config.resolver) else {
      throw ModelError.notSupported(kind: "config without a checkpoint", path: config.name)
    }
    let weights = try Checkpoint.open(path: file).stateDict(key: options.checkpointKey)
    self.init(
      content: .definition(definition, weights), spatialDimensions: network.spatialDimensions,
      isStrict: options.isStrict, isBatchStatic: false, furtherInputs: options.furtherInputs,
      inputShape: try Self.inputShape(config, options, bundle?.metadata, network))
  }

  private init(
    _ program: any ImportableProgram, _ options: NetworkOptions, config: ModelConfig?, metadata: Metadata?
  ) throws {
    let inputShape = try Self.inputShape(program, options, config, metadata)
    let rank = try program.declaredInputs()?.first?.type.rank ?? inputShape?.shape.count ?? 0
    self.init(
      content: .program(program), spatialDimensions: max(rank - 2, 0), isStrict: options.isStrict,
      isBatchStatic: options.isBatchStatic, furtherInputs: options.furtherInputs, inputShape: inputShape)
  }

  private init(
    content: Content, spatialDimensions: Int, isStrict: Bool, isBatchStatic: Bool,
    furtherInputs: [NetworkOptions.InputType], inputShape: (shape: [Int], origin: String)?
  ) {
    self.content = content
    self.spatialDimensions = spatialDimensions
    self.isStrict = isStrict
    self.isBatchStatic = isBatchStatic
    self.furtherInputs = furtherInputs
    self.inputShape = inputShape
  }

  /// The network's class.
  package var name: String {
    switch content {
    case .definition(let component, _): component.className
    case .program(let program): program.className
    }
  }

  /// The numbers in its weights and buffers.
  package var parameterCount: Int {
    switch content {
    case .definition(_, let weights): weights.parameterCount
    case .program(let program): program.parameterCount
    }
  }

  /// The file that holds its weights.
  package var weightsFile: String {
    switch content {
    case .definition(_, let weights): weights.source
    case .program(let program): program.path
    }
  }

  /// The graph for inputs of `spatialShape`; the batch stays symbolic.
  /// - Throws: `NetworkError`, `GraphError`, `ImportError`.
  package func graph(spatialShape: [Int]) throws -> Graph {
    switch content {
    case .definition(let component, let weights):
      return try withFurtherInputs(
        Networks.graph(component, weights: weights, spatialShape: spatialShape, isStrict: isStrict))
    case .program(let program):
      return try program.graph(
        ImportOptions(inputs: try inputTypes(program, spatialShape)), batch: inputShape?.shape.first)
    }
  }

  /// The graph with the extents of the further inputs that are given, apart from their batch.
  private func withFurtherInputs(_ graph: Graph) throws -> Graph {
    guard !furtherInputs.isEmpty else { return graph }
    let types = graph.inputs.dropFirst().map { graph.type(of: $0) }
    var values: [String: Int] = [:]
    for (place, type) in types.enumerated() {
      let given = place < furtherInputs.count ? furtherInputs[place].shape : []
      let isFitting =
        given.count == type.rank
        && zip(type.shape, given).allSatisfy { extent, number in
          if let symbol = extent.symbol, values[symbol] == nil {
            if symbol != "batch" { values[symbol] = number }
            return true
          }
          return extent.evaluated(values) == number
        }
      guard isFitting else {
        throw ModelError.wrongFurtherInput(
          network: name, input: graph.name(of: graph.inputs[place + 1]), expected: "\(type)", found: given)
      }
    }
    guard furtherInputs.count == types.count else {
      throw ModelError.wrongFurtherInput(
        network: name, input: "input \(types.count + 1)", expected: "none", found: furtherInputs[types.count].shape)
    }
    return try PassDriver([FixedSymbols(values)]).run(graph).graph
  }

  /// The graph for the input shape that is known without a scan.
  /// - Throws: ``ModelError/unknownShape(network:reason:)`` when none is.
  package func graph() throws -> Graph {
    guard let inputShape else {
      if case .program(let program) = content, try program.declaredInputs() != nil {
        return try program.graph(ImportOptions())
      }
      throw ModelError.unknownShape(
        network: name, reason: "neither the inferer's roi_size nor the metadata tells it")
    }
    return try graph(spatialShape: Array(inputShape.shape.dropFirst(2)))
  }

  /// The graph for arrays like `inputs`; the batch stays symbolic where it can.
  package func graph(for inputs: [Tensor]) throws -> Graph {
    guard case .program(let program) = content else {
      let shape = inputs.first?.shape.dimensions ?? []
      return try graph(spatialShape: spatialDimensions == 0 ? [] : Array(shape.dropFirst(2)))
    }
    return try program.graph(
      ImportOptions(
        inputs: inputs.map { tensor in
          let type: ElementType = tensor.elementType.isFloatingPoint ? .float32 : tensor.elementType
          return TensorType(type, openBatch(tensor.shape.dimensions, like: inputs[0].shape.dimensions.first))
        }), batch: inputs.first?.shape.dimensions.first)
  }

  // MARK: Programs

  private static func program(_ path: String, _ kind: String) throws -> any ImportableProgram {
    if case .onnx = try Model(path: path) { return try ONNXReader(path: path) }
    guard let program = try ImportablePrograms.open(try MappedFile(path: path)) else {
      throw ModelError.notSupported(kind: kind, path: path)
    }
    return program
  }

  /// The program that stands for the network: a checkpoint that is one, or the bundle's where it has no weights.
  private static func programFile(_ config: ModelConfig, checkpoint: String?, _ bundle: Bundle?) throws -> String? {
    if let checkpoint {
      switch try Model(path: checkpoint) {
      case .torchScript, .exportedProgram, .onnx: return checkpoint
      default: return nil
      }
    }
    guard let bundle, let program = bundle.program else { return nil }
    do {
      _ = try bundle.checkpoint(of: config.resolver)
      return nil
    } catch BundleError.noCheckpoint {
      return program
    }
  }

  /// The shape with the batch left open, unless it is asked for as it is.
  /// A further input whose first extent isn't the batch of the first keeps it.
  private func openBatch(_ shape: [Int], like batch: Int? = nil) -> [Dimension] {
    shape.enumerated().map { axis, extent in
      axis == 0 && !isBatchStatic && extent == batch ?? extent ? Dimension("batch") : Dimension(extent)
    }
  }

  private func inputTypes(_ program: any ImportableProgram, _ spatialShape: [Int]) throws -> [TensorType] {
    let leading = Array(inputShape?.shape.prefix(2) ?? [1])
    if let declared = try program.declaredInputs() {
      return declared.enumerated().map { place, input in
        let type = input.type
        var shape = type.shape
        for (index, extent) in spatialShape.enumerated() where index + 2 < shape.count {
          // Further inputs may be no images: what the program fixes of them stays.
          if place > 0, shape[index + 2].constant != nil { continue }
          shape[index + 2] = Dimension(extent)
        }
        if let batch = leading.first, isBatchStatic, !shape.isEmpty { shape[0] = Dimension(batch) }
        return TensorType(type.elementType, shape)
      }
    }
    guard let inputShape, inputShape.shape.count == spatialShape.count + leading.count else {
      throw ModelError.unknownShape(
        network: name, reason: "a TorchScript program doesn't tell its input, and the metadata neither")
    }
    return [TensorType(.float32, openBatch(leading + spatialShape))]
      + furtherInputs.map { TensorType($0.elementType, openBatch($0.shape, like: leading.first)) }
  }

  private static func inputShape(
    _ program: any ImportableProgram, _ options: NetworkOptions, _ config: ModelConfig?, _ metadata: Metadata?
  ) throws -> (shape: [Int], origin: String)? {
    let declared = try program.declaredInputs()?.first?.type
    if let shape = options.inputShape {
      guard shape.allSatisfy({ $0 > 0 }), shape.count <= 16 else {
        throw ModelError.unknownShape(network: program.className, reason: "\(shape) is not a shape")
      }
      guard let declared, shape.count < declared.rank else { return (shape, "--input-shape") }
      let leading = declared.shape.prefix(declared.rank - shape.count).map { $0.constant ?? 1 }
      return (leading + shape, "--input-shape")
    }
    let known = metadata?.inputs.first?.shape(n: 1, p: 1, any: 1)
    if let declared {
      if let fixed = declared.fixedApartFromBatch { return (fixed, "the program") }
      if let config, let roi = windowShape(config, rank: declared.rank - 2) {
        return (declared.shape.prefix(2).map { $0.constant ?? 1 } + roi, "the inferer's roi_size")
      }
    } else if let known, let config, let roi = windowShape(config, rank: known.count - 2) {
      return (Array(known.prefix(2)) + roi, "the inferer's roi_size")
    }
    return known.map { ($0, "metadata.json") }
  }

  static func inputShape(
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
    if let slices = inferer as? SliceInferer { return rank == 2 ? slices.fixedShape : nil }
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

extension TensorType {
  /// The extents with 1 for an open batch, when all others are fixed.
  fileprivate var fixedApartFromBatch: [Int]? {
    guard rank > 0, shape.dropFirst().allSatisfy({ $0.constant != nil }) else { return nil }
    return shape.map { $0.constant ?? 1 }
  }
}
