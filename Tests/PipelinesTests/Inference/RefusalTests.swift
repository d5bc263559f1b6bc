import Bundles
import Diagnostics
import Foundation
import Pipelines
import TestSupport
import Testing

/// What can't be done is one clear error of the right kind, and leaves the output folder without a file.
@Suite struct RefusalTests {
  /// Runs the whole way from the bundle's folder to the result of one scan.
  private func refusal(
    _ bundle: BundleCopy, scan: String? = nil, set override: String? = nil,
    _ choice: EngineChoice = EngineChoice()
  ) throws -> Diagnosis? {
    let refusal = try diagnose {
      var options = NetworkOptions()
      if let override { options.overrides = [try ConfigOverride(parsing: override)] }
      guard case .bundle(let opened) = try Model(path: bundle.path) else { return }
      let pipeline = try BundlePipeline(opened, options, choice, outputFolder: bundle.output)
      _ = try pipeline.run(try scan ?? bundle.scan())
    }
    #expect(bundle.results.isEmpty)
    return refusal
  }

  private func expect(
    _ found: Diagnosis?, _ kind: Diagnosis.Kind, _ words: String..., location: SourceLocation = #_sourceLocation
  ) {
    #expect(found?.kind == kind, sourceLocation: location)
    for word in words {
      #expect(found?.description.contains(word) == true, "\(found?.description ?? "nothing")", sourceLocation: location)
    }
  }

  // MARK: The bundle

  @Test func aFolderThatIsNoBundle() throws {
    let bundle = try BundleCopy()
    try FileManager.default.removeItem(atPath: bundle.path + "/configs")
    expect(try refusal(bundle), .data, "not a MONAI bundle", bundle.path)
  }

