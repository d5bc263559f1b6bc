import ArgumentParser
import Diagnostics
import Engines
import Files
import Foundation
import Pipelines

/// One export with its progress bar and its facts, as `export`, `trt_export` and `onnx_export` show it.
struct ExportRun {
  let printing: OutputArguments

  func run(_ model: Model, _ options: ExportOptions, to target: any ExportTarget, at path: String) throws {
    let display = ProgressDisplay(title: Paths.name(of: path), isQuiet: printing.quiet)
    defer { display.finish() }
    let export = Pipelines.Export(model, options, to: target, at: path, progress: display.observer)
    let result = try export.run()
    display.finish()
    let facts = ExportFacts(result)
    try printing.show(facts, facts.text)
    if result.verification.contains(where: { $0.outcome == .failed }) { throw ExitCode(Diagnosis.Kind.data.exitCode) }
  }
}

/// What is told of an export.
private struct ExportFacts: Encodable {
  var outcome: String
  var path: String
  var target: String
  var precision: String
  var network: String
  var nodes: Int?
  var isBatchOpen: Bool
  var inputs: [PackageManifest.TensorDescription]
  var outputs: [PackageManifest.TensorDescription]
  var inputShapeFrom: String?
  var library: String?
  var bytes: Int
  var verification: [PackageManifest.Verification]
  var tables: [VerificationTable]
  var notes: [String]
  var seconds: [String: Double]
  var peakMemory: Int

  init(_ result: ExportResult) {
    outcome = result.outcome.rawValue
    path = result.path
    target = result.target
    precision = result.precision.rawValue
    network = result.network
    nodes = result.nodeCount
    isBatchOpen = result.isBatchOpen
    inputs = result.inputs
    outputs = result.outputs
    inputShapeFrom = result.shapeOrigin
    library = result.library
    bytes = result.byteCount
    verification = result.verification
    tables = result.tables
    notes = result.notes
    seconds = Dictionary(result.times.map { ($0.stage, $0.seconds) }) { $0 + $1 }
    peakMemory = Terminal.peakMemory
  }

  var text: String {
    let total = seconds.values.reduce(0, +)
    var lines: [String] = []
    if outcome == ExportResult.Outcome.upToDate.rawValue {
      lines.append(
        "\(path): up to date (\(network), \(target), \(precision), \(bytes.byteText)), in \(total.fixed(3)) s")
    } else {
      let made = library.map { " with \($0)" } ?? ""
      lines.append("\(path): \(network) in \(precision)\(made), \(bytes.byteText), in \(total.fixed(2)) s")
      let origin = inputShapeFrom.map { "  (size from \($0))" } ?? ""
      lines.append("  in   \(inputs.map(text).joined(separator: ", "))\(origin)")
      lines.append("  out  \(outputs.map(text).joined(separator: ", "))")
      let order = ["hashing", "reading", "passes", "building", "check", "writing"]
      let stages = order.compactMap { stage in seconds[stage].map { "\(stage) \($0.fixed(2))" } }
      lines.append("  \(stages.joined(separator: ", ")) s, peak memory \(peakMemory.byteText)")
    }
    // The tables hold the figures of the first entries.
    lines += verification.dropFirst(tables.count).map { "  \($0.name): \($0.outcome.rawValue): \($0.detail)" }
    lines += tables.map { "  " + $0.text.replacingOccurrences(of: "\n", with: "\n  ") }
    if target == "onnx", verification.isEmpty {
      lines.append("  not verified: run it beside the model by: martlet verify \(path) --against MODEL")
    }
    lines += notes.map { "  note: \($0)" }
    return lines.joined(separator: "\n")
  }

  private func text(_ tensor: PackageManifest.TensorDescription) -> String {
    func shape(_ extents: [Int]) -> String {
      extents.enumerated().map { $0 == 0 && isBatchOpen ? "batch" : "\($1)" }.joined(separator: "×")
    }
    let range =
      tensor.minimum == tensor.maximum
      ? shape(tensor.minimum) : "\(shape(tensor.minimum)) … \(shape(tensor.optimum)) … \(shape(tensor.maximum))"
    return "\(tensor.name): \(tensor.type) \(range)"
  }
}
