import ArgumentParser
import Diagnostics
import Pipelines

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Checks that a bundle is what it says, and that it can be run.",
    discussion: """
      Example:
        martlet verify Examples/brain-tissue

      It checks metadata.json after the bundle specification, each step of the pipeline, that the weights fit the
      network, and that the network takes and gives what the metadata says ('verify_metadata' and 'verify_net_in_out' of
      monai.bundle). The exit code is 65 when a check failed.
      """)

  @Argument(help: "The bundle's folder.")
  var bundle: String

  @OptionGroup var network: NetworkArguments
  @OptionGroup var engine: EngineArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    let model = try Model(path: bundle)
    guard case .bundle(let opened) = model else { throw ModelError.notABundle(kind: model.kind, path: bundle) }
    let verification = try BundleVerification(opened, try network.options(), try engine.choice())
    try printing.show(verification, text(verification))
    if !verification.passed { throw ExitCode(Diagnosis.Kind.data.exitCode) }
  }

  private func text(_ verification: BundleVerification) -> String {
    let width = verification.checks.map(\.name.count).max() ?? 0
    return verification.checks.map { check in
      let gap = String(repeating: " ", count: 9 + width + 2)
      return check.outcome.rawValue.padded(9) + check.name.padded(width) + "  "
        + check.details.joined(separator: "\n" + gap)
    }.joined(separator: "\n")
  }
}
