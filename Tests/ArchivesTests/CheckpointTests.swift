import Archives
import Diagnostics
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct CheckpointTests {
  /// The key of the goldens whose state dict needs one.
  private static let keys = ["several.pt": "ema"]

  @Test(arguments: Goldens.all.checkpoints.keys.sorted())
  func tensorsAreThoseOfPyTorch(_ file: String) throws {
    let dict = try Checkpoint.open(path: Goldens.path(file)).stateDict(key: Self.keys[file])
    let rows = try #require(Goldens.all.checkpoints[file])
    #expect(dict.names == rows.map(\.name))
    for row in rows {
      let tensor = try #require(dict[row.name])
      #expect(tensor.elementType.rawValue == row.dtype, "\(row.name)")
      #expect(tensor.shape.dimensions == row.shape, "\(row.name)")
      if tensor.count > 0 { #expect(tensor.strides == row.strides, "\(row.name)") }
      let values = tensor.converted(to: .float64).array(of: Double.self)
      #expect(Array(values.prefix(row.values.count)) == row.values, "\(row.name)")
      // Sums differ by the order of the additions only.
      let magnitude = values.reduce(1) { $0 + abs($1) }
      #expect(abs(values.reduce(0, +) - row.sum) <= magnitude * 1e-12, "\(row.name)")
    }
  }

  @Test func alignedTensorsAreNotCopied() throws {
    let file = Goldens.path("views.pt")
    let dict = try Checkpoint.open(path: file).stateDict()
    let names = ["step", "offset", "overlapping", "tied"]
    let storages = try names.map { try ObjectIdentifier(#require(dict[$0]).storage) }
    #expect(Set(storages).count == 1)
    #expect(try #require(dict["transposed"]).storage === #require(dict["part"]).storage)
    #expect(try #require(dict["transposed"]).storage !== #require(dict["tied"]).storage)
    let base = try #require(dict["tied"]).storage.bytes.baseAddress
    #expect(Int(bitPattern: base) % 64 == 0)
  }

  @Test func theListingShowsEveryTensor() throws {
    let dict = try Checkpoint.open(path: Goldens.path("views.pt")).stateDict()
    let rows = Dictionary(uniqueKeysWithValues: dict.rows.map { ($0.name, $0) })
    #expect(rows["transposed"]?.isContiguous == false)
    #expect(rows["whole"]?.isContiguous == true)
    #expect(rows["expanded"]?.shape == [2, 6])
    #expect(rows["offset"]?.byteCount == 48)
    #expect(dict.parameterCount == Goldens.all.checkpoints["views.pt"]?.reduce(0) { $0 + $1.shape.reduce(1, *) })
    #expect(dict.byteCount == dict.parameterCount * 4)
  }

  @Test func prefixesAreFiltered() throws {
    let dict = try Checkpoint.open(path: Goldens.path("training.pt")).stateDict()
    #expect(dict.key == "state_dict")
    #expect(dict.source == Goldens.path("training.pt"))
    #expect(dict.filtered(prefix: "0.").names == ["weight", "bias"])
    #expect(dict.filtered(prefix: "2.").count == 0)
  }

  @Test func entriesBesideTheWeightsAreDescribed() throws {
    let entries = try Checkpoint.open(path: Goldens.path("training.pt")).otherEntries
    let summaries = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.summary) })
    #expect(summaries["epoch"] == "12")
    #expect(summaries["losses"] == "a list of 2")
    #expect(summaries["labels"] == "a set of 3")
    #expect(summaries["args"] == "a argparse.Namespace")
    #expect(summaries["dtype"] == "torch.bfloat16")
  }

  // MARK: Keys

  @Test func nestedKeysAreFollowed() throws {
    let checkpoint = try Checkpoint.open(path: Goldens.path("two_levels.pt"))
    let names = try checkpoint.stateDict().names
    #expect(try checkpoint.stateDict(key: "trainer#net").names == names)
    #expect(try checkpoint.stateDict(key: "trainer.net").names == names)
    #expect(try checkpoint.stateDict(key: "").names == names)
  }

  @Test func severalStateDictsAreListed() throws {
    let path = Goldens.path("several.pt")
    let error = try #require(throws: ArchiveError.self) { try Checkpoint.open(path: path).stateDict() }
    #expect(error == .checkpoint(.ambiguous(candidates: ["model", "ema"]), file: path))
    #expect(error.diagnosis.hint?.contains("--key-in-ckpt") == true)
  }

  @Test func tensorsBesideANestedStateDictAreAmbiguous() throws {
    let folder = try TemporaryFolder()
    let tensor = PickleFixture.tensor(count: 1, shape: [1], strides: [1])
    let nested = [0x7d] + PickleFixture.string("w") + tensor + [0x73]
    let bytes = PickleFixture.checkpoint([("mean", tensor), ("model", nested)], storages: ["0": [0, 0, 0x80, 0x3f]])
    let checkpoint = try Checkpoint.open(path: folder.write(bytes, to: "a.pt"))
    let error = try #require(throws: ArchiveError.self) { try checkpoint.stateDict() }
    guard case .checkpoint(.ambiguous(["#", "model"]), _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(try checkpoint.stateDict(key: "#").names == ["mean"])
    #expect(try checkpoint.stateDict(key: "model").names == ["w"])
  }

  @Test func aMissingKeyNamesThoseThatAreThere() throws {
    let path = Goldens.path("several.pt")
    #expect(throws: ArchiveError.checkpoint(.missingKey(key: "net", known: ["model", "ema"]), file: path)) {
      try Checkpoint.open(path: path).stateDict(key: "net")
    }
  }

  @Test func aKeyOfSomethingElseIsDescribed() throws {
    let path = Goldens.path("training.pt")
    #expect(throws: ArchiveError.checkpoint(.noStateDict(found: "12", key: "epoch"), file: path)) {
      try Checkpoint.open(path: path).stateDict(key: "epoch")
    }
  }

  @Test(arguments: [("list.pt", "a list of 2"), ("no_tensors.pt", "a dictionary with 1 entries")])
  func checkpointsWithoutWeightsAreRefused(_ file: String, _ found: String) throws {
    let path = Goldens.path(file)
    #expect(throws: ArchiveError.checkpoint(.noStateDict(found: found, key: nil), file: path)) {
      try Checkpoint.open(path: path).stateDict()
    }
  }

  // MARK: Refusals

  @Test func aForbiddenGlobalIsNamedAndNotExecuted() throws {
    let path = Goldens.path("attack.pt")
    let error = try #require(throws: ArchiveError.self) { try Checkpoint.open(path: path) }
    #expect(error == .pickle(.forbiddenGlobal("posix.system"), file: path, entry: "attack/data.pkl"))
    #expect(error.description.contains("posix.system"))
    #expect(error.diagnosis.kind == .data)
    #expect(!FileManager.default.fileExists(atPath: "martlet-was-here"))
  }

  @Test(arguments: [
    ("complex.pt", "complex64"), ("quantized.pt", "quantized"), ("sparse.pt", "sparse"), ("float8.pt", "float8_e4m3fn"),
    ("negated.pt", "a view that negates or conjugates its elements"),
  ])
  func otherKindsOfTensorsAreRefusedByName(_ file: String, _ kind: String) throws {
    let path = Goldens.path(file)
    #expect(throws: ArchiveError.tensor(.unsupported(kind), file: path, name: "a")) {
      try Checkpoint.open(path: path).stateDict()
    }
  }

  @Test(arguments: [
    ("program.ts", CheckpointProblem.torchScript), ("legacy.pt", .legacyPickle), ("big_endian.pt", .bigEndian),
    ("text.pt", .notACheckpoint(found: "text")), ("empty.pt", .notACheckpoint(found: "empty")),
    ("bare.pkl", .notACheckpoint(found: "a bare pickle, not an archive of torch.save")),
    ("f4.npy", .notACheckpoint(found: "of an unknown format")),
  ])
  func otherFilesAreRefusedByKind(_ file: String, _ problem: CheckpointProblem) throws {
    let path = Goldens.path(file)
    let error = try #require(throws: ArchiveError.self) { try Checkpoint.open(path: path) }
    #expect(error == .checkpoint(problem, file: path))
    #expect(error.diagnosis.hint != nil)
  }

  @Test func theKindIsFoundByTheContent() throws {
    func kind(_ path: String) throws -> CheckpointKind { try CheckpointKind(file: MappedFile(path: path)) }
    #expect(try kind(Goldens.path("dtypes.pt")) == .checkpoint)
    #expect(try kind(Goldens.path("weights.safetensors")) == .safetensors)
    #expect(try kind(Corpus.example("brain-tissue/models/model.ts")) == .torchScript)
    #expect(try kind(Goldens.path("legacy.pt")) == .legacyPickle)
    let folder = try TemporaryFolder()
    var tar = [UInt8](repeating: 0, count: 1024)
    tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
    #expect(try kind(folder.write(tar, to: "a.tar")) == .legacyTar)
    let program = ZipFixture(["x/models/model.json": [], "x/archive_format": Array("pt2".utf8)])
    #expect(try kind(folder.write(program.bytes, to: "a.pt2")) == .exportedProgram)
  }

  @Test func aMissingFileCannotBeOpened() throws {
    #expect(throws: FileError.self) { try Checkpoint.open(path: "/nonexistent/model.pt") }
  }

  @Test func safetensorsHaveNoNestedKeys() throws {
    let path = Goldens.path("weights.safetensors")
    #expect(throws: ArchiveError.checkpoint(.notNested(key: "net"), file: path)) {
      try Checkpoint.open(path: path).stateDict(key: "net")
    }
  }
}
