import Arguments
import Files
import Foundation
import Images
import OrderedCollections
import Tensors
import TestSupport
import Testing
import Transforms

/// Where results are written, and what stands in them.
@Suite struct SaveImageTests {
  private func save(
    _ arguments: OrderedDictionary<String, PlainValue>, source: String?, folder: TemporaryFolder,
    voxels: Tensor = Tensor((0..<24).map { Float($0) - 3 }, [1, 4, 3, 2])
  ) throws -> [String] {
    var all: OrderedDictionary<String, PlainValue> = ["keys": .string("pred"), "output_dir": .string(folder.path)]
    all.merge(arguments) { $1 }
    let image = TransformedImage(
      voxels: voxels, affine: .scaling([1, 2, 3]), originalSpatialShape: [4, 3, 2], sourcePath: source)
    var sample = Sample(["pred": .image(image)])
    try TransformTable.make(Component(target: "SaveImaged", arguments: all, path: "post")).apply(&sample)
    return sample.savedPaths.map { String($0.dropFirst(folder.path.count + 1)) }
  }

  private static let names: [(OrderedDictionary<String, PlainValue>, String, String)] = [
    ([:], "/scans/a.nii.gz", "a/a_trans.nii.gz"),
    (["output_postfix": .string("")], "/scans/a.b.nii", "a.b/a.b.nii.gz"),
    (["separate_folder": .bool(false), "output_postfix": .string("seg")], "a.nii.gz", "a_seg.nii.gz"),
    (["data_root_dir": .string("/scans"), "output_ext": .string("nii")], "/scans/x/y/a.nii.gz", "x/y/a/a_trans.nii"),
    ([:], ".hidden", ".hidden/.hidden_trans.nii.gz"),
  ]

  @Test(arguments: names.indices) func namesAreThoseOfMONAI(_ index: Int) throws {
    let (arguments, source, expected) = Self.names[index]
    #expect(try save(arguments, source: source, folder: TemporaryFolder()) == [expected])
  }

  /// The header's extents that MONAI writes for `squeeze_end_dims`.
  @Test func axesOfOneVoxelAtTheEndStayWhereTheyAreAskedFor() throws {
    let planes = Tensor((0..<12).map(Float.init), [1, 4, 3, 1])
    let channels = Tensor((0..<24).map(Float.init), [2, 4, 3, 1])
    for (voxels, squeezes, expected) in [
      (planes, true, [2, 4, 3, 1, 1]), (planes, false, [4, 4, 3, 1, 1]), (channels, true, [4, 4, 3, 1, 2]),
      (channels, false, [4, 4, 3, 1, 2]),
    ] {
      let folder = try TemporaryFolder()
      let paths = try save(
        ["squeeze_end_dims": .bool(squeezes), "output_ext": .string(".nii"), "resample": .bool(false)],
        source: "a.nii", folder: folder, voxels: voxels)
      let file = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + paths[0]))
      let extents = (0..<5).map { Int(file[40 + 2 * $0]) + Int(file[41 + 2 * $0]) << 8 }
      #expect(extents == expected)
      #expect(file.count == 352 + voxels.byteCount)
    }
  }

  @Test func aFolderLayoutDecidesTheName() throws {
    let folder = try TemporaryFolder()
    func layout(_ arguments: OrderedDictionary<String, PlainValue>, _ target: String = "monai.data.FolderLayout")
      -> PlainValue
    {
      let all = arguments.merging(["output_dir": .string(folder.path)]) { $1 }
      return .component(Component(target: target, arguments: all, path: "layout"))
    }
    let below = layout(["postfix": .string("s"), "extension": .string("nii"), "parent": .bool(true)])
    #expect(try save(["folder_layout": below], source: "x/a.nii.gz", folder: folder) == ["a/a_s.nii"])
    let plain = layout(["extension": .string(".nii.gz"), "makedirs": .bool(true)])
    #expect(try save(["folder_layout": plain], source: "x/a.nii.gz", folder: folder) == ["a.nii.gz"])
    #expect(throws: ArgumentError.self) {
      try save(["folder_layout": layout([:])], source: "a.nii", folder: folder)
    }
    #expect(throws: ArgumentError.self) {
      try save(["folder_layout": layout([:], "scripts.Layout")], source: "a.nii", folder: folder)
    }
  }

  @Test func anImageWithoutAFileIsNumbered() throws {
    #expect(try save([:], source: nil, folder: TemporaryFolder()) == ["0/0_trans.nii.gz"])
  }

  @Test func aScanOutsideOfTheDataRootIsRefused() throws {
    let folder = try TemporaryFolder()
    #expect(throws: FileError.self) {
      try save(["data_root_dir": .string("/scans")], source: "/elsewhere/a.nii.gz", folder: folder)
    }
    #expect(try Folders.names(in: folder.path).isEmpty)
  }

  @Test func whatIsReadBackIsWhatWasSaved() throws {
    let folder = try TemporaryFolder()
    let voxels = Tensor((0..<48).map { Float($0) }, [2, 4, 3, 2])
    let path = try save(["output_dtype": .symbol("numpy.int16")], source: "a.nii", folder: folder, voxels: voxels)[0]
    let image = try NIfTIImage(path: folder.file(path))
    #expect(image.header.elementType == .int16)
    #expect(image.header.shape == [4, 3, 2, 2])
    #expect(try Difference(image.voxels(as: .float32), voxels.permuted([1, 2, 3, 0])).maximum == 0)
    #expect(image.header.affine == .scaling([1, 2, 3]))
  }

  @Test func resamplingGoesBackToTheGridOfTheFile() throws {
    let folder = try TemporaryFolder()
    var image = TransformedImage(
      voxels: Tensor((0..<24).map { Float($0) }, [1, 4, 3, 2]), affine: .scaling([2, 1, 1]))
    image.originalAffine = .identity
    image.originalSpatialShape = [7, 3, 2]
    image.sourcePath = "a.nii"
    var sample = Sample(["pred": .image(image)])
    let arguments: OrderedDictionary<String, PlainValue> = [
      "keys": .string("pred"), "output_dir": .string(folder.path), "resample": .bool(true), "mode": .string("bilinear"),
    ]
    try TransformTable.make(Component(target: "SaveImaged", arguments: arguments, path: "post")).apply(&sample)
    let saved = try NIfTIImage(path: sample.savedPaths[0])
    let expected = Tensor((0..<42).map { Float($0 % 6) + Float($0 / 6) * 3 }, [7, 3, 2])
    #expect(try Difference(saved.voxels(as: .float32), expected).relative <= Tolerance.transform)
    #expect(saved.header.affine == .identity)
  }
}
