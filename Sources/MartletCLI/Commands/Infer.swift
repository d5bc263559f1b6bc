import Archives
import ArgumentParser
import Diagnostics
import Pipelines
import Tensors

struct Infer: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs the bare network on arrays.",
    discussion: """
      Example:
        martlet infer Examples/brain-tissue --inputs x.npy --output results --reference y.npy
      """)

  @Argument(help: "A bundle's folder, or a checkpoint together with --config-file.")
  var model: String

  @Option(help: "The inputs in their order, .npy files of [N, C, D, H, W], with commas between them.")
  var inputs: String

  @Option(name: .shortAndLong, help: "The folder for output_0.npy …")
  var output: String

  @Option(help: "References in the order of the outputs, with commas between them.")
  var reference: String?

  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    try OptionError.requireFolder(output)
    let tensors = try Self.paths(inputs).map { try Npy.read(path: $0) }
    let run = try NetworkRun(try Model(path: model), try network.options(), try engine.choice(), inputs: tensors)
    let comparisons = try reference.map { try compare(run, Self.paths($0)) } ?? []
    let files = try run.write(to: output)
    let facts = Facts(run, files, comparisons)
    try printing.show(facts, facts.text)
  }

  private static func paths(_ list: String) -> [String] { list.split(separator: ",").map(String.init) }

  private func compare(_ run: NetworkRun, _ references: [String]) throws -> [OutputComparison] {
    guard references.count == run.outputs.count else {
      throw NetworkRunError.wrongReferenceCount(found: references.count, outputs: run.outputs.map(\.name))
    }
    return try zip(run.outputs, references).map { output, path in
      try OutputComparison(name: output.name, output.tensor, try Npy.read(path: path))
    }
  }

  private struct Facts: Encodable {
    struct Output: Encodable {
      var name: String
      var file: String
      var shape: [Int]
      var comparison: OutputComparison?
    }

    var outputs: [Output]
    var engine: [String: String]
    var seconds: [String: Double]

    init(_ run: NetworkRun, _ files: [String], _ comparisons: [OutputComparison]) {
      outputs = zip(run.outputs, files).enumerated().map { index, pair in
        Output(
          name: pair.0.name, file: pair.1, shape: pair.0.tensor.shape.dimensions,
          comparison: index < comparisons.count ? comparisons[index] : nil)
      }
      engine = Dictionary(run.engine.map { ($0.name, $0.value) }) { first, _ in first }
      seconds = Dictionary(uniqueKeysWithValues: run.times.map { ($0.stage, $0.seconds) })
    }

    var text: String {
      var lines = outputs.map { output -> String in
        var line = "\(output.name)  \(output.shape.map(String.init).joined(separator: "×"))  \(output.file)"
        if let comparison = output.comparison {
          line += "\n  max abs error \(comparison.maximalError.short), relative \(comparison.relativeError.short)"
          if let agreement = comparison.argmaxAgreement { line += ", argmax equal in \(agreement.percent)" }
        }
        return line
      }
      let times = seconds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.fixed(3)) s" }
      lines.append("\(engine["engine"] ?? ""): \(times.joined(separator: ", "))")
      return lines.joined(separator: "\n")
    }
  }
}
