import Diagnostics
import Files
import Foundation
import Images
import TestSupport
import Tensors
import Testing

struct NIfTIWritingTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: ["labels", "probabilities", "flat", "left_handed", "sheared"])
  func filesEqualMONAIsFiles(name: String) throws {
    let golden = try #require(try Golden.cases().written[name])
    let channelFirst = try Golden.array(Golden.path("written_\(name).npy"))
    let type = try #require(ElementType(rawValue: golden.type))
    try NIfTIWriter.write(
      channelFirst.permuted([1, 2, 3, 0]), affine: Affine(rows: golden.affine), elementType: type,
      to: folder.file("out.nii"))
    let written = try [UInt8](Data(contentsOf: URL(filePath: folder.file("out.nii"))))
    let expected = try [UInt8](Data(contentsOf: URL(filePath: Golden.path("written_\(name).nii"))))
    #expect(written.count == expected.count)
    // All but the quaternion, which is an eigenvector and may differ in its last bit, is the same byte for byte.
    #expect(Array(written[..<256]) == Array(expected[..<256]))
    #expect(Array(written[268...]) == Array(expected[268...]))
    let quaternion = { (bytes: [UInt8]) in
      bytes[256..<268].withUnsafeBytes { raw in
        (0..<3).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
      }
    }
    for (value, reference) in zip(quaternion(written), quaternion(expected)) {
      #expect(Double(abs(value - reference)) <= Tolerance.affine / 10)
    }
  }

  @Test(arguments: ["round.nii", "round.nii.gz"])
  func everyTypeComesBack(name: String) throws {
    let values = Tensor((0..<4 * 67 * 65).map { Float($0 % 119) }, [67, 65, 4])
    let affine = Affine(rows: [[0, 0, 3, 1], [-2, 0, 0, 2], [0, 1.25, 0, 3], [0, 0, 0, 1]])
    for type in ElementType.allCases {
      let source = values.converted(to: type)
      try NIfTIWriter.write(source, affine: affine, elementType: type, to: folder.file(name))
      let image = try NIfTIImage(path: folder.file(name))
      #expect(image.header.affine == affine)
      let back = try image.voxels(as: .float64)
      #expect(back.array(of: Double.self) == source.converted(to: .float64).array(of: Double.self), "\(type)")
      let stored: ElementType = type == .bool ? .uint8 : type == .float16 || type == .bfloat16 ? .float32 : type
      #expect(image.header.elementType == stored)
    }
  }

  @Test func anyStridesAndSeveralSlabsAreWritten() throws {
    let count = 130 * 160 * 150 * 2
    let channelFirst = Tensor((0..<count).map { Int32(truncatingIfNeeded: $0 &* 2_654_435_761) }, [2, 150, 160, 130])
    let views = [
      channelFirst.permuted([1, 2, 3, 0]), channelFirst.permuted([3, 2, 1, 0]).flipped([0, 2]),
      channelFirst.permuted([2, 3, 1, 0]).flipped([1, 3]),
    ]
    for view in views {
      try NIfTIWriter.write(view, affine: .identity, elementType: .int32, to: folder.file("view.nii.gz"))
      let back = try NIfTIImage(path: folder.file("view.nii.gz")).voxels(as: .int32)
      #expect(back.shape == view.shape)
      #expect(back.array(of: Int32.self) == view.array(of: Int32.self))
    }
  }

  @Test func labelsConvertFromFloats() throws {
    let values = Tensor([-3, -0.5, 0, 1.9, 254.7, 255, 300, Float.nan], [2, 2, 2])
    try NIfTIWriter.write(values, affine: .identity, elementType: .uint8, to: folder.file("l.nii"))
    let back = try NIfTIImage(path: folder.file("l.nii")).voxels(as: .uint8).array(of: UInt8.self)
    #expect(back == [0, 0, 0, 1, 254, 255, 255, 0])
  }

  @Test func badRequestsLeaveNothingBehind() throws {
    let path = folder.file("no.nii.gz")
    var nan = Affine.identity
    nan[0, 0] = .nan
    let voxels = Tensor(.uint8, [2, 2, 2])
    #expect(throws: NIfTIError.notFinite(field: "affine")) {
      try NIfTIWriter.write(voxels, affine: nan, elementType: .uint8, to: path)
    }
    #expect(throws: GeometryError.degenerateAffine) {
      try NIfTIWriter.write(voxels, affine: .scaling([1, 0, 1]), elementType: .uint8, to: path)
    }
    #expect(throws: NIfTIError.emptyImage([2, 0, 2])) {
      try NIfTIWriter.write(Tensor(.uint8, [2, 0, 2]), affine: .identity, elementType: .uint8, to: path)
    }
    #expect(throws: NIfTIError.tooLargeToWrite([40000, 1, 1])) {
      try NIfTIWriter.write(Tensor(.uint8, [40000, 1, 1]), affine: .identity, elementType: .uint8, to: path)
    }
    #expect(throws: NIfTIError.self) {
      try NIfTIWriter.write(Tensor(.uint8, [2, 2]), affine: .identity, elementType: .uint8, to: path)
    }
    #expect(throws: InterruptedError.self) {
      try NIfTIWriter.write(shape: [2, 2, 2], affine: .identity, elementType: .uint8, to: path) { _, _ in
        throw InterruptedError()
      }
    }
    #expect(throws: FileError.self) {
      try NIfTIWriter.write(voxels, affine: .identity, elementType: .uint8, to: "/proc/none/no.nii")
    }
    #expect(try Folders.names(in: folder.path).isEmpty)
  }
}