  @Test func aConfigThatIsNotJSON() throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig("\"bundle_root\": \".\",", by: "\"bundle_root\": oops,")
    expect(try refusal(bundle), .data, "not valid JSON", "inference.json", "line 6")
  }

  @Test func aConfigThatIsNotYAML() throws {
    let bundle = try BundleCopy()
    try FileManager.default.removeItem(atPath: bundle.configPath)
    try Data("a: [1, 2\nb: }".utf8).write(to: URL(filePath: bundle.path + "/configs/inference.yaml"))
    expect(try refusal(bundle), .data, "not valid YAML", "inference.yaml")
  }

  @Test(arguments: [
    ("network_def#_target_=SegFormer9", "network_def", "SegFormer9"),
    ("network_def#_target_=os.system", "network_def", "os.system"),
    ("inferer#_target_=MagicInferer", "inferer", "MagicInferer"),
    ("preprocessing#transforms#4#_target_=Blurrd", "preprocessing#transforms#4", "Blurrd"),
    ("postprocessing#transforms#0#_target_=subprocess.Popen", "postprocessing#transforms#0", "subprocess.Popen"),
  ])
  func anUnknownTarget(_ override: String, _ place: String, _ name: String) throws {
    expect(try refusal(try BundleCopy(), set: override), .data, place, name, "expected")
  }

  @Test(arguments: [
    "__import__('os').system('touch /tmp/never')", "open('/etc/passwd').read()", "[x for x in ().__class__.__mro__]",
    "lambda: 1", "exec('1')", "2 ** 10 ** 10",
  ])
  func anExpressionOutsideTheSubset(_ expression: String) throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig("\"norm\": \"batch\"", by: "\"norm\": \"$\(expression)\"")
    expect(try refusal(bundle), .data, "network_def#norm")
  }

  @Test func argumentsThatTheNetworkDoesNotHave() throws {
    expect(
      try refusal(try BundleCopy(), set: "network_def#chanels=[8, 16]"), .data, "chanels", "network_def")
  }

  // MARK: The checkpoint

  @Test(arguments: [0, 1, 30, 5000, 200_000])
  func aTruncatedCheckpoint(_ length: Int) throws {
    let bundle = try BundleCopy()
    let whole = try Data(contentsOf: URL(filePath: bundle.checkpointPath))
    try whole.prefix(length).write(to: URL(filePath: bundle.checkpointPath))
    expect(try refusal(bundle), .data, "model.pt")
  }

  @Test func aCheckpointThatWouldRunACommand() throws {
    let bundle = try BundleCopy()
    try replaceCheckpoint(of: bundle, by: "attack.pt")
    expect(try refusal(bundle), .data, "posix.system", "not executed", "data.pkl")
  }

  @Test func aCheckpointOfAnotherNetworkNamesAllThatDoesNotFit() throws {
    let bundle = try BundleCopy()
    try replaceCheckpoint(of: bundle, by: "data_parallel.pt")
    expect(try refusal(bundle), .data, "missing", "unexpected", "model.pt")
  }

  @Test func weightsOfAnotherShape() throws {
    expect(
      try refusal(try BundleCopy(), set: "network_def#channels=[8, 16, 32, 48]"), .data, "of another shape",
      "conv.weight")
  }

  @Test func missingKeys() throws {
    expect(
      try refusal(try BundleCopy(), set: "network_def#num_res_units=2"), .data, "missing", "unit1.conv.weight")
  }

  @Test func aBundleWithoutItsCheckpoint() throws {
    let bundle = try BundleCopy()
    try FileManager.default.removeItem(atPath: bundle.checkpointPath)
    // Its network as a program would do as well.
    try FileManager.default.removeItem(atPath: bundle.path + "/models/model.ts")
    expect(try refusal(bundle), .noInput, "no checkpoint", "model.pt")
  }

  @Test func aCheckpointOutsideTheBundle() throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig("'/models/model.pt'", by: "'/../../model.pt'")
    expect(try refusal(bundle), .data, "outside its bundle", "--ckpt-file")
  }

  private func replaceCheckpoint(of bundle: BundleCopy, by name: String) throws {
    try FileManager.default.removeItem(atPath: bundle.checkpointPath)
    try FileManager.default.copyItem(atPath: Corpus.path("checkpoints/\(name)"), toPath: bundle.checkpointPath)
  }

  // MARK: The scan

  @Test func aScanThatIsNotThere() throws {
    let bundle = try BundleCopy()
    expect(try refusal(bundle, scan: bundle.folder.file("nothing.nii")), .noInput, "nothing.nii")
  }

  @Test(arguments: [0, 4, 200, 352, 5000], [false, true])
  func aTruncatedScan(_ length: Int, _ isCompressed: Bool) throws {
    let bundle = try BundleCopy()
    let name = isCompressed ? "scan.nii.gz" : "scan.nii"
    let whole = try Data(contentsOf: URL(filePath: try bundle.scan(named: name)))
    let path = try bundle.folder.write([UInt8](whole.prefix(min(length, whole.count - 20))), to: "cut-" + name)
    expect(try refusal(bundle, scan: path), .data, "cut-")
  }

  /// Byte 280 is the first number of the sform.
  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aScanWhoseAffineIsNotFinite(_ number: Float) throws {
    let bundle = try BundleCopy()
    let path = try bundle.scan(patched: withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) }, at: 280)
    expect(try refusal(bundle, scan: path), .data, "sform", "isn't finite")
  }

  /// Byte 42 is the first extent.
  @Test func aScanOfZeroSize() throws {
    let bundle = try BundleCopy()
    expect(try refusal(bundle, scan: try bundle.scan(patched: [0, 0], at: 42)), .data, "no voxels", "[0, 18, 22]")
  }

  @Test func aScanWithMoreChannelsThanTheNetworkTakes() throws {
    let bundle = try BundleCopy()
    expect(try refusal(bundle, scan: try bundle.scan([12, 10, 8, 3])), .data, "3 channels", "1")
  }

  /// Five axes: byte 40 is their number, 48 and 50 the fourth and fifth extent.
  @Test func aScanWithMoreAxesThanSpaceAndChannels() throws {
    let bundle = try BundleCopy()
    let dimensions: [UInt8] = [5, 0, 12, 0, 10, 0, 8, 0, 2, 0, 3, 0]
    let path = try bundle.scan(patched: dimensions, at: 40, shape: [12, 10, 8, 6])
    expect(try refusal(bundle, scan: path), .data, "Orientationd", "expected")
  }

  @Test(arguments: [Float.nan, .infinity])
  func aScanWithVoxelsThatAreNotFinite(_ number: Float) throws {
    let bundle = try BundleCopy()
    // Byte 70 is the datatype, 16 for float32; 72 the bits of a voxel. One voxel in the middle is not finite.
    let path = try bundle.scan(patched: [16, 0, 32, 0], at: 70, shape: [20, 18, 44])
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    bytes.replaceSubrange(46..<48, with: [22, 0])
    bytes.replaceSubrange(352..., with: repeatElement(0x3f, count: bytes.count - 352))
    bytes.replaceSubrange(10_000..<10_004, with: withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) })
    let scan = try bundle.folder.write(bytes, to: "holes.nii")
    expect(try refusal(bundle, scan: scan), .data, "NaN or infinite", "replace")
  }

  @Test func somethingElseThanAScan() throws {
    let bundle = try BundleCopy()
    expect(
      try refusal(bundle, scan: try bundle.folder.write("not a scan, but text\n", to: "scan.nii.gz")), .data,
      "not a NIfTI file")
    expect(try refusal(bundle, scan: bundle.folder.path), .noInput, "not a regular file")
    expect(try refusal(bundle, scan: "/dev/null"), .noInput, "not a regular file")
  }

  @Test(.timeLimit(.minutes(1)))
  func aPipeIsRefusedWithoutWaitingForItsWriter() throws {
    let bundle = try BundleCopy()
    let pipe = bundle.folder.file("pipe.nii")
    #expect(mkfifo(pipe, 0o600) == 0)
    expect(try refusal(bundle, scan: pipe), .noInput, "not a regular file")
    expect(try diagnose { _ = try Model(path: pipe) }, .noInput, "not a regular file")
  }

  // MARK: Engine, windows, output

  @Test func aMissingEngineLibrary() throws {
    var choice = EngineChoice()
    choice.runtime = .openvino
    choice.library = "/nowhere/libopenvino_c.so"
    expect(try refusal(try BundleCopy(), choice), .unavailable, "/nowhere/libopenvino_c.so", "make runtimes")
    #expect(!choice.isUsable("openvino"))
  }

  @Test func aFileThatIsNoEngineLibrary() throws {
    let bundle = try BundleCopy()
    var choice = EngineChoice()
    choice.library = try bundle.folder.write("text", to: "libopenvino_c.so")
    expect(try refusal(bundle, choice), .unavailable, "can't be used as the OpenVINO library")
  }

  @Test(arguments: [
    ("inferer#overlap=1.5", "overlap"), ("inferer#overlap=nan", "overlap"), ("inferer#mode=median", "mode"),
    ("inferer#roi_size=[1, 1, 1]", "Concat"), ("inferer#roi_size=[64, 64]", "roi_size"),
    ("inferer#roi_size=9223372036854775807", "9223372036854775807"),
    ("inferer#roi_size=[1000000, 1000000, 1000000]", "1000000"), ("inferer#sw_batch_size=0", "sw_batch_size"),
    ("preprocessing#transforms#3#pixdim=[1e-9, 1e-9, 1e-9]", "Spacingd"), ("output_ext=.png", "output_ext"),
    ("output_postfix=/../../../../escaped", "leaves its folder"), ("preprocessing=3", "preprocessing"),
  ])
  func argumentsThatCannotWork(_ override: String, _ word: String) throws {
    expect(try refusal(try BundleCopy(), set: override), .data, word)
  }

  @Test func anOutputFolderBelowAFile() throws {
    let bundle = try BundleCopy()
    try Data("a file".utf8).write(to: URL(filePath: bundle.output))
    let refusal = try diagnose {
      let pipeline = try BundlePipeline(
        try Bundle(path: bundle.path), NetworkOptions(), EngineChoice(), outputFolder: bundle.output + "/below")
      _ = try pipeline.run(try bundle.scan())
    }
    expect(refusal, .cantCreate, bundle.output)
    #expect(try String(contentsOfFile: bundle.output, encoding: .utf8) == "a file")
  }

  private func refusal(_ bundle: BundleCopy, _ choice: EngineChoice) throws -> Diagnosis? {
    try refusal(bundle, scan: nil, set: nil, choice)
  }
}
