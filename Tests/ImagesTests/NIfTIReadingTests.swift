import Images
import TestSupport
import Tensors
import Testing

struct NIfTIReadingTests {
  @Test func everyGoldenReadsAsNibabelReadsIt() throws {
    let cases = try Golden.cases().read
    #expect(cases.count > 80)
    for (name, golden) in cases {
      let image = try NIfTIImage(path: Golden.path(name))
      #expect(image.header.shape == golden.shape, "\(name)")
      #expect(image.header.elementType.rawValue == golden.type, "\(name)")
      #expect(image.header.sformCode == golden.sformCode, "\(name)")
      #expect(image.header.qformCode == golden.qformCode, "\(name)")
      #expect(image.header.description == golden.description, "\(name)")
      expectEqual(image.header.affine, golden.affine, name)
      #expect(image.raw.shape.dimensions == golden.shape, "\(name)")
      #expect(image.raw.elementType == image.header.elementType, "\(name)")

      let expected = try Golden.array(Golden.path(golden.stem + ".npy"))
      let values = try image.voxels(as: .float64)
      #expect(values.shape == expected.shape, "\(name)")
      #expect(values.array(of: Double.self) == expected.array(of: Double.self), "\(name)")
    }
  }

  @Test func everyGoldenLoadsAsMONAILoadsIt() throws {
    for (name, golden) in try Golden.cases().read {
      let image = try NIfTIImage(path: Golden.path(name))
      let expected = try Golden.array(Golden.path(golden.stem + ".monai.npy"))
      guard (3...4).contains(golden.shape.count) else {
        // MONAI keeps other numbers of axes; a volume has the same values in [C, X, Y, Z].
        guard golden.shape.count < 3 else { continue }
        let values = try image.volume().voxels
        #expect(values.array(of: Float.self) == expected.array(of: Float.self), "\(name)")
        continue
      }
      let volume = try image.volume()
      #expect(volume.voxels.shape == expected.shape, "\(name)")
      #expect(volume.voxels.isContiguous, "\(name)")
      #expect(volume.voxels.array(of: Float.self) == expected.array(of: Float.self), "\(name)")
      expectEqual(volume.affine, golden.monaiAffine, name)
    }
  }

  @Test func channelsOfAFifthAxisComeFirst() throws {
    let reference = try NIfTIImage(path: Golden.path("axes_5.nii"))
    let values = try reference.voxels(as: .float32)
    #expect(values.shape == [3, 2, 4, 1, 3])
    let volume = try reference.volume()
    #expect(volume.voxels.shape == [3, 3, 2, 4])
    #expect(
      volume.voxels.array(of: Float.self) == values.permuted([4, 3, 0, 1, 2]).array(of: Float.self))
  }

  @Test(arguments: ["ras_iso", "lps_aniso", "pir_axes", "oblique", "vector4", "scaled_slope"])
  func transformCorpusLoads(name: String) throws {
    let volume = try NIfTIImage(path: Corpus.path("transforms/images/\(name).nii.gz")).volume()
    let expected = try Golden.array(Corpus.path("transforms/load_\(name).npy"))
    let affine = try Golden.array(Corpus.path("transforms/load_\(name).affine.npy")).converted(to: .float64)
    #expect(Difference(volume.voxels, expected).maximum == 0)
    #expect(Difference(Tensor(volume.affine.elements, [4, 4]), affine).maximum <= Tolerance.affine)
  }

  @Test func integerTypesSaturateAndTruncate() throws {
    let image = try NIfTIImage(path: Golden.path("scaled_float32.nii"))
    let exact = try image.voxels(as: .float64).array(of: Double.self)
    let bytes = try image.voxels(as: .uint8).array(of: UInt8.self)
    #expect(bytes == exact.map { UInt8(max(0, min(255, $0))) })
    let wide = try NIfTIImage(path: Golden.path("int64_n2_be.nii")).voxels(as: .int64).array(of: Int64.self)
    #expect(wide.contains(.max) && wide.contains(.min))
    let narrow = try NIfTIImage(path: Golden.path("uint64_n1_le.nii")).voxels(as: .int8).array(of: Int8.self)
    #expect(narrow.contains(.max) && narrow.contains(0))
    let flags = try NIfTIImage(path: Golden.path("form_sform.nii")).voxels(as: .bool)
    #expect(flags.elementType == .bool)
    let half = try NIfTIImage(path: Golden.path("form_sform.nii")).voxels(as: .float16)
    #expect(half.converted(to: .float32).array(of: Float.self).contains(255))
  }

  @Test func theHeaderAloneCanBeRead() throws {
    let header = try NIfTIHeader(path: Golden.path("extension.nii.gz"))
    #expect(header.shape == [4, 3, 2])
    #expect(header.voxelOffset > 352)
    #expect(!header.isScaled)
  }

  @Test func theVoxelsOfAPairAreFoundFromEitherFile() throws {
    let fromHeader = try NIfTIImage(path: Golden.path("pair.hdr"))
    let fromVoxels = try NIfTIImage(path: Golden.path("pair.img"))
    #expect(fromHeader.header == fromVoxels.header)
    #expect(fromHeader.raw.array(of: Int16.self) == fromVoxels.raw.array(of: Int16.self))
  }

  private func expectEqual(_ affine: Affine, _ expected: [[Double]], _ name: String) {
    for (value, reference) in zip(affine.elements, expected.flatMap(\.self)) {
      #expect(abs(value - reference) <= Tolerance.affine * max(1, abs(reference)) * 1e-6, "\(name)")
    }
  }
}
