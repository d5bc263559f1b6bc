import Foundation
import Images
import TestSupport
import Testing

/// Many scans in one call: what fails doesn't stop the others, and what is done isn't done again.
@Suite struct ManyScansTests {
  private struct Journal: Decodable {
    struct Entry: Decodable {
      struct Output: Decodable { let path: String }
      struct Label: Decodable { let voxels: Int }
      let scan: String
      let status: String
      let outputs: [Output]
      let labels: [Label]
      let exitCode: Int32?
    }
    let summary: [String: Int]
    let scans: [Entry]
  }

  private func journal(_ bundle: BundleCopy) throws -> Journal {
    try JSONDecoder().decode(Journal.self, from: Data(contentsOf: URL(filePath: bundle.output + "/results.json")))
  }

  private func date(_ bundle: BundleCopy, _ path: String) throws -> Date? {
    try FileManager.default.attributesOfItem(atPath: bundle.output + "/" + path)[.modificationDate] as? Date
  }

  @Test func afterAFullDiskTheFirstScansAreWholeAndResumeGoesOn() throws {
    let bundle = try BundleCopy()
    for name in ["1", "2", "3", "5"] { _ = try bundle.scan(named: "case\(name).nii") }
    _ = try bundle.scan([70, 60, 60], named: "case4.nii")
    let line = "run BUNDLE --input FOLDER/../case*.nii --output RESULTS --set output_ext=.nii"
    let full = try CommandLineCase(line, bundle).run(fileLimit: 200)
    #expect(full.code == 74, "\(full.errors)")
    #expect(full.errors.contains("case4.nii") && full.errors.contains("3 of 5 scans done"), "\(full.errors)")
    #expect(full.errors.contains("1 scan was not done; --resume goes on"))
    let first = ["case1/case1_seg.nii", "case2/case2_seg.nii", "case3/case3_seg.nii"]
    #expect(bundle.results == first + ["results.json"])
    for path in first {
      #expect(try NIfTIImage(path: bundle.output + "/" + path).header.shape == [20, 18, 22])
    }
    #expect(try journal(bundle).summary == ["done": 3, "failed": 1, "notDone": 1, "resumed": 0])
    let dates = try first.map { try date(bundle, $0) }

    let rest = try CommandLineCase(line + " --resume", bundle).run()
    #expect(rest.code == 0, "\(rest.errors)")
    #expect(rest.errors.contains("3 of 5 scans are done already, 2 to do"))
    #expect(rest.output.contains("done before"))
    #expect(bundle.results == first + ["case4/case4_seg.nii", "case5/case5_seg.nii", "results.json"])
    #expect(try first.map { try date(bundle, $0) } == dates)
    let entries = try journal(bundle).scans
    #expect(entries.map(\.status).sorted() == ["done", "done", "resumed", "resumed", "resumed"])
    #expect(entries.allSatisfy { $0.outputs.count == 1 && !$0.labels.isEmpty })
  }

  /// The content decides, not the time.
  @Test func resumeDoesAgainWhatChanged() throws {
    let bundle = try BundleCopy()
    let paths = try ["a.nii", "b.nii", "c.nii"].map { try bundle.scan(named: $0) }
    let line = "run BUNDLE --input FOLDER/../a.nii FOLDER/../b.nii FOLDER/../c.nii --output RESULTS --resume"
    #expect(try CommandLineCase(line, bundle).run().code == 0)
    // The same content with another date; other content; a result that is gone.
    try FileManager.default.setAttributes([.modificationDate: Date.now], ofItemAtPath: paths[0])
    _ = try bundle.scan([22, 18, 20], named: "b.nii")
    try FileManager.default.removeItem(atPath: bundle.output + "/c/c_seg.nii.gz")
    let again = try CommandLineCase(line, bundle).run()
    #expect(again.code == 0)
    #expect(again.errors.contains("1 of 3 scans are done already, 2 to do"), "\(again.errors)")
    #expect(try NIfTIImage(path: bundle.output + "/b/b_seg.nii.gz").header.shape == [22, 18, 20])
    // Another setting concerns all.
    let other = try CommandLineCase(line + " --set inferer#overlap=0.1", bundle).run()
    #expect(other.code == 0 && !other.errors.contains("done already"), "\(other.errors)")
    let all = try CommandLineCase(line + " --set inferer#overlap=0.1", bundle).run()
    #expect(all.code == 0 && all.errors.contains("3 of 3 scans are done already, 0 to do"), "\(all.errors)")
  }

