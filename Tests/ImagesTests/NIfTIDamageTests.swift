import Diagnostics
import Files
import Foundation
import Images
import TestSupport
import Tensors
import Testing

struct NIfTIDamageTests {
  private let folder: TemporaryFolder
  private let plain: [UInt8]
  private let compressed: [UInt8]

  init() throws {
    folder = try TemporaryFolder()
    plain = try [UInt8](Data(contentsOf: URL(filePath: Golden.path("int16_n1_le.nii"))))
    compressed = try [UInt8](Data(contentsOf: URL(filePath: Golden.path("int16_n1_le.nii.gz"))))
  }

  /// Reads `bytes` as an image; a diagnosed error is the only other way out.
  private func attempt(_ bytes: [UInt8], _ name: String = "damaged.nii") throws -> (any DiagnosedError)? {
    let path = try folder.write(bytes, to: name)
    do {
      _ = try NIfTIImage(path: path).volume()
      return nil
    } catch let error as any DiagnosedError {
      #expect(error.diagnosis.location.contains { $0.hasSuffix(name) })
      return error
    }
  }

  private func underlying(_ bytes: [UInt8]) throws -> NIfTIError? {
    let error = try attempt(bytes)
    return (error as? LocatedError)?.underlying as? NIfTIError ?? error as? NIfTIError
  }

  private func changed(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var bytes = plain
    change(&bytes)
    return bytes
  }

  private func with(_ offset: Int, float value: Float, in bytes: inout [UInt8]) {
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value.bitPattern >> (8 * index)) }
  }

  @Test func everyTruncationThrows() throws {
    for length in 0..<plain.count { #expect(try attempt(Array(plain[..<length])) != nil, "\(length)") }
    for length in 0..<compressed.count { #expect(try attempt(Array(compressed[..<length])) != nil, "\(length)") }
  }

  @Test func flippedBitsNeverCrash() throws {
    var refused = 0
    for index in 0..<352 {
      for flip: UInt8 in [0x01, 0x80, 0xff] {
        if try attempt(changed { $0[index] ^= flip }) != nil { refused += 1 }
      }
    }
    #expect(refused > 30)
    let original = try NIfTIImage(path: Golden.path("int16_n1_le.nii.gz")).raw.array(of: Int16.self)
    for index in 10..<compressed.count {
      var bytes = compressed
      bytes[index] ^= 0x10
      // A flip may name another match of the same bytes; what is read must then be right.
      guard try attempt(bytes) == nil else { continue }
      let voxels = try NIfTIImage(path: folder.file("damaged.nii")).raw.array(of: Int16.self)
      #expect(voxels == original, "\(index)")
    }
  }

  @Test func aLyingLengthIsRefused() throws {
    for lie: [UInt8] in [[0, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 16]] {
      #expect(try attempt(Array(compressed.dropLast(4)) + lie) != nil)
    }
  }

  @Test func aHugeClaimAllocatesNothing() throws {
    let huge = changed { bytes in
      for axis in 1...3 { (bytes[40 + 2 * axis], bytes[41 + 2 * axis]) = (0xff, 0x7f) }
    }
    #expect(try underlying(huge) == .truncated(expected: 352 + 32767 * 32767 * 32767 * 2, found: plain.count))
    try AtomicFile.write(to: folder.file("huge.nii.gz")) { file in
      var gzip = GzipWriter()
      try huge.withUnsafeBytes { try gzip.write($0, to: &file) }
      try gzip.finish(to: &file)
    }
    #expect(throws: LocatedError.self) { try NIfTIImage(path: folder.file("huge.nii.gz")) }
  }

  @Test func eachBadFieldHasItsError() throws {
    #expect(try underlying(changed { $0[344] = 0 }) == .notNIfTI)
    #expect(try underlying(changed { $0[40] = 9 }) == .invalidShape([9, 5, 4, 3, 1, 1, 1, 1]))
    #expect(try underlying(changed { $0[40] = 0 }) == .invalidShape([0, 5, 4, 3, 1, 1, 1, 1]))
    #expect(try underlying(changed { $0[42] = 0 }) == .emptyImage([0, 4, 3]))
    #expect(try underlying(changed { $0[43] = 0x80 }) == .invalidShape([-32763, 4, 3]))
    #expect(try underlying(changed { $0[70] = 128 }) == .unsupportedDatatype(name: "RGB24", code: 128))
    #expect(try underlying(changed { $0[70] = 32 }) == .unsupportedDatatype(name: "complex64", code: 32))
    #expect(
      try underlying(changed { ($0[70], $0[71]) = (0, 6) }) == .unsupportedDatatype(name: "float128", code: 1536))
    #expect(try underlying(changed { with(108, float: 100, in: &$0) }) == .invalidVoxelOffset(100))
    #expect(try underlying(changed { with(280, float: .nan, in: &$0) }) == .notFinite(field: "sform"))
    let unusedSform = changed { bytes in
      bytes[254] = 0
      bytes[252] = 1
    }
    var longQuaternion = unusedSform
    with(256, float: 2, in: &longQuaternion)
    #expect(try underlying(longQuaternion) == .invalidQuaternion)
    var infiniteOffset = unusedSform
    with(268, float: .infinity, in: &infiniteOffset)
    #expect(try underlying(infiniteOffset) == .notFinite(field: "qform"))
    let noForm = changed { bytes in
      bytes[254] = 0
      bytes[252] = 0
      with(80, float: .nan, in: &bytes)
    }
    #expect(try underlying(noForm) == .notFinite(field: "pixdim"))
    let badIntercept = changed { bytes in
      with(112, float: 2, in: &bytes)
      with(116, float: .infinity, in: &bytes)
    }
    #expect(try underlying(badIntercept) == .notFinite(field: "scl_inter"))
  }

  @Test func moreAxesThanNeededAreRefused() throws {
    let image = try NIfTIImage(path: Golden.path("axes_4.nii.gz"))
    #expect(throws: NIfTIError.tooManyAxes([5, 4, 3, 2], expected: "one volume with the axes X, Y, Z")) {
      try image.volume(channels: 1)
    }
    #expect(try image.volume(channels: 2).channelCount == 2)
    #expect(try NIfTIImage(path: Golden.path("axes_4_single.nii")).volume(channels: 1).channelCount == 1)
  }

  @Test func aPairWithoutVoxelsNamesTheMissingFile() throws {
    let header = try [UInt8](Data(contentsOf: URL(filePath: Golden.path("pair.hdr"))))
    let path = try folder.write(header, to: "alone.hdr")
    #expect(throws: LocatedError.self) { try NIfTIImage(path: path) }
    do { _ = try NIfTIImage(path: path) } catch let error as LocatedError {
      #expect(error.underlying as? NIfTIError == .missingPair(path: folder.file("alone.img")))
    }
  }

  @Test func whatFollowsTheVoxelsIsIgnored() throws {
    #expect(try attempt(plain + [1, 2, 3]) == nil)
    #expect(try attempt(compressed + [UInt8](repeating: 0, count: 100)) == nil)
    let path = folder.file("longer.nii.gz")
    try AtomicFile.write(to: path) { file in
      var gzip = GzipWriter()
      try (plain + [UInt8](repeating: 7, count: 5000)).withUnsafeBytes { try gzip.write($0, to: &file) }
      try gzip.finish(to: &file)
    }
    let voxels = try NIfTIImage(path: path).raw.array(of: Int16.self)
    #expect(try voxels == NIfTIImage(path: Golden.path("int16_n1_le.nii")).raw.array(of: Int16.self))
  }
}
