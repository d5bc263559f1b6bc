package import Diagnostics
package import Engines
import Foundation
import Graphs
import Tensors

/// How long a bare network takes on an engine.
package struct NetworkBenchmark: Sendable, Encodable {
  /// How often the network runs.
  package struct Plan: Sendable {
    /// Runs whose times count, at most.
    package var runs = 50
    /// Runs before them.
    package var warmUpRuns = 2
    /// Seconds after which no further run begins, once there are three.
    package var seconds = 10.0
    package var batch = 1
    /// Whether the engine is asked for the time of each layer, which makes it a little slower.
    package var timesLayers = false

    package init() {}
  }

  /// The time of one layer as the engine has it; several nodes of the graph may be one layer.
  package struct Layer: Sendable, Encodable {
    package let name: String
    package let kind: String
    /// Of one run, the mean over the timed runs.
    package let milliseconds: Double
    package let share: Double
    /// Additions and multiplications of the graph's node of that name, in thousand millions; nil for a layer of the
    /// engine's own.
    package let gigaOperations: Double?

    /// The same a second.
    package var gigaOperationsPerSecond: Double? {
      gigaOperations.flatMap { milliseconds > 0 ? $0 * 1e3 / milliseconds : nil }
    }
  }

  /// The layers of one kind together.
  package struct Kind: Sendable, Encodable {
    package let name: String
    package let layers: Int
    package let milliseconds: Double
    package let share: Double
  }

  /// Milliseconds of one run.
  package struct Latency: Sendable, Encodable {
    package let minimum: Double
    package let median: Double
    package let p90: Double
    package let p99: Double
    package let maximum: Double
    package let mean: Double

    init(_ milliseconds: [Double]) {
      let sorted = milliseconds.sorted()
      // The nearest rank: the smallest time that at least that part of the runs keeps within.
      func percentile(_ part: Double) -> Double {
        sorted[min(max(Int((part * Double(sorted.count)).rounded(.up)) - 1, 0), sorted.count - 1)]
      }
      minimum = sorted[0]
      median = percentile(0.5)
      p90 = percentile(0.9)
      p99 = percentile(0.99)
      maximum = sorted[sorted.count - 1]
      mean = sorted.reduce(0, +) / Double(sorted.count)
    }
  }

  package let network: String
  package let model: String
  package let inputs: [String]
  package let outputs: [String]
  package let engine: [EngineSetting]
  package let batch: Int
  package let runs: Int
  package let nodes: Int
  package let compileSeconds: Double
  package let latency: Latency
  /// Samples a second, from the mean.
  package let throughput: Double
  /// Additions and multiplications of one run, in thousand millions.
  package let gigaOperations: Double?
  /// The same a second, from the median.
  package let gigaOperationsPerSecond: Double?
  /// The longest first; empty when they weren't asked for, or the engine doesn't tell.
  package let layers: [Layer]
  /// The layers by kind, the longest first.
  package let kinds: [Kind]

  /// Compiles the model's network and runs it on noise.
  /// - Throws: what is wrong with the model; `EngineError`, `DeviceError`; `InterruptedError`.
  package init(
    _ model: Model, _ options: NetworkOptions, _ choice: EngineChoice, _ plan: Plan, progress: ProgressObserver? = nil
  ) throws {
    guard plan.runs >= 1, plan.warmUpRuns >= 0, plan.batch >= 1, plan.seconds > 0 else {
      throw BenchmarkError.badPlan(runs: plan.runs, batch: plan.batch, seconds: plan.seconds)
    }
    let source = try NetworkSource(model, options)
    var choice = choice
    let graph = try choice.optimized(source.graph())
    choice.options.batch = plan.batch
    choice.options.timesLayers = plan.timesLayers
    let clock = ContinuousClock()
    var compiled: (any CompiledEngine)?
    compileSeconds = try clock.measure { compiled = try choice.compile(graph) }.seconds
    guard let compiled else { throw DefectError("compiling gave no engine") }
    let session = try compiled.makeSession()
    let inputs = try compiled.inputs.map { try Noise.tensor($0, batch: plan.batch) }
    var results: [Tensor] = []
    for _ in 0..<plan.warmUpRuns { try session.run(inputs, into: &results) }
    var times: [Double] = []
    var layers = LayerTimes()
    let start = clock.now
    while times.count < plan.runs, times.count < 3 || (clock.now - start).seconds < plan.seconds {
      try Cancellation.check()
      times.append(try clock.measure { try session.run(inputs, into: &results) }.seconds * 1e3)
      if plan.timesLayers { layers.add(try session.layerTimes()) }
      progress?(ProgressUpdate(stage: "running", completed: times.count, total: plan.runs))
    }
    network = source.name
    self.model = model.path
    self.inputs = zip(compiled.inputs, inputs).map { "\($0.name): \($1.elementType) \($1.shape)" }
    outputs = zip(compiled.outputs, results).map { "\($0.name): \($1.elementType) \($1.shape)" }
    engine = compiled.settings
    batch = plan.batch
    runs = times.count
    nodes = graph.nodes.count
    let latency = Latency(times)
    self.latency = latency
    throughput = Double(plan.batch) * 1e3 / latency.mean
    gigaOperations = graph.operationCount(batch: plan.batch).map { $0 / 1e9 }
    gigaOperationsPerSecond = gigaOperations.map { $0 * 1e3 / latency.median }
    let costs = graph.nodes.map { ($0.name, graph.operationCount(of: $0, batch: plan.batch) ?? 0) }
    let all = layers.mean(over: times.count, costs: Dictionary(costs) { first, _ in first })
    self.layers = all
    kinds = Dictionary(grouping: all, by: \.kind).map { name, layers in
      Kind(
        name: name, layers: layers.count, milliseconds: layers.reduce(0) { $0 + $1.milliseconds },
        share: layers.reduce(0) { $0 + $1.share })
    }.sorted { ($1.milliseconds, $0.name) < ($0.milliseconds, $1.name) }
  }

  /// Sums of the layers' times over the runs.
  private struct LayerTimes {
    /// A node may be several layers: a reorder and its kernel.
    private struct Key: Hashable {
      var name: String
      var kind: String
    }

    private var sums: [Key: Double] = [:]

    mutating func add(_ layers: [LayerTime]) {
      for layer in layers { sums[Key(name: layer.name, kind: layer.kind), default: 0] += layer.seconds }
    }

    /// - Parameter costs: The operations of each node of the graph, which the longest layer of its name does.
    func mean(over runs: Int, costs: [String: Double]) -> [Layer] {
      let total = sums.values.reduce(0, +)
      let longest = Dictionary(sums.map { ($0.key.name, $0) }) { $0.value >= $1.value ? $0 : $1 }
      return sums.map { key, seconds in
        let isLongest = longest[key.name]?.key == key
        return Layer(
          name: key.name, kind: key.kind, milliseconds: seconds * 1e3 / Double(runs),
          share: total > 0 ? seconds / total : 0,
          gigaOperations: isLongest ? costs[key.name].flatMap { $0 > 0 ? $0 / 1e9 : nil } : nil)
      }.sorted { ($1.milliseconds, $0.name) < ($0.milliseconds, $1.name) }
    }
  }
}

extension Duration {
  fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// A benchmark can't be done as asked.
package enum BenchmarkError: DiagnosedError, Equatable {
  case badPlan(runs: Int, batch: Int, seconds: Double)

  package var diagnosis: Diagnosis {
    switch self {
    case .badPlan(let runs, let batch, let seconds):
      Diagnosis(
        .usage, "\(runs) runs of batch \(batch) in \(seconds) s are asked for",
        expected: "at least one run, a batch of at least 1, and a time above 0")
    }
  }
}
