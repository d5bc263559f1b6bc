import Images
import TestSupport
import Tensors
import Testing

struct LabelStatisticsTests {
  private let labels = Volume(
    voxels: Tensor([0, 1, 1, 2, 0, 1, 7, 7, 0, 0, 0, 2] as [UInt8], [1, 2, 3, 2]), affine: .scaling([-2, 1.5, 4]))

  @Test func everyLabelIsCounted() throws {
    let statistics = try LabelStatistics(labels: labels)
    #expect(statistics.voxelCounts == [0: 5, 1: 3, 2: 2, 7: 2])
    #expect(statistics.labels == [0, 1, 2, 7])
    #expect(statistics.millilitres(of: 1) == 3 * 12.0 / 1000)
    #expect(statistics.millilitres(of: 5) == 0)
    #expect(statistics.centres[7] == [1, 0, 0.5])
    #expect(statistics.centres[2] == [0.5, 1.5, 1])
  }

  @Test func viewsAndFloatsCountTheSame() throws {
    let reference = try LabelStatistics(labels: labels)
    let view = Volume(
      voxels: labels.voxels.permuted([0, 3, 2, 1]).flipped([1]).converted(to: .float32), affine: labels.affine)
    #expect(try LabelStatistics(labels: view).voxelCounts == reference.voxelCounts)
  }

  @Test func agreementAndDiceCompareTwoMaps() throws {
    let other = Volume(
      voxels: Tensor([0, 1, 2, 2, 0, 1, 7, 0, 0, 0, 3, 2] as [Float], [1, 2, 3, 2]), affine: labels.affine)
    let comparison = try LabelComparison(labels, other)
    #expect(comparison.agreement == 9.0 / 12)
    #expect(comparison.labels == [0, 1, 2, 3, 7])
    #expect(comparison.dice(label: 1) == 2 * 2.0 / 5)
    #expect(comparison.dice(label: 2) == 2 * 2.0 / 5)
    #expect(comparison.dice(label: 3) == 0)
    #expect(comparison.dice(label: 9) == 1)
    #expect(try LabelStatistics.agreement(labels, labels) == 1)
    #expect(try LabelStatistics.dice(labels, other, label: 7) == 2 * 1.0 / 3)
  }

  @Test func theDemoResultHasItsKnownDice() throws {
    let result = try NIfTIImage(path: Corpus.example("data/monai_output.nii.gz")).volume(as: .uint8)
    let reference = try NIfTIImage(path: Corpus.example("data/tissue_reference.nii.gz")).volume(as: .uint8)
    let comparison = try LabelComparison(result, reference)
    for (label, dice) in [(1, 0.605), (2, 0.905), (3, 0.897)] {
      #expect(abs(comparison.dice(label: label) - dice) <= 0.0005)
    }
  }

  @Test func differentGridsAreRefused() throws {
    let other = Volume(voxels: Tensor(.uint8, [1, 2, 2, 2]), affine: .identity)
    #expect(throws: LabelError.differentGrids([1, 2, 3, 2], [1, 2, 2, 2])) { try LabelComparison(labels, other) }
    #expect(throws: LabelError.severalChannels(2)) {
      try LabelStatistics(labels: Volume(voxels: Tensor(.uint8, [2, 1, 1, 1]), affine: .identity))
    }
  }
}
