import Diagnostics
import Engines
import Files
import Foundation
import TestSupport
import Testing

@Suite struct EnginePackageTests {
  private func manifest() -> PackageManifest {
    let tensor = PackageManifest.TensorDescription(
      name: "input_0", type: "float32", minimum: [1, 1, 8, 8], optimum: [2, 1, 8, 8], maximum: [4, 1, 8, 8])
    var manifest = PackageManifest(
      target: "openvino", precision: "fp32", device: "cpu",
      engine: .init(path: "models/engine.blob", bytes: 6, sha256: ContentHash("engine")), inputs: [tensor],
      outputs: [tensor], library: .init(title: "OpenVINO", file: "libopenvino_c.so", bytes: 1),
      source: .init(
        model: "/bundle", kind: "MONAI bundle", networkID: "network_def", network: "UNet", files: [],
        configs: ["inference.json"], checkpointKey: nil, overrides: ["a#b=1"]),
      options: ["precision=fp32"], martlet: "0")
    manifest.files = [.init(path: "configs/inference.json", bytes: 2, sha256: ContentHash("{}"))]
    manifest.verification = [.init("engine", .notChecked, "no GPU")]
    return manifest
  }

  private func package(_ manifest: PackageManifest) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try AtomicFile.write(try manifest.encoded(), to: folder.file("package.json"))
    try AtomicFile.write("engine", to: folder.file("models/engine.blob"))
    try AtomicFile.write("{}", to: folder.file("configs/inference.json"))
    return folder
  }

  @Test func comesBackAsItWasWritten() throws {
    let folder = try package(manifest())
    let read = try EnginePackage(path: folder.path)
    #expect(read.manifest == manifest())
    #expect(EnginePackage.isPackage(folder.path))
    #expect(read.editedFiles() == [] && read.onnxPath == nil)
    #expect(try read.isEngineIntact())
  }

  @Test func editedAndMissingFilesAreNamed() throws {
    let folder = try package(manifest())
    try AtomicFile.write("{ }", to: folder.file("configs/inference.json"))
    #expect(try EnginePackage(path: folder.path).editedFiles() == ["configs/inference.json"])
    try FileManager.default.removeItem(atPath: folder.file("configs/inference.json"))
    #expect(try EnginePackage(path: folder.path).editedFiles() == ["configs/inference.json"])
  }

  @Test func anEngineOfAnotherSizeIsRefusedAndOfAnotherContentNoticed() throws {
    let folder = try package(manifest())
    try AtomicFile.write("motors", to: folder.file("models/engine.blob"))
    #expect(try EnginePackage(path: folder.path).isEngineIntact() == false)
    try AtomicFile.write("engi", to: folder.file("models/engine.blob"))
    let cut = try EnginePackage(path: folder.path)
    #expect(throws: EnginePackageError.self) { try cut.engineFile() }
  }

  @Test(arguments: ["../engine", "/etc/passwd", "models/../../x", ".."])
  func pathsThatLeaveThePackageAreRefused(path: String) throws {
    var manifests = [manifest(), manifest(), manifest()]
    manifests[0].engine.path = path
    manifests[1].files[0].path = path
    manifests[2].onnx = .init(path: path, bytes: 1, sha256: ContentHash(""))
    for manifest in manifests {
      let folder = try package(manifest)
      #expect(throws: FileError.escapesFolder(path: path, folder: folder.path)) { try EnginePackage(path: folder.path) }
    }
  }

  @Test func anotherFormatIsRefusedByItsNumber() throws {
    var future = manifest()
    future.format = 2
    let folder = try package(future)
    #expect(throws: EnginePackageError.unknownFormat(file: folder.path + "/package.json", found: 2)) {
      try EnginePackage(path: folder.path)
    }
  }

  @Test(arguments: [[1, 1, 8], [0, 1, 8, 8], [-1, 1, 8, 8], [9, 1, 8, 8], [1, 1, 8, Int.max], []])
  func impossibleShapesAreRefused(minimum: [Int]) throws {
    var broken = manifest()
    broken.inputs[0].minimum = minimum
    let folder = try package(broken)
    #expect(throws: EnginePackageError.self) { try EnginePackage(path: folder.path) }
  }

  @Test func damagedManifestsThrow() throws {
    let whole = try manifest().encoded()
    let folder = try package(manifest())
    for count in stride(from: 0, to: whole.count - 2, by: 7) {
      try Data(whole[..<count]).write(to: URL(filePath: folder.file("package.json")))
      #expect { try EnginePackage(path: folder.path) } throws: { $0 is any DiagnosedError }
    }
    for index in stride(from: 0, to: whole.count, by: 3) {
      var bytes = whole
      bytes[index] ^= 0x11
      try Data(bytes).write(to: URL(filePath: folder.file("package.json")))
      // A changed letter in a text is no damage that can be seen; anything else must be a diagnosed error.
      do { _ = try EnginePackage(path: folder.path) } catch let error { #expect(error is any DiagnosedError) }
    }
  }

  @Test func onlyPackagesAndEmptyPlacesMayBeReplaced() throws {
    let folder = try package(manifest())
    try EnginePackage.requireReplaceable(folder.path)
    try EnginePackage.requireReplaceable(folder.file("nothing"))
    for path in [folder.file("configs"), folder.file("package.json")] {
      #expect(throws: EnginePackageError.occupied(path: path)) { try EnginePackage.requireReplaceable(path) }
    }
  }
}
