import Foundation
import TestSupport
import Testing

/// Programs of TorchScript and torch.export, alone and as a bundle's only network, through the commands.
@Suite struct ProgramCommandTests {
  private static let kinds = ["ts", "pt2"]

  /// The demo's bundle without its checkpoint, its network as a program of the kind.
  private func bundle(_ kind: String) throws -> BundleCopy {
    let bundle = try BundleCopy()
    let files = FileManager.default
    try files.removeItem(atPath: bundle.checkpointPath)
    if kind == "pt2" {
      try files.removeItem(atPath: bundle.path + "/models/model.ts")
      try files.copyItem(
        atPath: Corpus.path("programs/brain_tissue.pt2"), toPath: bundle.path + "/models/model.pt2")
    }
    return bundle
  }

  @Test(arguments: kinds) func aBundleWithAProgramAloneSegmentsAsWithItsCheckpoint(_ kind: String) throws {
    let segmentations = try [bundle(kind), BundleCopy()].map { bundle in
      let line = "run BUNDLE --input SCAN --output RESULTS --set output_ext=.nii"
      let result = try CommandLineCase(line, bundle).run()
      #expect(result.code == 0, "\(result.errors)")
      return try Data(contentsOf: URL(filePath: bundle.output + "/scan/scan_seg.nii"))
    }
    #expect(segmentations[0] == segmentations[1])
    #expect(Set(segmentations[0].dropFirst(352)).count > 1)
  }

  @Test(arguments: kinds) func exportWritesTheBundlesProgram(_ kind: String) throws {
    let bundle = try bundle(kind)
    let result = try CommandLineCase("export BUNDLE --target onnx --output RESULTS/a.onnx", bundle).run()
    #expect(result.code == 0, "\(result.errors)")
    #expect(bundle.results == ["a.onnx"])
    #expect(result.output.contains("batch×1×64×64×64"), "\(result.output)")
  }

  @Test(arguments: kinds) func inspectTellsTheBundlesProgram(_ kind: String) throws {
    let result = try CommandLineCase("inspect BUNDLE", try bundle(kind)).run()
    #expect(result.code == 0, "\(result.errors)")
    let name = kind == "ts" ? "TorchScript" : "torch.export"
    #expect(result.output.contains(name), "\(result.output)")
  }

  @Test(arguments: ["traced.ts", "exported.pt2"]) func inferComparesAProgramWithItsReference(_ file: String) throws {
    let bundle = try BundleCopy()
    let network = Corpus.path("networks/unet2d_instance")
    let result = try MartletProcess.run([
      "infer", Corpus.path("programs/unet2d_instance/\(file)"), "--inputs", network + "/input_0.npy", "--reference",
      network + "/output_0.npy", "--output", bundle.output,
    ])
    #expect(result.code == 0, "\(result.errors)")
    #expect(bundle.results == ["output_0.npy"])
  }

  @Test(arguments: [
    ("unsupported.ts", ["special_erfcx", "fft_fftn", "line "]), ("data_dependent.ts", ["values of a tensor", "line "]),
    ("custom_class.ts", ["custom class"]), ("huge.ts", ["outside its storage"]),
    ("leaving.ts", ["leaves its folder"]), ("picked.ts", ["a mask picks"]),
    ("fixed_batch.ts", ["batch of 2 alone", "--static-batch"]),
  ]) func aProgramThatCantBeConvertedIsRefusedWithItsReason(_ file: String, _ words: [String]) throws {
    let bundle = try BundleCopy()
    let result = try MartletProcess.run([
      "export", Corpus.path("programs/\(file)"), "--target", "onnx", "--input-shape", "2,1,8,8", "--output",
      bundle.output + "/a.onnx",
    ])
    result.expectRefusal(65, words + [file])
    #expect(bundle.results.isEmpty)
  }
}
