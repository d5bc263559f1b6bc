import Foundation
import TestSupport
import Testing

/// Every kind of failure has its exit code, after sysexits, and is one paragraph on standard error.
@Suite struct ExitCodeTests {
  @Test(arguments: [
    "bogus", "run", "run BUNDLE", "run BUNDLE --input SCAN --output RESULTS --bogus",
    "run BUNDLE --input SCAN --output RESULTS --set nothing",
    "run BUNDLE --input SCAN --output RESULTS --device potato",
    "run BUNDLE --input SCAN --output RESULTS --threads many", "run BUNDLE --input SCAN --output RESULTS --threads 0",
    "run BUNDLE --input SCAN --output RESULTS --runtime abacus", "run BUNDLE --input SCAN --output=",
    "run CHECKPOINT --input SCAN --output RESULTS", "run BUNDLE --input SCAN FOLDER/../scan.nii --output RESULTS",
    "infer CHECKPOINT --inputs ARRAY --output RESULTS",
    "infer WEIGHTS --config-file NETWORK --inputs ARRAY --output RESULTS --reference ARRAY,ARRAY",
    "export BUNDLE --target potato --output RESULTS", "export BUNDLE --target onnx --precision fp7 --output RESULTS",
    "export BUNDLE --target onnx --input-shape 1,x --output RESULTS",
    "export BUNDLE --target onnx --workspace 2G --output RESULTS",
    "transform BUNDLE --input SCAN --output RESULTS/a.png",
    "inspect", "doctor --require potato", "trt_export", "onnx_export --filepath RESULTS/a.onnx",
  ])
  func aWrongUsageIs64(_ line: String) throws {
    let command = try CommandLineCase(line)
    try command.run().expectRefusal(64, [])
    #expect(command.bundle.results.isEmpty)
  }

  @Test(arguments: [
    ("run FOLDER/none --input SCAN --output RESULTS", "none"),
    ("run BUNDLE --input FOLDER/none.nii --output RESULTS", "none.nii"),
    ("run BUNDLE --input FOLDER/*.nii --output RESULTS", "no scan was found"),
    ("run BUNDLE --input FOLDER --output RESULTS", "no scan was found"),
    ("run BUNDLE --input SCAN --output RESULTS --config-file FOLDER/none.json", "none.json"),
    ("run BUNDLE --input SCAN --output RESULTS --ckpt-file FOLDER/none.pt", "none.pt"),
    ("run BUNDLE --input SCAN --output RESULTS --reference FOLDER/none.nii", "none.nii"),
    ("infer WEIGHTS --config-file NETWORK --inputs FOLDER/none.npy --output RESULTS", "none.npy"),
    ("infer WEIGHTS --config-file NETWORK --inputs ARRAY --output RESULTS --reference FOLDER/none.npy", "none.npy"),
    ("export FOLDER/none --target onnx --output RESULTS/a.onnx", "none"),
    ("transform BUNDLE --input FOLDER/none.nii --output RESULTS/a.nii", "none.nii"),
    ("inspect FOLDER/none", "none"),
    ("onnx_export --config_file FOLDER/none.json --filepath RESULTS/a.onnx --ckpt_file CHECKPOINT", "none.json"),
  ])
  func anInputThatCantBeOpenedIs66(_ line: String, _ word: String) throws {
    let command = try CommandLineCase(line)
    try command.run().expectRefusal(66, [word])
    #expect(command.bundle.results.isEmpty)
  }

  @Test(arguments: [
    "run BUNDLE --input SCAN --output RESULTS --engine-library FOLDER",
    "infer WEIGHTS --config-file NETWORK --inputs ARRAY --output RESULTS --engine-library FOLDER",
    "export BUNDLE --target openvino --output RESULTS --engine-library FOLDER",
    "run BUNDLE --input SCAN --output RESULTS --engine-library FILE",
  ])
  func aMissingLibraryIs69AndNamesTheCommandThatFetchesIt(_ line: String) throws {
    let command = try CommandLineCase(line)
    try command.run().expectRefusal(69, ["OpenVINO", "make runtimes"])
    #expect(command.bundle.results.isEmpty)
  }

  @Test func aRequirementThatIsNotMetIs69() throws {
    let result = try CommandLineCase("doctor --require openvino --engine-library FOLDER").run()
    #expect(result.code == 69)
    #expect(result.output.contains("make runtimes"))
  }

  @Test(arguments: [
    "run BUNDLE --input SCAN --output FILE", "run BUNDLE --input SCAN --output FILE/below",
    "run BUNDLE --input SCAN --output /proc/results", "run BUNDLE --input SCAN --output RESULTS --picture FILE/a.png",
    "infer WEIGHTS --config-file NETWORK --inputs ARRAY --output FILE/below",
    "export BUNDLE --target onnx --output FILE/a.onnx", "export BUNDLE --target onnx --output FOLDER",
    "export BUNDLE --target openvino --output FILE/a.engine", "export BUNDLE --target openvino --output FILE",
    "transform BUNDLE --input SCAN --output FILE/a.nii.gz", "transform BUNDLE --input SCAN --output /proc/a.npy",
  ])
  func anOutputThatCantBeCreatedIs73(_ line: String) throws {
    let command = try CommandLineCase(line)
    try command.run().expectRefusal(73, ["hint: "])
    #expect(command.bundle.results.isEmpty)
    #expect(BundleCopy.files(in: command.bundle.folder.file("empty")).isEmpty)
    #expect(try String(contentsOfFile: command.bundle.folder.file("file"), encoding: .utf8) == "text\n")
  }

