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
      Run.self, Export.self, Infer.self, Bench.self, Transform.self, Inspect.self, Verify.self, Doctor.self,
      TrtExport.self, OnnxExport.self, Survey.self, Operators.self,
    ])

  static func main() {
    Terminal.occupyClosedDescriptors()
    Interruption.install()
    do {
      var command = try parseAsRoot()
      try command.run()
      end(0)
    } catch let error as any DiagnosedError {
      fail(error.diagnosis)
    } catch let code as ExitCode {
      end(code.rawValue)
    } catch {
      end(error)
    }
  }

  private static func fail(_ diagnosis: Diagnosis) -> Never {
    Terminal.report(diagnosis)
    end(diagnosis.kind.exitCode)
  }

  /// Ends the process at once. A library may still be at work in the background; its clean-up at exit would pull the
  /// ground from under it.
  private static func end(_ code: Int32) -> Never {
    fflush(nil)
    _exit(code)
  }

  /// Ends the process as the argument parser wants it: help and versions to standard output, a wrong usage in the form
  /// of all errors. Every other error should have had a diagnosis.
  private static func end(_ error: any Error) -> Never {
    let message = fullMessage(for: error)
    switch exitCode(for: error) {
    case .success:
      do {
        try Terminal.print(message)
        end(0)
      } catch {
        fail((error as? any DiagnosedError)?.diagnosis ?? DefectError("\(error)").diagnosis)
      }
    case .validationFailure:
      let prefix = "Error: "
      Terminal.printError("error: " + (message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message))
      end(Diagnosis.Kind.usage.exitCode)
    default:
      fail(DefectError("an error without a diagnosis: \(error)").diagnosis)
    }
  }
}
