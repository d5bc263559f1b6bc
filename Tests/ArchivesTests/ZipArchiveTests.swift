import Archives
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@Suite struct ZipArchiveTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ bytes: [UInt8]) throws -> ZipArchive {
    try ZipArchive(file: MappedFile(path: folder.write(bytes, to: "a.zip")))
  }

  /// The problem that opening, or reading every entry, ends with.
  private func problem(_ bytes: [UInt8]) throws -> ZipProblem? {
    do {
      let archive = try open(bytes)
      for entry in archive.entries { _ = try archive.storage(of: entry) }
      return nil
    } catch ArchiveError.zip(let problem, _, _) {
      return problem
    }
  }

  @Test func storedEntriesAreViewsOfTheMapping() throws {
    let archive = try open(ZipFixture(["a": [1, 2, 3], "b/c": []]).bytes)
    #expect(archive.entries.map(\.name) == ["a", "b/c"])
    let storage = try archive.storage(named: "a")
    #expect(Array(storage.bytes) == [1, 2, 3])
    let file = archive.file.bytes
    let base = try #require(storage.bytes.baseAddress)
    #expect(base >= file.baseAddress! && base < file.baseAddress! + file.count)
    #expect(try archive.storage(named: "b/c").bytes.isEmpty)
    #expect(archive["c"] == nil)
  }

  @Test func anArchiveWithACommentOpens() throws {
    var bytes = ZipFixture(["a": [1]]).bytes
    bytes[bytes.count - 2] = 5
    #expect(try open(bytes + Array("hello".utf8)).entries.count == 1)
    #expect(try problem(bytes + Array("hell".utf8)) == .noEndRecord)
  }

  @Test func aMissingEntryIsNamed() throws {
    let archive = try open(ZipFixture(["a": [1]]).bytes)
    #expect(throws: ArchiveError.zip(.missing, file: archive.file.path, entry: "b")) { try archive.storage(named: "b") }
  }

  @Test func otherFilesHaveNoEndRecord() throws {
    #expect(try problem([]) == .noEndRecord)
    #expect(try problem(Array("PK\u{3}\u{4} and some text that goes on for a while".utf8)) == .noEndRecord)
  }

  @Test func encryptedEntriesAreRefused() throws {
    #expect(try problem(ZipFixture([.init(name: "a", content: [1], flags: 1)]).bytes) == .encrypted)
  }

  @Test func unknownMethodsAreRefused() throws {
    #expect(try problem(ZipFixture([.init(name: "a", content: [1], method: 12)]).bytes) == .unsupportedMethod(12))
    #expect(try problem(Goldens.bytes("bzip2.pt")) == .unsupportedMethod(12))
  }

  @Test func severalDisksAreRefused() throws {
    var fixture = ZipFixture(["a": [1]])
    fixture.disk = 1
    #expect(try problem(fixture.bytes) == .multipleDisks)
  }

  @Test func duplicateNamesAreRefused() throws {
    #expect(try problem(ZipFixture([.init(name: "a"), .init(name: "a")]).bytes) == .duplicateName)
  }

  @Test(arguments: ["/etc/x", "../x", "a/../../x", "a\\b", "C:x", "", "a/.."])
  func unsafeNamesAreRefused(_ name: String) throws {
    #expect(try problem(ZipFixture([.init(name: name)]).bytes) == .unsafeName)
  }

  @Test func harmlessDotsAreNoUnsafeNames() throws {
    #expect(try problem(ZipFixture(["a..b/.data/x...": []]).bytes) == nil)
  }

  @Test func tooManyEntriesForTheDirectoryAreRefused() throws {
    var fixture = ZipFixture(["a": [1]])
    fixture.declaredCount = 5000
    #expect(try problem(fixture.bytes) == .tooManyEntries(declared: 5000, directorySize: 47))
  }

  @Test func sizesThatCannotBeTrueAreRefused() throws {
    let stored = ZipFixture([.init(name: "a", content: [1], declaredSize: 9)])
    #expect(try problem(stored.bytes) == .impossibleSize(compressed: 1, size: 9))
    let bomb = ZipFixture([.init(name: "a", content: [3, 0], method: 8, declaredSize: 0x7fff_ffff)])
    #expect(try problem(bomb.bytes) == .impossibleSize(compressed: 2, size: 0x7fff_ffff))
  }

  @Test func entriesOutsideTheFileAreRefused() throws {
    let size = ZipFixture([.init(name: "a", declaredSize: 4000, declaredCompressedSize: 4000)])
    #expect(try problem(size.bytes) == .outsideFile)
    #expect(try problem(ZipFixture([.init(name: "a", declaredOffset: 0xffff_fff0)]).bytes) == .outsideFile)
  }

  @Test func overlappingEntriesAreRefused() throws {
    let entries = [ZipFixture.Entry(name: "a", content: [1]), .init(name: "b", content: [1], declaredOffset: 5)]
    #expect(try problem(ZipFixture(entries).bytes) == .overlapping)
  }

  @Test func aLocalHeaderOfAnotherNameIsRefused() throws {
    let problem = try problem(ZipFixture([.init(name: "a", localName: "b")]).bytes)
    #expect(problem == .damaged("an entry's header has another name than the directory"))
  }

  @Test func deflatedContentIsChecked() throws {
    // "a" as a fixed-Huffman block; the fixture's checksum is 0.
    let wrong = ZipFixture([.init(name: "a", content: [0x4b, 0x04, 0x00], method: 8, declaredSize: 1)])
    #expect(try problem(wrong.bytes) == .wrongChecksum)
    let short = ZipFixture([.init(name: "a", content: [0x4b, 0x04, 0x00], method: 8, declaredSize: 2)])
    #expect(try problem(short.bytes) == .inflateFailed)
  }

  @Test func sizesOf64BitsAreRead() throws {
    let archive = try ZipArchive(file: MappedFile(path: Goldens.path("zip64.pt")))
    #expect(try archive.storage(named: "training/byteorder").bytes.elementsEqual("little".utf8))
  }

  @Test func errorsNameFileAndEntry() throws {
    let path = Goldens.path("unsafe.pt")
    let error = try #require(throws: ArchiveError.self) { try ZipArchive(file: MappedFile(path: path)) }
    #expect(error == .zip(.unsafeName, file: path, entry: "../../escaped"))
    #expect(error.diagnosis.location == [path, "entry ../../escaped"])
    #expect(error.diagnosis.hint != nil)
  }
}