  /// The writing fails after 1 KiB.
  @Test(arguments: [
    "run BUNDLE --input SCAN --output RESULTS --set output_ext=.nii",
    "infer WEIGHTS --config-file NETWORK --inputs ARRAY --output RESULTS",
    "export BUNDLE --target onnx --output RESULTS/a.onnx", "export BUNDLE --target openvino --output RESULTS/a.engine",
    "transform BUNDLE --input SCAN --output RESULTS/a.nii.gz", "transform BUNDLE --input SCAN --output RESULTS/a.npy",
  ])
  func aFullDiskIs74AndLeavesNothing(_ line: String) throws {
    let command = try CommandLineCase(line)
    try command.run(fileLimit: 2).expectRefusal(74, ["writing failed", "free space"])
    #expect(command.bundle.results.isEmpty)
    #expect(try command.run().code == 0)
    #expect(!command.bundle.results.isEmpty)
  }

  @Test func aPictureForWhichThereIsNoSpaceIs74AndLeavesTheSegmentation() throws {
    let command = try CommandLineCase("run BUNDLE --input SCAN --output RESULTS --picture RESULTS/a.png")
    try command.run(fileLimit: 8).expectRefusal(74, ["a.png"])
    #expect(command.bundle.results == ["scan/scan_seg.nii.gz"])
  }

  @Test func aFullDiskLeavesAnOlderFileAsItWas() throws {
    let command = try CommandLineCase("export BUNDLE --target onnx --output FILE")
    try command.run(fileLimit: 2).expectRefusal(74, ["writing failed"])
    #expect(try String(contentsOfFile: command.bundle.folder.file("file"), encoding: .utf8) == "text\n")
  }

  @Test(arguments: [
    "inspect BUNDLE", "inspect BUNDLE --json", "inspect BUNDLE --graph", "doctor", "run --help", "--version",
  ])
  func aResultThatCantBePrintedIs74(_ line: String) throws {
    try CommandLineCase(line).run(redirection: ">/dev/full").expectRefusal(74, ["standard output"])
    try CommandLineCase(line).run(redirection: ">&-").expectRefusal(74, ["standard output"])
  }

  @Test(arguments: ["2>/dev/full", "2>&-", ">&- 2>&- <&-"])
  func anErrorThatCantBePrintedKeepsItsCode(_ redirection: String) throws {
    let result = try CommandLineCase("run FOLDER/none --input SCAN --output RESULTS").run(redirection: redirection)
    #expect(result.code == 66 && !result.wasKilled)
  }

  @Test func outputsDoNotTakeThePlaceOfClosedDescriptors() throws {
    let command = try CommandLineCase("transform BUNDLE --input SCAN --output RESULTS/a.nii")
    #expect(try command.run().code == 0)
    let whole = try Data(contentsOf: URL(filePath: command.bundle.output + "/a.nii"))
    #expect(try command.run(redirection: ">&- 2>&- <&-").code == 74)
    #expect(try Data(contentsOf: URL(filePath: command.bundle.output + "/a.nii")) == whole)
  }

  // MARK: Several scans

  @Test func theScansAfterABadOneAreStillDone() throws {
    let bundle = try BundleCopy()
    _ = try bundle.folder.write("no scan\n", to: "bad.nii")
    _ = try bundle.scan(named: "good.nii")
    let result = try CommandLineCase("run BUNDLE --input FOLDER/../bad.nii FOLDER/../good.nii --output RESULTS", bundle)
      .run()
    #expect(result.code == 65)
    #expect(result.errors.contains("bad.nii") && result.errors.contains("1 of 2 scans done"))
    #expect(bundle.results == ["good/good_seg.nii.gz", "results.json"])
  }

  @Test func failuresOfOneKindKeepTheirCode() throws {
    let bundle = try BundleCopy()
    _ = try bundle.scan(named: "one.nii")
    _ = try bundle.scan(named: "two.nii")
    let line = "run BUNDLE --input FOLDER/../one.nii FOLDER/../two.nii --output RESULTS --set output_ext=.nii"
    let result = try CommandLineCase(line, bundle).run(fileLimit: 2)
    #expect(result.code == 74)
    #expect(result.errors.contains("0 of 2 scans done"))
    // Nothing can be written for the second one either.
    #expect(result.errors.contains("1 scan was not done"))
    #expect(bundle.results.filter { $0 != "results.json" }.isEmpty)
  }
}
