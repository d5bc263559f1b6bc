import Diagnostics
import Engines
import Files
import Foundation
import Images
import Pipelines
import TestSupport
import Testing

@Suite(.serialized) struct PackageRunTests {
  private let scan = Corpus.example("data/t1_sample.nii.gz")

  private func segment(_ package: EnginePackage, _ choice: EngineChoice, into folder: String) throws -> Volume {
    try BundlePipeline(package, NetworkOptions(), choice, outputFolder: folder).run(scan).result
  }

  @Test func anOpenVINOEngineSegmentsTheScanAsTheBundleDoes() throws {
    let export = try ExportCase()
    let result = try export.export("openvino", ExportCase.options("openvino", shape: [1, 1, 64, 64, 64]))
    var choice = EngineChoice()
    choice.library = ExportCase.library("openvino")
    let labels = try segment(try EnginePackage(path: result.path), choice, into: export.folder.file("out"))
    let reference = try NIfTIImage(path: Corpus.example("data/monai_output.nii.gz")).volume()
    #expect(try LabelComparison(labels, reference).agreement >= Tolerance.labelAgreement)
  }

  @Test func aTensorRTPackageRunsOnTheCPUOnlyWhenItIsAskedTo() throws {
    let export = try ExportCase()
    var options = ExportCase.options("tensorrt-rtx", shape: [1, 1, 64, 64, 64])
    let result = try export.export("tensorrt-rtx", options)
    let package = try EnginePackage(path: result.path)
    let out = export.folder.file("out")
    if CUDADriver.system == nil {
      let error = #expect(throws: EnginePackageError.self) { try segment(package, EngineChoice(), into: out) }
      #expect(error?.diagnosis.kind == .unavailable)
      #expect(error?.diagnosis.hint?.contains("--runtime openvino") == true)
    }
    var choice = EngineChoice()
    choice.runtime = .openvino
    choice.library = ExportCase.library("openvino")
    _ = try BundlePipeline(package, NetworkOptions(), choice, outputFolder: out)

    // When the model that it was made from has changed, it can't stand in; a kept ONNX model can.
    try ExportCase.edit(export.bundle + "/configs/inference.json", "\n}", ",\n  \"remark\": 1\n}")
    let error = #expect(throws: EnginePackageError.self) {
      try BundlePipeline(package, NetworkOptions(), choice, outputFolder: out)
    }
    #expect(error?.diagnosis.hint?.contains("--keep-onnx") == true)
    options.keepsONNX = true
    let kept = try EnginePackage(path: try export.export("tensorrt-rtx", options).path)
    try FileManager.default.removeItem(atPath: export.bundle)
    _ = try BundlePipeline(kept, NetworkOptions(), choice, outputFolder: out)
  }

  @Test func anotherWindowThanTheEnginesIsRefused() throws {
    let export = try ExportCase()
    let result = try export.export("openvino", ExportCase.options("openvino"))
    var choice = EngineChoice()
    choice.library = ExportCase.library("openvino")
    let package = try EnginePackage(path: result.path)
    let error = #expect(throws: EnginePackageError.self) {
      try segment(package, choice, into: export.folder.file("out"))
    }
    #expect(error?.diagnosis.expected == "32×32×32")
  }

  @Test func aGPUIsNotForAnOpenVINOEngine() throws {
    let export = try ExportCase()
    let package = try EnginePackage(path: try export.export("openvino", ExportCase.options("openvino")).path)
    var choice = EngineChoice()
    choice.namedDevice = .cuda(0)
    #expect(throws: DeviceError.wrongKind(asked: .cuda(0), backend: "OpenVINO", takes: [.cpu])) {
      try BundlePipeline(package, NetworkOptions(), choice, outputFolder: export.folder.file("out"))
    }
  }

  @Test func inspectTellsWhatIsInside() throws {
    let export = try ExportCase()
    let result = try export.export("openvino", ExportCase.options("openvino"))
    let before = try Inspection(path: result.path, NetworkOptions())
    #expect(before.kind == "engine package" && before.text.contains("as exported"))
    try ExportCase.edit(result.path + "/configs/inference.json", "\n}", ",\n  \"remark\": 1\n}")
    #expect(try Inspection(path: result.path, NetworkOptions()).text.contains("edited or gone since the export"))
  }
}
