import Archives
import Tensors
import TestSupport
import Testing

/// Files that are cut off, changed or made to deceive: reading them throws or gives sound tensors, and never crashes.
@Suite struct DamagedCheckpointTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func stateDict(_ bytes: [UInt8], key: String? = nil) throws -> StateDict {
    try folder.withFile(bytes) { try Checkpoint.open(path: $0).stateDict(key: key) }
  }

  /// Reads all elements, so that a view outside its storage would be noticed.
  private func touch(_ dict: StateDict) {
    for name in dict.names { _ = dict[name]?.copy() }
  }

  @Test(arguments: ["training.pt", "deflated.pt", "zip64.pt", "weights.safetensors", "legacy.pt", "program.ts"])
  func truncatedFilesThrow(_ file: String) throws {
    let bytes = try Goldens.bytes(file)
    for length in Set((0..<60).map { bytes.count * $0 / 60 } + [1, 4, 8, 21, 22, bytes.count - 1]) {
      #expect(throws: ArchiveError.self, "\(length) bytes") { try stateDict(Array(bytes.prefix(length))) }
    }
  }

  @Test(arguments: ["training.pt", "views.pt", "deflated.pt", "zip64.pt", "weights.safetensors"])
  func flippedBytesThrowOrGiveSoundTensors(_ file: String) throws {
    let bytes = try Goldens.bytes(file)
    for offset in stride(from: 0, to: bytes.count, by: 5) {
      for mask: UInt8 in [0xff, 0x01] {
        var damaged = bytes
        damaged[offset] ^= mask
        do {
          touch(try stateDict(damaged))
        } catch is ArchiveError {
          continue
        }
      }
    }
  }

  @Test func aHugeTensorInASmallFileThrows() throws {
    let path = Goldens.path("huge.pt")
    let declared = 10 << 30
    #expect(throws: ArchiveError.tensor(.storageTooSmall(declared: declared, found: 64), file: path, name: "a")) {
      try Checkpoint.open(path: path).stateDict()
    }
  }

  @Test func anExpandedTensorBeyondAllMemoryThrows() throws {
    let error = try #require(throws: ArchiveError.self) {
      try Checkpoint.open(path: Goldens.path("expanded_huge.pt")).stateDict()
    }
    guard case .tensor(.expandsTooFar(let shape, _), _, "a") = error else {
      Issue.record("\(error)")
      return
    }
    #expect(shape == [1 << 40])
  }

  @Test func manyExpandedTensorsShareOneLimit() throws {
    let tensor = PickleFixture.tensor(count: 1, shape: [50 << 20], strides: [0])
    let entries = ["a", "b"].map { ($0, tensor) }
    let storages = ["0": [UInt8](repeating: 0, count: 4)]
    #expect(try stateDict(PickleFixture.checkpoint([entries[0]], storages: storages)).count == 1)
    #expect(throws: ArchiveError.self) { try stateDict(PickleFixture.checkpoint(entries, storages: storages)) }
  }

  struct View: Sendable {
    var storage = "FloatStorage"
    var count = 16
    var offset = 0
    var shape = [4]
    var strides = [1]
  }

  @Test(arguments: [
    View(offset: -1), View(offset: 13), View(offset: .max), View(shape: [17]), View(shape: [-1]),
    View(shape: [4, 4], strides: [1]), View(strides: [6]), View(strides: [-1]), View(strides: [.max]),
    View(shape: [1 << 62, 1 << 62], strides: [0, 0]), View(shape: [0, 1 << 62, 1 << 62], strides: [1, 1, 1]),
    View(count: .max), View(count: -1), View(count: 17), View(storage: "ComplexFloatStorage"),
    View(shape: [Int](repeating: 1, count: 65), strides: [Int](repeating: 1, count: 65)), View(storage: "float32"),
    View(shape: [.max], strides: [0]), View(storage: "DoubleStorage"),
  ])
  func impossibleViewsThrow(_ view: View) throws {
    let tensor = PickleFixture.tensor(
      storage: view.storage, count: view.count, offset: view.offset, shape: view.shape, strides: view.strides)
    let bytes = PickleFixture.checkpoint([("a", tensor)], storages: ["0": [UInt8](repeating: 0, count: 64)])
    let error = try #require(throws: ArchiveError.self) { try stateDict(bytes) }
    guard case .tensor(_, _, "a") = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func emptyTensorsNeedNoPlaceInTheirStorage() throws {
    let tensor = PickleFixture.tensor(count: 0, offset: 99, shape: [0, 3], strides: [3, 1])
    let dict = try stateDict(PickleFixture.checkpoint([("a", tensor)], storages: ["0": []]))
    #expect(dict["a"]?.array(of: Float.self) == [])
  }

  @Test func aMissingStorageIsNamed() throws {
    let tensor = PickleFixture.tensor(key: "../7", count: 1, shape: [1], strides: [1])
    let error = try #require(throws: ArchiveError.self) { try stateDict(PickleFixture.checkpoint([("a", tensor)])) }
    guard case .tensor(.missingStorage(key: "../7"), _, "a") = error else {
      Issue.record("\(error)")
      return
    }
  }

  @Test func aParameterThatHoldsItselfThrows() throws {
    // A list is memoised, wrapped into a parameter, and the parameter of that parameter goes on.
    var parameter = PickleFixture.tensor(count: 1, shape: [1], strides: [1])
    for _ in 0..<10 {
      parameter =
        PickleFixture.global("torch._utils", "_rebuild_parameter")
        + PickleFixture.tuple([parameter, [0x88], [0x4e]]) + [0x52]
    }
    let bytes = PickleFixture.checkpoint([("a", parameter)], storages: ["0": [0, 0, 0, 0]])
    #expect(throws: ArchiveError.self) { try stateDict(bytes) }
  }

  @Test func aRepeatedKeyTakesItsLastValue() throws {
    let entries = [2, 3].map { ("a", PickleFixture.tensor(count: 4, shape: [$0], strides: [1])) }
    let dict = try stateDict(PickleFixture.checkpoint(entries, storages: ["0": [UInt8](repeating: 0, count: 16)]))
    #expect(dict.names == ["a"])
    #expect(dict["a"]?.shape == [3])
  }

  @Test func deeplyNestedPicklesDoNotOverflow() throws {
    let depth = 100_000
    let nested = [UInt8](repeating: 0x5d, count: depth) + [UInt8](repeating: 0x61, count: depth - 1)
    let tensor = PickleFixture.tensor(count: 1, shape: [1], strides: [1])
    let bytes = PickleFixture.checkpoint([("x", nested), ("a", tensor)], storages: ["0": [0, 0, 0, 0]])
    #expect(try stateDict(bytes).names == ["a"])
  }
}
