import Bundles
import Diagnostics
import Files
import Foundation
import Images
import Pipelines
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite struct BundlePipelineTests {
  private func pipeline(
    _ bundle: String, output: String, _ change: (inout NetworkOptions) throws -> Void = { _ in }
  ) throws -> BundlePipeline {
    var options = NetworkOptions()
    try change(&options)
    return try BundlePipeline(try Bundle(path: bundle), options, EngineChoice(), outputFolder: output)
  }

  @Test func theDemoGivesMonaisSegmentation() throws {
    let folder = try TemporaryFolder()
    let pipeline = try pipeline(Corpus.example("brain-tissue"), output: folder.path)
    let result = try pipeline.run(Corpus.example("data/t1_sample.nii.gz"))

    #expect(result.outputs == [folder.file("t1_sample/t1_sample_seg.nii.gz")])
    #expect(result.times.map(\.stage) == ["preprocessing", "inference", "postprocessing"])
    #expect(pipeline.labelNames[2] == "grey matter")
    let written = try NIfTIImage(path: result.outputs[0])
    let reference = try NIfTIImage(path: Corpus.example("data/monai_output.nii.gz"))
    #expect(written.header.elementType == .uint8)
    #expect(written.header.shape == reference.header.shape)
    for (found, expected) in zip(try written.volume().affine.elements, try reference.volume().affine.elements) {
      #expect(abs(found - expected) <= Tolerance.affine)
    }
    let agreement = try LabelStatistics.agreement(try written.volume(), try reference.volume())
    #expect(agreement >= Tolerance.labelAgreement)
    #expect(try LabelStatistics.agreement(result.result, try reference.volume()) >= Tolerance.labelAgreement)
  }

  @Test func aBundleWhoseNetworkIsAProgramAloneGivesTheSame() throws {
    let bundle = try BundleCopy()
    let scan = try bundle.scan()
    let expected = try pipeline(bundle.path, output: bundle.output).run(scan)
    try FileManager.default.removeItem(atPath: bundle.checkpointPath)
    let result = try pipeline(bundle.path, output: bundle.output).run(scan)
    #expect(try LabelStatistics.agreement(result.result, expected.result) >= Tolerance.labelAgreement)
  }

  @Test func progressTellsEveryStageInOrder() throws {
    let bundle = try BundleCopy()
    let updates = Mutex<[ProgressUpdate]>([])
    _ = try pipeline(bundle.path, output: bundle.output).run(try bundle.scan()) { update in
      updates.withLock { $0.append(update) }
    }
    let seen = updates.withLock { $0 }
    var stages: [String] = []
    for update in seen where stages.last != update.stage { stages.append(update.stage) }
    #expect(stages == ["preprocessing", "inference", "postprocessing"])
    #expect(seen.allSatisfy { 0...$0.total ~= $0.completed })
    #expect(seen.last.map { $0.completed == $0.total } == true)
  }

  @Test func aPipelineServesScansOfSeveralSizesAndWindowsThatCoverThem() throws {
    let bundle = try BundleCopy()
    let pipeline = try pipeline(bundle.path, output: bundle.output)
    for shape in [[2, 1, 3], [70, 9, 80], [64, 64, 64]] {
      let scan = try bundle.scan(shape, named: "scan\(shape[0]).nii")
      let result = try pipeline.run(scan)
      #expect(result.result.spatialShape == shape)
    }
    #expect(bundle.results == ["scan2", "scan64", "scan70"].map { "\($0)/\($0)_seg.nii.gz" })
  }

  @Test func aConfigWithoutSaveImagedStillKeepsItsResult() throws {
    let bundle = try BundleCopy()
    try bundle.replaceInConfig("\"_target_\": \"SaveImaged\"", by: "\"_target_\": \"SaveImaged\", \"_disabled_\": true")
    let result = try pipeline(bundle.path, output: bundle.output).run(try bundle.scan())
    #expect(result.outputs == [bundle.output + "/scan/scan_seg.nii.gz"])
  }

  @Test func theOutputFolderIsTheCallersAndNotTheConfigs() throws {
    let bundle = try BundleCopy()
    let result = try pipeline(bundle.path, output: bundle.output) {
      $0.overrides = [try ConfigOverride(parsing: "output_dir=/nowhere/else")]
    }.run(try bundle.scan())
    #expect(result.outputs == [bundle.output + "/scan/scan_seg.nii.gz"])
  }

  @Test func everyRealVoxelTypeIsRead() throws {
    let bundle = try BundleCopy()
    let pipeline = try pipeline(bundle.path, output: bundle.output)
    let reference = try pipeline.run(try bundle.scan()).result
    for elementType: ElementType in [.int32, .int64, .uint8, .uint16, .uint32, .uint64, .float32, .float64] {
      let path = bundle.folder.file("\(elementType).nii.gz")
      let volume = try NIfTIImage(path: bundle.folder.file("scan.nii")).volume()
      try NIfTIWriter.write(
        volume.voxels.permuted([1, 2, 3, 0]), affine: volume.affine, elementType: elementType, to: path)
      #expect(try LabelStatistics.agreement(try pipeline.run(path).result, reference) == 1, "\(elementType)")
    }
  }
}

@Suite struct CancellationTests {
  @Test(arguments: ["preprocessing", "inference", "postprocessing"])
  func aCancelledTaskLeavesNothing(_ stage: String) async throws {
    let bundle = try BundleCopy()
    let scan = try bundle.scan([70, 70, 70])
    let pipeline = try BundlePipeline(
      try Bundle(path: bundle.path), NetworkOptions(), EngineChoice(), outputFolder: bundle.output)
    let task = Task {
      _ = try pipeline.run(scan) { update in
        if update.stage == stage { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    let failure = await #expect(throws: InterruptedError.self) { try await task.value }
    #expect(failure?.diagnosis.kind == .interrupted)
    #expect(bundle.results.isEmpty)
    // The same pipeline still works afterwards.
    #expect(try pipeline.run(scan).outputs.count == 1)
  }
}
