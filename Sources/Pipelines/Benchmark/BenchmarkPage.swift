import Engines
import Foundation

/// A benchmark as an HTML page that needs no other file: the figures, and a bar for the time of each layer.
package struct BenchmarkPage {
  private let benchmark: NetworkBenchmark
  private let peakMemory: Int

  package init(_ benchmark: NetworkBenchmark, peakMemory: Int) {
    self.benchmark = benchmark
    self.peakMemory = peakMemory
  }

  package var html: String {
    let facts = self.facts.map { "<tr><th>\(Self.escaped($0.0))</th><td>\(Self.escaped($0.1))</td></tr>" }
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(benchmark.network))</title>
      <style>
      body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 64em; color: #1b1f24; }
      table { border-collapse: collapse; } th { text-align: left; font-weight: 500; padding-right: 2em; color: #57606a; }
      td { font-variant-numeric: tabular-nums; } svg { width: 100%; height: auto; } text { font: 11px system-ui, sans-serif; }
      </style></head><body>
      <h1>\(Self.escaped(benchmark.network))</h1>
      <table>
      \(facts.joined(separator: "\n"))
      </table>
      \(kinds)
      \(layers)
      </body></html>

      """
  }

  private var facts: [(String, String)] {
    let latency = benchmark.latency
    func milliseconds(_ value: Double) -> String { String(format: "%.2f ms", value) }
    var facts = [
      ("model", benchmark.model), ("inputs", benchmark.inputs.joined(separator: ", ")),
      ("outputs", benchmark.outputs.joined(separator: ", ")),
      (
        "latency",
        "median \(milliseconds(latency.median)), 90 % \(milliseconds(latency.p90)), 99 % \(milliseconds(latency.p99)), "
          + "\(milliseconds(latency.minimum)) to \(milliseconds(latency.maximum)) in \(benchmark.runs) runs"
      ),
      ("throughput", String(format: "%.2f samples/s", benchmark.throughput)),
    ]
    if let operations = benchmark.gigaOperations, let rate = benchmark.gigaOperationsPerSecond {
      facts.append(("operations", String(format: "%.2f GFLOP, %.1f GFLOP/s", operations, rate)))
    }
    facts.append(("nodes", "\(benchmark.nodes)"))
    facts.append(("compiled in", String(format: "%.2f s", benchmark.compileSeconds)))
    facts.append(("peak memory", String(format: "%.0f MB", Double(peakMemory) / 1e6)))
    return facts + benchmark.engine.map { ($0.name, $0.value) }
  }

  private static let colours = ["#0969da", "#bf3989", "#1a7f37", "#9a6700", "#8250df", "#cf222e", "#57606a"]

  /// A kind's colour, the same in both pictures; the rarest share the last one.
  private func colour(_ kind: String) -> String {
    let place = benchmark.kinds.firstIndex { $0.name == kind } ?? 0
    return Self.colours[min(place, Self.colours.count - 1)]
  }

  /// One bar of all kinds, and what each takes.
  private var kinds: String {
    guard !benchmark.kinds.isEmpty else { return "" }
    var x = 0.0
    let parts = benchmark.kinds.map { kind -> String in
      defer { x += 1060 * kind.share }
      return """
        <rect x="\(String(format: "%.1f", x))" y="0" width="\(String(format: "%.1f", 1060 * kind.share))" height="28" \
        fill="\(colour(kind.name))"><title>\(Self.escaped(kind.name))</title></rect>
        """
    }
    let rows = benchmark.kinds.map { kind in
      "<tr><th><span style=\"color:\(colour(kind.name))\">■</span> \(Self.escaped(kind.name))</th>"
        + "<td>\(kind.layers) layers, \(String(format: "%.2f ms, %.1f %%", kind.milliseconds, kind.share * 100))</td></tr>"
    }
    return """
      <h2>Time per kind of layer</h2>
      <svg viewBox="0 0 1060 28" role="img" aria-label="Time per kind of layer">
      \(parts.joined(separator: "\n"))
      </svg>
      <table>
      \(rows.joined(separator: "\n"))
      </table>
      """
  }

  /// The layers that take most of the time, one bar each.
  private var layers: String {
    let shown = Array(benchmark.layers.prefix(60))
    guard let longest = shown.first?.milliseconds, longest > 0 else { return "" }
    let rows = shown.enumerated().map { index, layer in
      let width = 520 * layer.milliseconds / longest
      let y = index * 18
      let rate = layer.gigaOperationsPerSecond.map { String(format: ", %.0f GFLOP/s", $0) } ?? ""
      let label = "\(layer.kind)  " + String(format: "%.2f ms, %.1f %%", layer.milliseconds, layer.share * 100) + rate
      return """
        <g><title>\(Self.escaped(layer.name)): \(Self.escaped(label))</title>
        <text x="336" y="\(y + 12)" text-anchor="end">\(Self.escaped(String(layer.name.suffix(52))))</text>
        <rect x="344" y="\(y + 2)" width="\(String(format: "%.1f", width))" height="13" fill="\(colour(layer.kind))"/>
        <text x="\(String(format: "%.1f", 350 + width))" y="\(y + 12)">\(Self.escaped(label))</text></g>
        """
    }
    return """
      <h2>Time per layer</h2>
      <svg viewBox="0 0 1060 \(shown.count * 18 + 4)" role="img" aria-label="Time per layer">
      \(rows.joined(separator: "\n"))
      </svg>
      """
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
      .replacingOccurrences(of: ">", with: "&gt;").replacingOccurrences(of: "\"", with: "&quot;")
  }
}
