package import Diagnostics
import Foundation
import Images
import Tensors

/// A copy of the demo's bundle that a test may damage, a small scan, and a folder for the results.
package struct BundleCopy {
  package let folder: TemporaryFolder
  package var path: String { folder.file("bundle") }
  package var configPath: String { path + "/configs/inference.json" }
  package var checkpointPath: String { path + "/models/model.pt" }
  package var output: String { folder.file("results") }

  package init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.copyItem(atPath: Corpus.example("brain-tissue"), toPath: path)
  }

  /// Replaces `old`, which must occur, in the inference config.
  package func replaceInConfig(_ old: String, by new: String) throws {
    let text = try String(contentsOfFile: configPath, encoding: .utf8)
    guard text.contains(old) else { throw CocoaError(.fileReadCorruptFile) }
    try text.replacingOccurrences(of: old, with: new).write(toFile: configPath, atomically: true, encoding: .utf8)
  }

  /// Every file below the output folder, unfinished ones included.
  package var results: [String] { Self.files(in: output) }

  package static func files(in folder: String) -> [String] {
    (try? FileManager.default.subpathsOfDirectory(atPath: folder))?.filter {
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: folder + "/" + $0, isDirectory: &isFolder) && !isFolder.boolValue
    }.sorted() ?? []
  }

  /// A scan of the given extents with voxels of 1.5 mm, written as int16.
  package func scan(_ shape: [Int] = [20, 18, 22], named name: String = "scan.nii") throws -> String {
    let count = shape.reduce(1, *)
    let voxels = Tensor((0..<count).map { Int16($0 * 37 % 211) }, Shape(shape))
    let path = folder.file(name)
    try NIfTIWriter.write(voxels, affine: .scaling([1.5, 1.5, 1.5]), elementType: .int16, to: path)
    return path
  }

  /// A scan whose header has `bytes` at `offset`.
  package func scan(patched bytes: [UInt8], at offset: Int, shape: [Int] = [20, 18, 22]) throws -> String {
    var content = [UInt8](try Data(contentsOf: URL(filePath: try scan(shape))))
    content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    return try folder.write(content, to: "patched.nii")
  }
}

/// The diagnosis of what `body` throws; nil when it throws nothing.
package func diagnose(_ body: () throws -> Void) throws -> Diagnosis? {
  do {
    try body()
    return nil
  } catch let error as any DiagnosedError {
    return error.diagnosis
  }
}
