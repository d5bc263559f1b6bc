import ArgumentParser
import Engines
import Foundation

struct StagesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stages",
    abstract: "Times each stage on the demo's bundle and a synthetic volume.",
    discussion: """
      Example, in the repository's folder:
        martlet-benchmarks --repeats 5 --filter Spacingd
      """)

  @Option(help: "Runs of each stage that are counted; one more before them isn't.")
  var repeats = 7

  @Option(help: "Only stages whose name contains this.")
  var filter: String?

  @Option(help: "The extents of the synthetic volume.")
  var extents = "256,256,120"

  @Option(help: "The bundle.")
  var bundle = "Examples/brain-tissue"

  @Option(help: "A scan for the bundle.")
  var scan = "Examples/data/t1_sample.nii.gz"

  @Flag(help: "Print the times as JSON.")
  var json = false

  func run() throws {
    let sizes = extents.split(separator: ",").compactMap { Int($0) }
    guard repeats > 0 else { throw ValidationError("--repeats must be at least 1") }
    guard sizes.count == 3, sizes.allSatisfy({ 1...2048 ~= $0 }) else {
      throw ValidationError("--extents is '\(extents)', expected three numbers such as 256,256,120")
    }
    let workload = try Workload(bundle: bundle, scan: scan, extents: sizes)
    defer { workload.remove() }
    let benchmarks =
      try ReadingBenchmarks.all(workload) + TransformBenchmarks.all(workload) + WindowBenchmarks.all(workload)
      + ConversionBenchmarks.all(workload) + EngineBenchmarks.all(workload)
    let chosen = benchmarks.filter { benchmark in filter.map { benchmark.name.contains($0) } ?? true }
    guard !chosen.isEmpty else { throw ValidationError("no stage's name contains '\(filter ?? "")'") }
    if !json { print("\(sizes.map(String.init).joined(separator: " × ")) voxels, \(EngineOptions.usableCores) cores") }
    let measurements = try chosen.map { benchmark in
      let measurement = try benchmark.measure(repeats: repeats)
      if !json { print(line(measurement)) }
      return measurement
    }
    if json { try printJSON(Report(extents: sizes, cores: EngineOptions.usableCores, stages: measurements)) }
  }

  private struct Report: Encodable {
    let extents: [Int]
    let cores: Int
    let stages: [Measurement]
  }

  private func line(_ measurement: Measurement) -> String {
    func milliseconds(_ seconds: Double) -> String { String(format: "%9.2f", seconds * 1000) }
    let name = measurement.name.padding(toLength: 58, withPad: " ", startingAt: 0)
    let range = "\(milliseconds(measurement.fastest)) …\(milliseconds(measurement.slowest))"
    let throughput = String(format: "%9.1f", measurement.throughput)
    return "\(name)\(milliseconds(measurement.median)) ms  (\(range))  \(throughput) \(measurement.unit)/s"
  }
}

/// Prints facts on one line.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}