  @Test func aDamagedJournalIsToldOfAndKept() throws {
    let bundle = try BundleCopy()
    let line = "run BUNDLE --input SCAN --output RESULTS --resume"
    #expect(try CommandLineCase(line, bundle).run().code == 0)
    let path = bundle.output + "/results.json"
    let whole = try String(contentsOfFile: path, encoding: .utf8)
    let damaged = String(whole.prefix(whole.count / 2))
    try damaged.write(toFile: path, atomically: false, encoding: .utf8)
    let again = try CommandLineCase(line, bundle).run()
    #expect(again.code == 0)
    #expect(again.errors.contains("so no scan counts as done") && !again.errors.contains("done already"))
    #expect(try String(contentsOfFile: path + ".damaged", encoding: .utf8) == damaged)
    let last = try CommandLineCase(line, bundle).run()
    #expect(last.code == 0 && last.errors.contains("1 of 1 scans are done already"), "\(last.errors)")
  }

  @Test func aScanThatNeedsMoreThanTheMemoryLimitIsRefusedWithTheEstimate() throws {
    let bundle = try BundleCopy()
    let line = "run BUNDLE --input SCAN --output RESULTS --memory-limit "
    let refused = try CommandLineCase(line + "1M", bundle).run()
    refused.expectRefusal(69, ["the scan needs about", "MB in inference", "the limit", "--memory-limit"])
    #expect(!bundle.results.contains { $0.hasSuffix(".nii.gz") })
    #expect(!refused.errors.contains(": preprocessing"))
    #expect(try CommandLineCase(line + "8G", bundle).run().code == 0)
    try CommandLineCase(line + "much", bundle).run().expectRefusal(64, ["--memory-limit", "2G"])
  }

  /// The extents come from the config; what no machine holds must not be multiplied out.
  @Test(arguments: ["1e-6", "1e-9"]) func aSpacingThatNoMemoryHoldsIsRefused(_ spacing: String) throws {
    let line = "run BUNDLE --input SCAN --output RESULTS --set preprocessing#transforms#3#pixdim=[\(spacing)] "
    for limit in ["", "--memory-limit 1G"] {
      try CommandLineCase(line + limit).run().expectRefusal(65, ["Spacingd", "preprocessing#transforms#3"])
    }
  }

  /// The engine gets what the scan leaves of the limit.
  @Test func theLimitIsTheEnginesToo() throws {
    let bundle = try BundleCopy()
    let line = "run BUNDLE --input SCAN --output RESULTS --memory-limit "
    // Too little for the engine's working memory, enough for the program and the scan.
    let refused = try CommandLineCase(line + "48M", bundle).run()
    refused.expectRefusal(69, ["the scan needs about", "the limit"])
    #expect(!bundle.results.contains { $0.hasSuffix(".nii.gz") })
  }

  @Test func aDatalistsBadCasesAreReportedAndTheOthersDone() throws {
    let bundle = try BundleCopy()
    _ = try bundle.scan(named: "good.nii")
    _ = try bundle.scan([12, 10, 8, 3], named: "channels.nii")
    _ = try bundle.folder.write("no scan", to: "damaged.nii")
    let list = """
      {"training": ["never.nii"], "testing": [
        {"image": "good.nii", "label": "missing_label.nii"}, "channels.nii", "damaged.nii", "missing.nii",
        {"picture": "good2.nii"}]}
      """
    _ = try bundle.folder.write(list, to: "list.json")
    let result = try CommandLineCase("run BUNDLE --input FOLDER/../list.json --output RESULTS", bundle).run()
    #expect(result.code == 65)
    for word in ["channels.nii", "3 channels", "damaged.nii", "missing.nii", "no 'image'", "1 of 5 scans done"] {
      #expect(result.errors.contains(word), "\(word): \(result.errors)")
    }
    #expect(result.output.split(separator: "\n").filter { $0.contains("  failed") }.count == 4, "\(result.output)")
    #expect(bundle.results == ["good/good_seg.nii.gz", "results.json"])
    #expect(try journal(bundle).scans.compactMap(\.exitCode).sorted() == [65, 65, 65, 66])
  }

