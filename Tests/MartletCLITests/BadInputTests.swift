import Foundation
import TestSupport
import Testing

/// Damaged and hostile inputs of `martlet run`: exit code 65, one clear error, and no file.
@Suite struct BadInputTests {
  private func expectRefusal(
    _ bundle: BundleCopy, scan: String? = nil, set override: String? = nil, _ words: String...,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let scan = try scan ?? bundle.scan()
    let set = override.map { ["--set", $0] } ?? []
    let process = try MartletProcess(["run", bundle.path, "--input", scan, "--output", bundle.output] + set)
    try process.wait().expectRefusal(65, words, location)
    #expect(bundle.results.isEmpty && process.files.isEmpty, sourceLocation: location)
  }

  // MARK: The bundle

  @Test func notABundle() throws {
    let bundle = try BundleCopy()
    try FileManager.default.removeItem(atPath: bundle.path + "/configs")
    try expectRefusal(bundle, "not a MONAI bundle", "configs")
  }

  @Test func aConfigThatIsNeitherJSONNorYAML() throws {
    let bundle = try BundleCopy()
    try Data("[[[ {{ :".utf8).write(to: URL(filePath: bundle.configPath))
    try expectRefusal(bundle, "not valid JSON", "inference.json")
    try FileManager.default.moveItem(atPath: bundle.configPath, toPath: bundle.path + "/configs/inference.yaml")
    try expectRefusal(bundle, "not valid YAML", "inference.yaml")
  }

  @Test(arguments: ["network_def", "inferer", "preprocessing#transforms#4", "postprocessing#transforms#1"])
  func anUnknownTarget(_ place: String) throws {
    try expectRefusal(try BundleCopy(), set: "\(place)#_target_=Nonesuch", place, "Nonesuch")
  }

  @Test func anExpressionOutsideTheSubsetIsNotExecuted() throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig(
      "\"norm\": \"batch\"", by: "\"norm\": \"$__import__('os').system('touch martlet-was-here')\"")
    try expectRefusal(bundle, "network_def#norm")
  }

  // MARK: The checkpoint

  @Test func aTruncatedCheckpoint() throws {
    let bundle = try BundleCopy()
    let whole = try Data(contentsOf: URL(filePath: bundle.checkpointPath))
    try whole.prefix(whole.count / 2).write(to: URL(filePath: bundle.checkpointPath))
    try expectRefusal(bundle, "model.pt")
  }

  /// Unpickled by PyTorch without its protection it runs `touch martlet-was-here`; the process's folder is empty after it.
  @Test func aCheckpointThatWouldRunACommandDoesNotRunIt() throws {
    let bundle = try BundleCopy()
    try FileManager.default.removeItem(atPath: bundle.checkpointPath)
    try FileManager.default.copyItem(atPath: Corpus.path("checkpoints/attack.pt"), toPath: bundle.checkpointPath)
    try expectRefusal(bundle, "posix.system", "not executed")
  }

  @Test func aCheckpointWhoseShapesDoNotFit() throws {
    try expectRefusal(try BundleCopy(), set: "network_def#out_channels=5", "of another shape", "model.pt")
  }

  // MARK: The scan

  @Test(arguments: ["scan.nii", "scan.nii.gz"])
  func aTruncatedScan(_ name: String) throws {
    let bundle = try BundleCopy()
    let whole = try Data(contentsOf: URL(filePath: try bundle.scan(named: name)))
    let path = try bundle.folder.write([UInt8](whole.prefix(whole.count / 2)), to: "cut-" + name)
    try expectRefusal(bundle, scan: path, "cut-" + name)
  }

  /// Byte 280 is the first number of the sform.
  @Test func aScanWithNaNInItsAffine() throws {
    let bundle = try BundleCopy()
    let bytes = withUnsafeBytes(of: Float.nan.bitPattern.littleEndian) { Array($0) }
    try expectRefusal(bundle, scan: try bundle.scan(patched: bytes, at: 280), "sform", "isn't finite")
  }

  @Test func aScanOfFourAxesWhereThreeAreNeeded() throws {
    let bundle = try BundleCopy()
    try expectRefusal(bundle, scan: try bundle.scan([12, 10, 8, 3]), "3 channels", "scan.nii", "expected: 1", "alone")
  }

  /// Byte 42 is the first extent.
  @Test func aScanOfZeroSize() throws {
    let bundle = try BundleCopy()
    try expectRefusal(bundle, scan: try bundle.scan(patched: [0, 0], at: 42), "no voxels")
  }
}
