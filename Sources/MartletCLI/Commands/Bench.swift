import ArgumentParser
import Diagnostics
import Engines
import Files
import Pipelines

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures how fast the bare network runs.",
    discussion: """
      Examples:
        martlet bench Examples/brain-tissue
        martlet bench network.onnx --input-shape 1,1,96,96,96 --layers --html bench.html
      """)

  @Argument(help: "A bundle's folder, an ONNX file, or a checkpoint together with --config-file.")
  var model: String

  @Option(help: "The input's shape, N,C,D,H,W; or the spatial extents alone.")
  var inputShape: String?

  @Option(help: "Samples in each run.")
  var batch = 1

  @Option(help: "Runs whose times count, at most.")
  var runs = 50

  @Option(help: "Runs before them.")
  var warmUp = 2

  @Option(help: "Seconds after which no further run begins.")
  var seconds = 10.0

  @Flag(help: "Time each layer too, where the engine tells it.")
  var layers = false

  @Option(help: "Also write a page with a picture of the time per layer; it times the layers.")
  var html: String?

  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    var plan = NetworkBenchmark.Plan()
    plan.runs = runs
    plan.warmUpRuns = warmUp
    plan.seconds = seconds
    plan.batch = batch
    plan.timesLayers = layers || html != nil
    let display = ProgressDisplay(title: Paths.name(of: model), isQuiet: printing.quiet)
    defer { display.finish() }
    let benchmark = try NetworkBenchmark(
      try Model(path: model), try network.options(inputShape: inputShape), try engine.choice(), plan,
      progress: display.observer)
    display.finish()
    let memory = Terminal.peakMemory
    if let html { try AtomicFile.write(BenchmarkPage(benchmark, peakMemory: memory).html, to: html) }
    if printing.json { return try Terminal.printJSON(Facts(benchmark: benchmark, peakMemory: memory)) }
    try Terminal.print(text(benchmark, memory))
  }

  private struct Facts: Encodable {
    var benchmark: NetworkBenchmark
    var peakMemory: Int
  }

  private func text(_ benchmark: NetworkBenchmark, _ memory: Int) -> String {
    let latency = benchmark.latency
    var lines = [
      "\(benchmark.network): \(benchmark.inputs.joined(separator: ", ")), \(benchmark.runs) runs",
      "  latency     median \(latency.median.fixed(2)) ms, 90 % \(latency.p90.fixed(2)), 99 % \(latency.p99.fixed(2)), "
        + "\(latency.minimum.fixed(2)) to \(latency.maximum.fixed(2))",
      "  throughput  \(benchmark.throughput.fixed(2)) samples/s",
    ]
    if let operations = benchmark.gigaOperations, let rate = benchmark.gigaOperationsPerSecond {
      lines.append("  operations  \(operations.fixed(2)) GFLOP, \(rate.fixed(1)) GFLOP/s")
    }
    lines.append("  compiled in \(benchmark.compileSeconds.fixed(2)) s, peak memory \(memory.byteText)")
    lines.append("  engine      \(benchmark.engine.first { $0.name == "engine" }?.value ?? "")")
    if layers {
      lines.append("  kinds of layers, the longest first")
      lines += benchmark.kinds.prefix(10).map { row($0.milliseconds, $0.share, "\($0.name), \($0.layers) layers") }
      lines.append("  layers, the longest first")
      lines += benchmark.layers.prefix(20).map { layer in
        let rate = layer.gigaOperationsPerSecond.map { ", \($0.fixed(0)) GFLOP/s" } ?? ""
        return row(layer.milliseconds, layer.share, "\(layer.kind)  \(layer.name)\(rate)")
      }
      if benchmark.layers.isEmpty { lines.append("    this engine doesn't tell the time of its layers") }
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ milliseconds: Double, _ share: Double, _ name: String) -> String {
    "    \(milliseconds.fixed(2).leftPadded(9)) ms \((share * 100).fixed(1).leftPadded(5)) %  \(name)"
  }
}

extension String {
  fileprivate func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
