import Archives
import Bundles
import Diagnostics
import Foundation
import Images
import Pipelines
import Tensors
import TestSupport
import Testing

@Suite struct TransformRunTests {
  private let folder: TemporaryFolder
  private let scan = Corpus.example("data/t1_sample.nii.gz")

  init() throws { folder = try TemporaryFolder() }

  private func transform(_ id: String, prediction: String? = nil, to name: String) throws -> [String] {
    try TransformRun(config: Corpus.example("brain-tissue"), id: id, overrides: []).run(
      scan: scan, prediction: prediction, output: folder.file(name), progress: nil)
  }

  @Test func preprocessingGivesWhatTheNetworkSees() throws {
    let files = try transform("preprocessing", to: "seen.npy")
    #expect(files == [folder.file("seen.npy"), folder.file("seen.affine.npy")])
    let voxels = try Npy.read(path: files[0])
    #expect(voxels.shape.rank == 4 && voxels.shape[0] == 1)
    let affine = try Npy.read(path: files[1]).array(of: Double.self)
    // Oriented RAS with voxels of 1.5 mm.
    for axis in 0..<3 {
      let column = (0..<3).map { affine[$0 * 4 + axis] }
      #expect(abs(column.reduce(0) { $0 + $1 * $1 }.squareRoot() - 1.5) <= Tolerance.affine)
    }

    // The same as an image.
    let image = try NIfTIImage(path: try transform("preprocessing", to: "seen.nii.gz")[0]).volume()
    #expect(Difference(image.voxels, voxels).maximum == 0)
    #expect(image.affine.elements.elementsEqual(affine) { abs($0 - $1) <= Tolerance.affine })
  }

  @Test func postprocessingBringsAPredictionBackToTheScan() throws {
    let seen = try Npy.read(path: try transform("preprocessing", to: "seen.npy")[0])
    // Logits that say label 2 everywhere.
    let plane = seen.count
    var logits = [Float](repeating: 0, count: 4 * plane)
    for index in 2 * plane..<3 * plane { logits[index] = 9 }
    let prediction = folder.file("pred.npy")
    try Npy.write(Tensor(logits, Shape([4] + seen.shape.dimensions.dropFirst())), to: prediction)

    let result = try NIfTIImage(path: try transform("postprocessing", prediction: prediction, to: "labels.nii.gz")[0])
    let original = try NIfTIImage(path: scan)
    #expect(result.header.shape == original.header.shape)
    #expect(try LabelStatistics(labels: result.volume()).labels == [2])
    #expect(
      try result.volume().affine.elements.elementsEqual(original.volume().affine.elements) {
        abs($0 - $1) <= Tolerance.affine
      })
  }

  @Test func whatCannotBeDoneIsSaidAndNothingIsWritten() throws {
    let cases: [(id: String, name: String, kind: Diagnosis.Kind, words: String)] = [
      ("preprocessing", "seen.png", .usage, ".nii.gz or .npy"), ("nothing", "seen.npy", .data, "no entry 'nothing'"),
      ("image_key", "seen.npy", .data, "_target_"), ("inferer", "seen.npy", .data, "SlidingWindowInferer"),
      ("postprocessing", "seen.npy", .data, "no 'pred'"),
    ]
    for (id, name, kind, words) in cases {
      let refusal = try diagnose { _ = try transform(id, to: name) }
      #expect(refusal?.kind == kind && refusal?.description.contains(words) == true, "\(id): \(refusal as Any)")
    }
    #expect(try diagnose { _ = try transform("preprocessing", to: "missing.npy/x.npy") } == nil)
    #expect(BundleCopy.files(in: folder.path).allSatisfy { $0.hasPrefix("missing.npy/") })
  }

  @Test func aPredictionOfWrongRankIsRefused() throws {
    for name in ["scalar.npy", "vector.npy", "empty.npy"] {
      let refusal = try diagnose {
        _ = try transform("postprocessing", prediction: Corpus.path("checkpoints/\(name)"), to: "out.npy")
      }
      #expect(refusal?.kind == .data, "\(name)")
    }
    #expect(BundleCopy.files(in: folder.path).isEmpty)
  }
}
