import Foundation
import Images
import Tensors
import TestSupport
import Testing

/// Ctrl-C, `kill` and `kill -9` in the middle of the work leave whole outputs or none.
@Suite struct InterruptionTests {
  private func start(_ bundle: BundleCopy, _ scan: String) throws -> MartletProcess {
    // So many windows that the inference takes seconds.
    try MartletProcess(
      ["run", bundle.path, "--input", scan, "--output", bundle.output, "--set", "inferer#overlap=0.9"])
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aRunThatIsInterruptedEndsWith130AndLeavesNothing(_ signal: Int32) throws {
    let bundle = try BundleCopy()
    let process = try start(bundle, try bundle.scan([120, 120, 120]))
    try #require(try process.isReached { process.errors.contains("inference") })
    process.send(signal)
    let result = try process.wait()
    result.expectRefusal(130, ["interrupted"])
    #expect(bundle.results.isEmpty)
  }

  /// The moments are those of the progress lines; the last one may come too late to stop anything.
  @Test(arguments: ["preprocessing", "postprocessing"])
  func anInterruptionAtAnyStageLeavesAWholeFileOrNone(_ stage: String) throws {
    let bundle = try BundleCopy()
    let scan = try bundle.scan([120, 120, 60])
    let process = try MartletProcess(["run", bundle.path, "--input", scan, "--output", bundle.output])
    try #require(try process.isReached { process.errors.contains(stage) })
    process.send(SIGINT)
    let result = try process.wait()
    guard result.code == 0 else {
      result.expectRefusal(130, ["interrupted"])
      #expect(bundle.results.isEmpty)
      return
    }
    #expect(bundle.results == ["results.json", "scan/scan_seg.nii.gz"])
    #expect(try NIfTIImage(path: bundle.output + "/scan/scan_seg.nii.gz").header.shape == [120, 120, 60])
  }

  /// Splines take seconds for a channel.
  @Test func splinesAreInterruptedWithinAChannel() throws {
    let bundle = try BundleCopy()
    let config = bundle.folder.file("splines.json")
    let load = #"{"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": true}"#
    let space = #"{"_target_": "Spacingd", "keys": "image", "pixdim": 0.3, "mode": 5}"#
    try #"{"preprocessing": {"_target_": "Compose", "transforms": [\#(load), \#(space)]}}"#
      .write(toFile: config, atomically: true, encoding: .utf8)
    let process = try MartletProcess([
      "transform", config, "--input", try bundle.scan([120, 120, 120]), "--output", bundle.output + "/spaced.nii",
    ])
    try #require(try process.isReached { process.errors.contains("preprocessing") })
    // The sampling has begun: all of it would take several times as long.
    usleep(1_500_000)
    let begin = Date.now
    process.send(SIGINT)
    let result = try process.wait()
    result.expectRefusal(130, ["interrupted"])
    #expect(Date.now.timeIntervalSince(begin) < 2.5)
    #expect(bundle.results.isEmpty)
  }

  /// Those that are done stay, and both the user and the journal know of the rest.
  @Test func anInterruptedRunTellsWhatIsLeft() throws {
    let bundle = try BundleCopy()
    let scans = [
      try bundle.scan(named: "a.nii"), try bundle.scan([120, 120, 120], named: "b.nii"),
      try bundle.scan(named: "c.nii"),
    ]
    let process = try MartletProcess(
      ["run", bundle.path, "--input"] + scans + ["--output", bundle.output, "--set", "inferer#overlap=0.9"])
    // What is told of the first one is told while the network is at work on the second.
    try #require(try process.isReached { process.output.contains("a_seg.nii.gz") })
    process.send(SIGINT)
    let result = try process.wait()
    #expect(result.code == 130)
    #expect(result.errors.contains("2 scans were not done; --resume goes on") && result.errors.contains("interrupted"))
    #expect(bundle.results == ["a/a_seg.nii.gz", "results.json"])
    let journal = try String(contentsOfFile: bundle.output + "/results.json", encoding: .utf8)
    #expect(journal.contains("\"notDone\" : 2") && journal.contains("\"done\" : 1"), "\(journal)")
  }

  /// A scan that was stopped while it was written isn't told of as one that failed.
  @Test func anInterruptedScanDidNotFail() throws {
    let bundle = try BundleCopy()
    let scans = [try bundle.scan([120, 120, 100], named: "a.nii"), try bundle.scan(named: "b.nii")]
    let process = try MartletProcess(["run", bundle.path, "--input"] + scans + ["--output", bundle.output])
    try #require(try process.isReached { process.errors.contains("a.nii (1/2): postprocessing") })
    process.send(SIGINT)
    let result = try process.wait()
    if result.code != 0 {
      #expect(result.code == 130 && !result.errors.contains("0 of 2 scans done"), "\(result.errors)")
    }
    let journal = FileManager.default.contents(atPath: bundle.output + "/results.json")
    #expect(!String(decoding: journal ?? Data(), as: UTF8.self).contains("\"failed\" : 1"))
  }

  @Test func aSecondInterruptionEndsAtOnce() throws {
    let bundle = try BundleCopy()
    let process = try start(bundle, try bundle.scan([120, 120, 120]))
    try #require(try process.isReached { process.errors.contains("inference") })
    process.send(SIGINT)
    process.send(SIGTERM)
    let result = try process.wait()
    #expect(result.code == 130 && !result.wasKilled)
    #expect(bundle.results.isEmpty)
  }

  /// Kills the process as soon as the unfinished file is there, and then at some later moments.
  @Test(arguments: [0, 1, 3, 10, 30])
  func aKilledProcessLeavesTheOldFileOrTheWholeNewOne(_ milliseconds: UInt32) throws {
    let bundle = try BundleCopy()
    let scan = try bundle.scan([160, 160, 120])
    let path = bundle.output + "/seen.nii"
    let arguments = ["transform", bundle.path, "--input", scan, "--output", path]
    let old = Data("old".utf8)
    try FileManager.default.createDirectory(atPath: bundle.output, withIntermediateDirectories: true)
    try old.write(to: URL(filePath: path))

    let process = try MartletProcess(arguments)
    try #require(try process.isReached(pause: 0) { bundle.results.count > 1 || bundle.isReplaced(path, old) })
    usleep(milliseconds * 1000)
    process.send(SIGKILL)
    let result = try process.wait()
    #expect(result.wasKilled || result.code == 0)
    if bundle.isReplaced(path, old) {
      #expect(try NIfTIImage(path: path).header.shape == [160, 160, 120])
      #expect(try NIfTIImage(path: path).raw.count == 160 * 160 * 120)
    }
    #expect(try MartletProcess.run(arguments).code == 0)
    #expect(try NIfTIImage(path: path).raw.count == 160 * 160 * 120)
  }

  @Test(arguments: [0, 2, 20, 60])
  func aKilledExportLeavesTheOldPackageOrTheWholeNewOne(_ milliseconds: UInt32) throws {
    let bundle = try BundleCopy()
    let path = bundle.output + "/brain.engine"
    let arguments = ["export", bundle.path, "--target", "openvino", "--output", path]
    #expect(try MartletProcess.run(arguments).code == 0)

    let process = try MartletProcess(arguments + ["--force", "--keep-onnx"])
    try #require(try process.isReached(pause: 0) { bundle.hasUnfinishedFolder })
    usleep(milliseconds * 1000)
    process.send(SIGKILL)
    _ = try process.wait()
    let run = ["run", path, "--input", try bundle.scan(), "--output", bundle.folder.file("segmented")]
    #expect(try MartletProcess.run(run).code == 0)
    // The next export removes what the killed one left.
    #expect(try MartletProcess.run(arguments + ["--force"]).code == 0)
    #expect(!bundle.hasUnfinishedFolder)
  }
}

extension BundleCopy {
  fileprivate func isReplaced(_ path: String, _ old: Data) -> Bool {
    FileManager.default.contents(atPath: path).map { $0 != old } ?? true
  }

  fileprivate var hasUnfinishedFolder: Bool {
    (try? FileManager.default.contentsOfDirectory(atPath: output))?.contains { $0.hasSuffix(".partial") } ?? false
  }
}
