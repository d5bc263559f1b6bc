import ArgumentParser
import Diagnostics
import Foundation
import Pipelines

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks that a bundle is what it says, or that an engine computes what its network does.",
    discussion: """
      Examples:
        martlet verify Examples/brain-tissue
        martlet verify brain.engine --verify-scan scan.nii.gz
        martlet verify network.onnx --against Examples/brain-tissue --layer-by-layer

      Of a bundle it checks metadata.json after the bundle specification, each step of the pipeline, that the weights fit
      the network, and that the network takes and gives what the metadata says ('verify_metadata' and 'verify_net_in_out'
      of monai.bundle).

      Of every model it runs the network on the engine, beside a plain run of the graph as it was imported: of the model
      itself, of what a package was made from, or of --against. The exit code is 65 when a check failed.
      """)

  @Argument(
    help: "A bundle's or an engine package's folder, an ONNX file, a program, or a checkpoint with --config-file.")
  var model: String

  @Option(help: "The model that is right. Default: the model itself, or what the package was made from.")
  var against: String?

  @Option(help: "The input's shape, N,C,D,H,W; or the spatial extents alone.")
  var inputShape: String?

  @OptionGroup var verification: VerificationArguments
  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    let opened = try Model(path: model)
    let options = try network.options(inputShape: inputShape)
    let choice = try engine.choice()
    var facts = Facts()
    if case .bundle(let bundle) = opened { facts.bundle = try BundleVerification(bundle, options, choice) }
    if facts.bundle?.passed ?? true {
      facts.numbers = try numbers(opened, options, choice)
    }
    try printing.show(facts, facts.text)
    if !facts.passed { throw ExitCode(Diagnosis.Kind.data.exitCode) }
  }

  private func numbers(_ opened: Model, _ options: NetworkOptions, _ choice: EngineChoice) throws -> ModelVerification?
  {
    // A bundle whose metadata tells no shape is checked as far as it goes.
    do {
      return try ModelVerification(
        opened, against: try against.map { try Model(path: $0) }, options, choice, verification.options)
    } catch ModelError.unknownShape where against == nil && inputShape == nil {
      guard case .bundle = opened else { throw ModelError.unknownShape(network: model, reason: "nothing tells it") }
      return nil
    }
  }

  private struct Facts: Encodable {
    var bundle: BundleVerification?
    var numbers: ModelVerification?

    var passed: Bool { bundle?.passed ?? true && numbers?.passed ?? true }

    var text: String {
      var lines: [String] = []
      if let bundle {
        let width = bundle.checks.map(\.name.count).max() ?? 0
        lines += bundle.checks.map { check in
          let gap = String(repeating: " ", count: 9 + width + 2)
          return check.outcome.rawValue.padded(9) + check.name.padded(width) + "  "
            + check.details.joined(separator: "\n" + gap)
        }
      }
      if let numbers {
        lines += [numbers.remark, numbers.table?.text].compactMap(\.self)
      }
      return lines.joined(separator: "\n")
    }
  }
}
