import Foundation
import Images
import Martlet
import TestSupport
import Testing

/// The README's Swift example is the marked region of `ReadmeExample.swift`, which is compiled and run here.
@Suite struct ReadmeTests {
  /// The lines of a file of the repository between the first that is `begin` and the next that is `end`.
  private func lines(of file: String, between begin: String, and end: String) throws -> [Substring] {
    let text = try String(contentsOfFile: Corpus.repository + file, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0 == begin }, "\(file) has no line '\(begin)'")
    let stop = try #require(lines[start...].dropFirst().firstIndex { $0 == end }, "\(file) has no line '\(end)'")
    return Array(lines[(start + 1)..<stop])
  }

  @Test func theExampleIsTheOneThatIsTested() throws {
    let shown = try lines(of: "README.md", between: "```swift", and: "```")
    let tested = try lines(
      of: "Tests/MartletTests/ReadmeExample.swift", between: "// README example: begin", and: "// README example: end")
    #expect(shown == tested)
    #expect(!shown.isEmpty)
  }

  @Test func theExampleSegmentsTheSampleScanAsMonaiDoes() throws {
    let folder = try TemporaryFolder()
    try segment(Corpus.example("data/t1_sample.nii.gz"), with: Corpus.example("brain-tissue"), into: folder.path)
    let written = try NIfTIImage(path: folder.file("t1_sample/t1_sample_seg.nii.gz")).volume()
    let reference = try NIfTIImage(path: Corpus.example("data/monai_output.nii.gz")).volume()
    #expect(try LabelStatistics.agreement(written, reference) >= Tolerance.labelAgreement)
  }

  @Test func theResultTellsTheLabelsOfTheBundle() throws {
    let folder = try TemporaryFolder()
    let segmenter = try Segmenter(bundle: Corpus.example("brain-tissue"), outputFolder: folder.path)
    let segmentation = try segmenter.segment(Corpus.example("data/t1_sample.nii.gz"))
    #expect(segmentation.files == [folder.file("t1_sample/t1_sample_seg.nii.gz")])
    #expect(segmentation.labels.map(\.name).contains("grey matter"))
    let labels = try LabelStatistics(labels: try NIfTIImage(path: segmentation.files[0]).volume())
    #expect(segmentation.labels.map(\.value) == labels.labels)
    for label in segmentation.labels {
      #expect(label.voxelCount == labels.voxelCounts[label.value])
      #expect(label.millilitres == labels.millilitres(of: label.value))
    }
  }
}
