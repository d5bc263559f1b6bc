import Foundation
import TestSupport
import Testing

/// What goes to standard output and standard error when all is well.
@Suite struct PrintingTests {
  private static let commands = [
    "run BUNDLE --input SCAN --output RESULTS", "export BUNDLE --target onnx --output RESULTS/a.onnx",
    "infer WEIGHTS --config-file NETWORK --inputs ARRAY --output RESULTS",
    "transform BUNDLE --input SCAN --output RESULTS/a.nii.gz", "inspect BUNDLE", "inspect SCAN", "inspect CHECKPOINT",
    "inspect ARRAY", "doctor",
    "onnx_export --config_file BUNDLE/configs/inference.json --meta_file BUNDLE/configs/metadata.json "
      + "--ckpt_file CHECKPOINT --net_id network_def --filepath RESULTS/a.onnx",
  ]

  private static func writes(_ line: String) -> Bool { line.contains("RESULTS") }

  @Test(arguments: commands)
  func aResultGoesToStandardOutput(_ line: String) throws {
    let command = try CommandLineCase(line)
    let result = try command.run()
    #expect(result.code == 0, "\(result.errors)")
    #expect(!result.output.isEmpty && result.output.hasSuffix("\n"))
    #expect(!result.errors.contains("error") && !result.errors.contains("\u{1B}"))
    #expect(command.bundle.results.isEmpty != Self.writes(line))
  }

  @Test(arguments: commands)
  func quietPrintsNothing(_ line: String) throws {
    let command = try CommandLineCase(line + " --quiet")
    let result = try command.run()
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(result.errors.isEmpty)
    #expect(command.bundle.results.isEmpty != Self.writes(line))
  }

  @Test(arguments: commands)
  func jsonIsAllThatIsPrintedWithQuiet(_ line: String) throws {
    let result = try CommandLineCase(line + " --json --quiet").run()
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.isEmpty)
    #expect(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) is [String: Any])
  }

  @Test func theJSONOfARunHasItsFilesLabelsAndFailures() throws {
    let bundle = try BundleCopy()
    _ = try bundle.folder.write("no scan\n", to: "bad.nii")
    let line =
      "run BUNDLE --input SCAN FOLDER/../bad.nii --output RESULTS --reference RESULTS/scan/scan_seg.nii.gz --json"
    #expect(try CommandLineCase("run BUNDLE --input SCAN --output RESULTS", bundle).run().code == 0)
    let result = try CommandLineCase(line, bundle).run()
    #expect(result.code == 65)
    let summary = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let reports = try #require(summary["results"] as? [[String: Any]])
    #expect(reports.count == 1)
    let labels = try #require(reports[0]["labels"] as? [[String: Any]])
    #expect(labels.compactMap { $0["voxels"] as? Int }.reduce(0, +) == 20 * 18 * 22)
    #expect(reports[0]["files"] as? [String] == [bundle.output + "/scan/scan_seg.nii.gz"])
    let comparisons = try #require(reports[0]["comparisons"] as? [[String: Any]])
    #expect(comparisons.map { $0["agreement"] as? Double } == [1])
    let failures = try #require(summary["failures"] as? [[String: Any]])
    #expect((failures.first?["scan"] as? String)?.hasSuffix("bad.nii") == true)
  }

  @Test func theErrorOfAQuietCommandIsStillPrinted() throws {
    try CommandLineCase("run BUNDLE --input FILE --output RESULTS --quiet --json").run().expectRefusal(65, ["file"])
  }

  @Test(arguments: ["run", "export", "infer", "transform", "inspect", "verify", "doctor", "trt_export", "onnx_export"])
  func everyCommandHasHelpWithAnExample(_ command: String) throws {
    for line in ["\(command) --help", "help \(command)"] {
      let result = try CommandLineCase(line).run()
      #expect(result.code == 0 && result.errors.isEmpty)
      #expect(result.output.contains("Example") && result.output.contains("martlet \(command) "))
    }
  }

  @Test func theVersionIsOneLine() throws {
    let result = try CommandLineCase("--version").run()
    #expect(result.code == 0 && result.output.split(separator: "\n").count == 1)
  }
}
