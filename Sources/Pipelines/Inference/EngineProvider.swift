import Engines
import Graphs
import Passes
import Synchronization

/// Where a pipeline takes its engine from.
protocol EngineProvider: Sendable {
  /// The engine for inputs `[N, C, spatial…]` of this spatial shape.
  /// - Parameter memory: The bytes that it may take for its weights, working memory and outputs; nil for no limit.
  func engine(spatialShape: [Int], memory: Int?) throws -> any CompiledEngine
  /// The batches that its engines take; nil for all.
  var batches: ClosedRange<Int>? { get }
  /// The last layer of the network, where its engines leave that to the caller.
  func head(spatialShape: [Int]) throws -> PointwiseHead?
  /// The channels of the first output, and the bytes of the network's values that are alive at once for such an input; nil
  /// where only the engine knows.
  func estimate(spatialShape: [Int]) throws -> (channels: Int, livingValues: Int)?
}

extension EngineProvider {
  func head(spatialShape: [Int]) throws -> PointwiseHead? { nil }
  func estimate(spatialShape: [Int]) throws -> (channels: Int, livingValues: Int)? { nil }
}

/// The engines of one network, one for each input size, compiled when first asked for.
final class EngineCache: EngineProvider {
  let batches: ClosedRange<Int>? = nil
  private let source: NetworkSource
  private let choice: EngineChoice
  /// Whether a pointwise last layer is left to the caller (``PointwiseHead``).
  private let splitsHead: Bool
  private let engines = Mutex<[[Int]: (engine: any CompiledEngine, memory: Int?)]>([:])
  private let parts = Mutex<[[Int]: Part]>([:])

  private struct Part {
    var head: PointwiseHead?
    var channels: Int
    var livingValues: Int
  }

  init(source: NetworkSource, choice: EngineChoice, splitsHead: Bool = false) {
    self.source = source
    self.choice = choice
    self.splitsHead = splitsHead
  }

  /// The engine for inputs `[N, C, spatial…]` of this spatial shape; whoever asks meanwhile waits. One that was made with more
  /// memory than there is now is made again.
  func engine(spatialShape: [Int], memory: Int?) throws -> any CompiledEngine {
    try engines.withLock { engines in
      if let known = engines[spatialShape], Self.fits(known.memory, into: memory) { return known.engine }
      engines[spatialShape] = nil
      var choice = choice
      choice.options.memoryLimit = memory ?? choice.options.memoryLimit
      let engine = try choice.compile(try graph(spatialShape))
      engines[spatialShape] = (engine, memory)
      return engine
    }
  }

  private static func fits(_ made: Int?, into limit: Int?) -> Bool {
    guard let limit else { return true }
    return made.map { $0 <= limit } ?? false
  }

  func head(spatialShape: [Int]) throws -> PointwiseHead? { try part(spatialShape).head }

  func estimate(spatialShape: [Int]) throws -> (channels: Int, livingValues: Int)? {
    let part = try part(spatialShape)
    return (part.channels, part.livingValues)
  }

  /// The graph that is compiled.
  private func graph(_ spatialShape: [Int]) throws -> Graph {
    let whole = try source.graph(spatialShape: spatialShape)
    let split = splitsHead ? try PointwiseHead.split(whole) : nil
    let graph = split?.trunk ?? whole
    let channels = graph.outputs.first.flatMap { graph.type(of: $0.value).shape.dropFirst().first?.constant } ?? 1
    let part = Part(head: split?.head, channels: channels, livingValues: graph.livingValues)
    parts.withLock { $0[spatialShape] = part }
    return graph
  }

  private func part(_ spatialShape: [Int]) throws -> Part {
    if let known = parts.withLock({ $0[spatialShape] }) { return known }
    let graph = try graph(spatialShape)
    return parts.withLock { $0[spatialShape] } ?? Part(channels: 1, livingValues: graph.livingValues)
  }
}
