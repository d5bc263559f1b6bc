import Engines
import Files
import Graphs
import Pipelines
import Tensors
import TestSupport
import Testing

@Suite struct BenchmarkTests {
  private func model(_ folder: TemporaryFolder) throws -> Model {
    var graph = Graph(name: "two layers")
    let input = try graph.input("x", TensorType(.float32, [Dimension("batch"), 2, 16, 16]))
    let weight = graph.constant(Tensor((0..<72).map { Float($0 % 5) }, [4, 2, 3, 3]), name: "w")
    let features = try graph.conv(input, weight: weight, padding: [1, 1])
    try graph.output(graph.softmax(features, axis: 1), name: "y")
    try ONNXWriter(graph).write(to: folder.file("model.onnx"))
    return try Model(path: folder.file("model.onnx"))
  }

  private var choice: EngineChoice {
    var choice = EngineChoice()
    choice.runtime = .openvino
    choice.library = Corpus.repository + ".runtime/openvino"
    return choice
  }

  @Test func timesAreOrderedAndLayersAddUp() throws {
    let folder = try TemporaryFolder()
    var plan = NetworkBenchmark.Plan()
    plan.runs = 7
    plan.batch = 2
    plan.timesLayers = true
    let result = try NetworkBenchmark(try model(folder), NetworkOptions(), choice, plan)
    #expect(result.runs == 7)
    let latency = result.latency
    #expect(latency.minimum > 0 && latency.minimum <= latency.median && latency.median <= latency.p90)
    #expect(latency.p90 <= latency.p99 && latency.p99 <= latency.maximum)
    #expect(result.gigaOperations == Double(2 * (2 * 4 * 256 * 18 + 4 * 256)) / 1e9)
    #expect(result.inputs == ["x: float32 2×2×16×16"])
    #expect(result.layers.contains { $0.kind.contains("Convolution") })
    #expect(abs(result.layers.reduce(0) { $0 + $1.share } - 1) < 1e-9)
    #expect(zip(result.layers, result.layers.dropFirst()).allSatisfy { $0.milliseconds >= $1.milliseconds })
  }

  @Test func thePageNamesEveryLayerAndNeedsNoOtherFile() throws {
    let folder = try TemporaryFolder()
    var plan = NetworkBenchmark.Plan()
    plan.runs = 2
    plan.timesLayers = true
    let result = try NetworkBenchmark(try model(folder), NetworkOptions(), choice, plan)
    let html = BenchmarkPage(result, peakMemory: 1_000_000).html
    #expect(html.contains("<svg") && html.contains("two layers") && html.contains("GFLOP/s"))
    #expect(result.layers.prefix(60).allSatisfy { html.contains($0.kind) })
    #expect(!html.contains("http"))
  }

  @Test func aPlanWithoutRunsIsRefused() throws {
    let folder = try TemporaryFolder()
    var plan = NetworkBenchmark.Plan()
    plan.runs = 0
    let model = try model(folder)
    #expect(throws: BenchmarkError.badPlan(runs: 0, batch: 1, seconds: 10)) {
      try NetworkBenchmark(model, NetworkOptions(), choice, plan)
    }
  }
}
