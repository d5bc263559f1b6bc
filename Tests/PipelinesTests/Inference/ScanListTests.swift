import Files
import Foundation
import Pipelines
import TestSupport
import Testing

@Suite struct ScanListTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for name in ["b.nii.gz", "a.nii", "notes.txt", "c.nii.gz.partial", "._b.nii.gz"] {
      _ = try folder.write("", to: name)
    }
    try FileManager.default.createDirectory(atPath: folder.file("other"), withIntermediateDirectories: true)
    for name in ["a.nii", "a.nii.gz", "é è.nii"] { _ = try folder.write("", to: "other/\(name)") }
  }

  private func names(_ patterns: [String]) throws -> [String] {
    try ScanList.expand(patterns.map { $0.isEmpty ? folder.path : folder.file($0) }).map {
      String($0.path.dropFirst(folder.path.count + 1))
    }
  }

  @Test func aFolderGivesItsScansSorted() throws {
    #expect(try names([""]) == ["a.nii", "b.nii.gz"])
    #expect(try names(["other"]) == ["other/a.nii", "other/a.nii.gz", "other/é è.nii"])
  }

  @Test func aPatternGivesWhatItMatches() throws {
    #expect(try names(["*.nii.gz"]) == ["b.nii.gz"])
    #expect(try names(["*/a.nii*"]) == ["other/a.nii", "other/a.nii.gz"])
    #expect(try names(["[ab].nii", "other/? ?.nii"]) == ["a.nii", "other/é è.nii"])
  }

  @Test func aNamedFileIsTakenWhateverItsName() throws {
    #expect(try names(["notes.txt"]) == ["notes.txt"])
  }

  @Test func eachPathComesOnceInTheOrderGiven() throws {
    #expect(try names(["b.nii.gz", "", "*.nii"]) == ["b.nii.gz", "a.nii"])
  }

  @Test func nothingFoundIsAnError() throws {
    #expect(throws: ScanError.noScans(patterns: [folder.file("*.mha")])) { try names(["*.mha"]) }
    try FileManager.default.createDirectory(atPath: folder.file("empty"), withIntermediateDirectories: true)
    #expect(throws: ScanError.noScans(patterns: [folder.file("empty")])) { try names(["a.nii", "empty"]) }
    #expect(throws: ScanError.noScans(patterns: [])) { try names([]) }
    #expect(throws: FileError.self) { try names(["missing.nii"]) }
  }

  @Test(arguments: [
    ["x/scan.nii", "y/scan.nii"], ["x/scan.nii", "x/scan.nii.gz"], ["scan", "y/scan.nii.gz"],
  ])
  func scansWhoseResultsWouldHaveOneNameClash(_ scans: [String]) {
    #expect(throws: ScanError.sameOutput(scans: scans)) {
      try ScanList.requireDifferentNames((["z/other.nii"] + scans).map { Scan($0) })
    }
  }

  @Test func differentNamesPass() throws {
    try ScanList.requireDifferentNames(["a.1.nii", "a.2.nii", "a.nii.gz", ".nii"].map { Scan($0) })
  }
}