  @Test(arguments: [
    ("run BUNDLE --input FOLDER/../list.json --output RESULTS", 65 as Int32, "--datalist-key"),
    ("run BUNDLE --input FOLDER/../none*.nii --output RESULTS", 66, "none*.nii"),
    ("run BUNDLE --input FOLDER/../x/a.nii FOLDER/../a.nii --output RESULTS", 64, "the same name"),
    ("run BUNDLE --input FOLDER/../list.json --datalist-key none --output RESULTS", 65, "no list 'none'"),
    ("run BUNDLE --input FOLDER/../same.json --output RESULTS", 64, "the same name"),
    ("run BUNDLE --input FOLDER/../table.csv --output RESULTS", 65, "2 cells under 1"),
    ("run BUNDLE --input SCAN --reference FOLDER/../other.nii --output RESULTS", 65, "20×18×22"),
    ("run BUNDLE --input SCAN --reference FOLDER/../other.nii --output RESULTS", 65, "/other.nii\n"),
  ])
  func whatIsWrongWithTheInputsIsSaid(_ line: String, _ code: Int32, _ word: String) throws {
    let bundle = try BundleCopy()
    _ = try bundle.folder.write(#"{"one": ["a.nii"], "two": ["b.nii"]}"#, to: "list.json")
    _ = try bundle.folder.write(#"["x/a.nii", "y/a.nii.gz"]"#, to: "same.json")
    _ = try bundle.folder.write("image\na.nii,b.nii\n", to: "table.csv")
    _ = try bundle.scan([20, 18, 23], named: "other.nii")
    _ = try bundle.scan(named: "a.nii")
    try FileManager.default.createDirectory(atPath: bundle.folder.file("x"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: bundle.folder.file("a.nii"), toPath: bundle.folder.file("x/a.nii"))
    try CommandLineCase(line, bundle).run().expectRefusal(code, [word])
  }

  @Test func progressOutsideATerminalIsLines() throws {
    let bundle = try BundleCopy()
    for name in ["a.nii", "b.nii"] { _ = try bundle.scan(named: name) }
    let line = "run BUNDLE --input FOLDER/../a.nii FOLDER/../b.nii --output RESULTS"
    let errors = try CommandLineCase(line, bundle).run().errors
    for stage in ["preprocessing", "inference", "postprocessing"] {
      #expect(errors.contains("a.nii (1/2): \(stage) ("), "\(errors)")
      #expect(errors.contains("b.nii (2/2): \(stage) ("))
    }
    #expect(!errors.contains("\r") && !errors.contains("\u{1B}"))
    #expect(try CommandLineCase(line + " --quiet", bundle).run().errors.isEmpty)
  }

  // MARK: verify

  @Test func aGoodBundleIsVerified() throws {
    let result = try CommandLineCase("verify BUNDLE").run()
    #expect(result.code == 0, "\(result.output)\(result.errors)")
    let checks = result.output.split(separator: "\n").prefix { !$0.contains(" against ") }
    #expect(checks.count >= 4 && checks.allSatisfy { $0.hasPrefix("passed") }, "\(result.output)")
    #expect(result.output.contains("inputs and outputs") && result.output.contains("on the graph as imported"))
  }

  @Test func everythingWrongWithABundleIsSaidAtOnce() throws {
    let bundle = try BundleCopy()
    let metadata = bundle.path + "/configs/metadata.json"
    let text = try String(contentsOfFile: metadata, encoding: .utf8)
    try text.replacing("\"version\"", with: "\"versio\"").write(toFile: metadata, atomically: true, encoding: .utf8)
    try bundle.replaceInConfig("Orientationd", by: "RandFlipd")
    try bundle.replaceInConfig("SaveImaged", by: "SaveImagd")
    let result = try CommandLineCase("verify BUNDLE", bundle).run()
    #expect(result.code == 65)
    for word in ["'version' is missing", "RandFlipd is a random transform", "SaveImagd", "preprocessing#transforms#"] {
      #expect(result.output.contains(word), "\(word): \(result.output)")
    }
  }

  @Test func inspectShowsEachRefusedStepAndExpression() throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig("Orientationd", by: "RandFlipd")
    try bundle.replaceInConfig(
      "\"imports\"", by: "\"run\": [\"$@evaluator.run()\"], \"listed\": \"$os.listdir('/')\", \"imports\"")
    let result = try CommandLineCase("inspect BUNDLE", bundle).run()
    #expect(result.code == 0, "\(result.errors)")
    for word in ["RandFlipd", "refused: ", "preprocessing#transforms#", "listed", "os.listdir", "Spacingd"] {
      #expect(result.output.contains(word), "\(word): \(result.output)")
    }
  }
}
