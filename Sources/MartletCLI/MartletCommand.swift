import ArgumentParser
import Diagnostics
import Foundation

@main
struct MartletCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Medical-imaging networks as optimised engines, run on scans, without Python.",
    discussion: """
      Example:
        martlet run Examples/brain-tissue --input scan.nii.gz --output results
      """,
    version: "0.1.0",
    subcommands: [
      Run.self, Export.self, Infer.self, Transform.self, Inspect.self, Doctor.self, TrtExport.self, OnnxExport.self,
    ])

  static func main() {
    Interruption.install()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as any DiagnosedError {
      Terminal.report(error.diagnosis)
      // A library may still be at work in the background; its clean-up at exit would pull the ground from under it.
      if error.diagnosis.kind == .interrupted { Interruption.exit() }
      Foundation.exit(error.diagnosis.kind.exitCode)
    } catch {
      end(error)
    }
  }

  /// Ends the process as the argument parser wants it: help and versions to standard output, a wrong usage in the form
  /// of all errors.
  private static func end(_ error: any Error) -> Never {
    guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
    let message = fullMessage(for: error)
    let prefix = "Error: "
    Terminal.printError("error: " + (message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message))
    Foundation.exit(Diagnosis.Kind.usage.exitCode)
  }
}
