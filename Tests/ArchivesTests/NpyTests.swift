import Archives
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct NpyTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: Goldens.all.arrays.keys.sorted())
  func arraysAreThoseOfNumPy(_ file: String) throws {
    let golden = try #require(Goldens.all.arrays[file])
    let tensor = try Npy.read(path: Goldens.path(file))
    #expect(tensor.elementType.rawValue == golden.dtype)
    #expect(tensor.shape.dimensions == golden.shape)
    #expect(tensor.converted(to: .float64).array(of: Double.self) == golden.values)
  }

  @Test func fortranOrderIsAView() throws {
    let tensor = try Npy.read(path: Goldens.path("fortran.npy"))
    #expect(tensor.strides == [1, 2, 6])
    #expect(!tensor.isContiguous)
  }

  @Test(arguments: [
    ("refused_complex.npy", "<c8"), ("refused_record.npy", "a record of several fields"), ("refused_object.npy", "|O"),
    ("refused_text.npy", "<U1"),
  ])
  func otherTypesAreRefusedByName(_ file: String, _ type: String) throws {
    let path = Goldens.path(file)
    #expect(throws: ArchiveError.npy(.unsupportedType(type), file: path)) { try Npy.read(path: path) }
  }

  @Test(arguments: ["f4.npy", "version2.npy", "scalar.npy"])
  func truncatedFilesThrow(_ file: String) throws {
    let bytes = try Goldens.bytes(file)
    for length in 0..<bytes.count {
      #expect(throws: ArchiveError.self, "\(length) bytes") {
        try folder.withFile(Array(bytes.prefix(length))) { try Npy.read(path: $0) }
      }
    }
  }

  @Test(arguments: ["f4.npy", "f8_big.npy", "fortran.npy", "version3.npy", "bool.npy"])
  func flippedBytesThrowOrGiveSoundArrays(_ file: String) throws {
    let bytes = try Goldens.bytes(file)
    for offset in 0..<bytes.count {
      for mask: UInt8 in [0xff, 0x01, 0x10] {
        var damaged = bytes
        damaged[offset] ^= mask
        do {
          _ = try folder.withFile(damaged) { try Npy.read(path: $0).copy() }
        } catch is ArchiveError {
          continue
        }
      }
    }
  }

  private func read(header: String, data: Int) throws -> Tensor {
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes.append(number: UInt16(header.utf8.count))
    bytes += Array(header.utf8) + [UInt8](repeating: 1, count: data)
    return try Npy.read(path: folder.write(bytes, to: "made.npy"))
  }

  @Test(arguments: [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4611686018427387904)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "{'descr': '<f4', 'fortran_order': False}",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "{'descr': '<f4", "{", "", "__import__('os')",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "{'other': '<f4'}",
    "{'descr': '', 'fortran_order': False, 'shape': ()}",
  ])
  func wrongHeadersThrow(_ header: String) throws {
    #expect(throws: ArchiveError.self) { try read(header: header, data: 4) }
  }

  @Test func headersOfPython2AreRead() throws {
    let tensor = try read(header: "{'shape': (1L, 2L), 'fortran_order': False, 'descr': '<f4', }", data: 8)
    #expect(tensor.shape == [1, 2])
  }

  @Test func misalignedElementsAreCopied() throws {
    let tensor = try read(header: "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", data: 16)
    #expect(tensor.array(of: Double.self) == [Double](repeating: Double(bitPattern: 0x0101_0101_0101_0101), count: 2))
  }

  // MARK: Writing

  @Test(arguments: ElementType.allCases.filter { $0 != .bfloat16 })
  func whatIsWrittenIsReadBack(_ type: ElementType) throws {
    let path = folder.file("sub/\(type).npy")
    let tensor = Tensor((0..<24).map(Double.init), [2, 3, 4]).converted(to: type)
    try Npy.write(tensor, to: path)
    let back = try Npy.read(path: path)
    #expect(back.elementType == type)
    #expect(back.shape == tensor.shape)
    #expect(back.withUnsafeBytes { Array($0) } == tensor.withUnsafeBytes { Array($0) })
  }

  @Test(arguments: ["f4.npy", "i1.npy", "u8.npy", "bool.npy", "scalar.npy", "vector.npy", "empty.npy"])
  func writingGivesTheBytesOfNumPy(_ file: String) throws {
    let path = folder.file(file)
    try Npy.write(Npy.read(path: Goldens.path(file)), to: path)
    let written = try [UInt8](Data(contentsOf: URL(filePath: path)))
    // NumPy leaves room in the header for a growing first axis.
    let headerSize = 10 + Int(written[8]) + 256 * Int(written[9])
    #expect(headerSize % 64 == 0)
    let golden = try Goldens.bytes(file)
    let goldenHeaderSize = 10 + Int(golden[8]) + 256 * Int(golden[9])
    #expect(written[headerSize...] == golden[goldenHeaderSize...])
    func dictionary(_ bytes: ArraySlice<UInt8>) -> String {
      String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
    #expect(dictionary(written[10..<headerSize]) == dictionary(golden[10..<goldenHeaderSize]))
  }

  @Test func stridedTensorsAreWrittenRowMajor() throws {
    let tensor = Tensor((0..<24).map(Float.init), [2, 3, 4]).permuted([2, 0, 1]).flipped([1])
    try Npy.write(tensor, to: folder.file("a.npy"))
    #expect(try Npy.read(path: folder.file("a.npy")).array(of: Float.self) == tensor.array(of: Float.self))
  }

  @Test func largeStridedTensorsAreWrittenInPieces() throws {
    let extent = 220
    let values = (0..<2 * extent * extent * extent / 2).map { UInt32(truncatingIfNeeded: $0) }
    let tensor = Tensor(values, [1, extent, extent, extent]).permuted([0, 3, 2, 1])
    try Npy.write(tensor, to: folder.file("large.npy"))
    let back = try Npy.read(path: folder.file("large.npy"))
    #expect(back.shape == tensor.shape)
    #expect(back.withUnsafeBytes { a in tensor.withUnsafeBytes { b in a.elementsEqual(b) } })
  }

  @Test func bfloat16IsRefused() throws {
    let path = folder.file("b.npy")
    #expect(throws: ArchiveError.npy(.cannotHold(.bfloat16), file: path)) {
      try Npy.write(Tensor(.bfloat16, [2]), to: path)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func anArrayThatIsNoneIsRefused() throws {
    let path = Goldens.path("text.pt")
    #expect(throws: ArchiveError.npy(.notNpy, file: path)) { try Npy.read(path: path) }
    #expect(throws: FileError.self) { try Npy.read(path: folder.file("missing.npy")) }
  }
}
