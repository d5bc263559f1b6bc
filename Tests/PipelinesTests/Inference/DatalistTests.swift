import Diagnostics
import Files
import OrderedCollections
import Pipelines
import TestSupport
import Testing

/// Lists of cases in JSON and CSV.
@Suite struct DatalistTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func scans(_ text: String, _ name: String = "list.json", key: String? = nil, base: String? = nil) throws
    -> [Scan]
  {
    let path = try folder.write(text, to: name)
    return try ScanList.expand([path], .init(datalistKey: key, baseFolder: base))
  }

  private func files(_ scans: [Scan]) -> [[String]] {
    scans.map { $0.files.map { $0.hasPrefix(folder.path) ? String($0.dropFirst(folder.path.count + 1)) : $0 } }
  }

  @Test func theDecathlonForm() throws {
    let text = """
      {"name": "Brain", "labels": {"0": "background"}, "numTest": 2,
       "training": [{"image": "imagesTr/a.nii.gz", "label": "labelsTr/a.nii.gz", "fold": 0}],
       "testing": ["imagesTs/b.nii.gz", {"image": ["t1.nii.gz", "t2.nii.gz"]}, ["c1.nii", "/data/c2.nii"]]}
      """
    #expect(
      files(try scans(text)) == [["imagesTs/b.nii.gz"], ["t1.nii.gz", "t2.nii.gz"], ["c1.nii", "/data/c2.nii"]])
    let training = try scans(text, key: "training")
    #expect(files(training) == [["imagesTr/a.nii.gz", "labelsTr/a.nii.gz"]])
    #expect(training[0].imageFiles.count == 1)
    #expect(training[0].images.keys == ["image", "label"])
  }

  @Test func relativePathsBeginAtTheBaseFolder() throws {
    #expect(try scans(#"["a.nii", "/b.nii"]"#, base: "/elsewhere").map(\.path) == ["/elsewhere/a.nii", "/b.nii"])
  }

  @Test func aListThatIsTheOnlyOneNeedsNoName() throws {
    #expect(files(try scans(#"{"cases": ["a.nii"], "n": 1}"#)) == [["a.nii"]])
    #expect(files(try scans(#"[{"image": "a.nii"}, "b.nii"]"#)) == [["a.nii"], ["b.nii"]])
  }

  @Test func severalListsMustBeChosenFrom() throws {
    let error = #expect(throws: DatalistError.self) { try scans(#"{"one": ["a.nii"], "two": ["b.nii"]}"#) }
    #expect(error?.description.contains("one of one, two") == true)
    #expect(throws: DatalistError.self) { try scans(#"{"one": ["a.nii"]}"#, key: "three") }
    #expect(throws: ScanError.self) { try scans(#"{"testing": []}"#) }
  }

  @Test(arguments: [#"[3]"#, #"[[]]"#, #"[{"fold": 1}]"#, #"[["a", 2]]"#, #"[""]"#, "3", #"{"a": 1}"#])
  func whatIsNoCaseIsRefused(_ text: String) throws {
    let error = #expect(throws: DatalistError.self) { try scans(text) }
    #expect(error?.diagnosis.kind == .data)
  }

  @Test func aTableHasARowPerCase() throws {
    let text = "image,label,age\r\na.nii,b.nii,\n\"odd, name.nii\",\"say \"\"x\"\".nii\",4\nt1.nii;t2.nii,,\n"
    #expect(
      files(try scans(text, "list.CSV")) == [
        ["a.nii", "b.nii"], ["odd, name.nii", "say \"x\".nii", "4"], ["t1.nii", "t2.nii"],
      ])
  }

  /// Spreadsheets begin with a mark and leave spaces.
  @Test func aTableOfASpreadsheetIsRead() throws {
    let text = "\u{FEFF}image, label\r\n a.nii ,\tb.nii\r\n\"t1.nii; t2.nii\",\r\n"
    let table = try scans(text, "list.csv")
    #expect(files(table) == [["a.nii", "b.nii"], ["t1.nii", "t2.nii"]])
    #expect(table[0].images.keys == ["image", "label"])
  }

  @Test(arguments: ["", "image\n\"a.nii", "image,image\na,b", "image\na,b", "a.nii\nb.nii", "image,label\n,", ",\na,b"])
  func aBrokenTableIsRefused(_ text: String) throws {
    #expect(throws: DatalistError.self) { try scans(text, "list.csv") }
  }

  @Test func filesWithCommasAreTheChannelsOfOneScan() throws {
    let paths = try ["a.nii", "b.nii"].map { try folder.write("", to: $0) }
    let scans = try ScanList.expand([paths.joined(separator: ",")])
    #expect(scans.map(\.files) == [paths])
    #expect(throws: FileError.self) { try ScanList.expand([paths[0] + ",missing.nii"]) }
  }
}
