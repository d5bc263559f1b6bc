package import Diagnostics
package import Engines
import Files
import Foundation
import Graphs
import Importers

/// An ONNX file, opset 20, for whatever reads it. The batch stays open. Weights that would take it past protobuf's 2 GiB
/// go to a file beside it.
package struct ONNXTarget: ExportTarget {
  package let name = "onnx"
  package let summary = "an ONNX file"
  package var deviceKinds: [Device.Kind] { Device.Kind.allCases }
  package let fixesBatch = false

  package init() {}

  package func check(_ options: ExportOptions) throws {
    let given: [(String, Bool)] = [
      ("--compute-capability", !options.computeCapabilities.isEmpty), ("--workspace", options.workspaceLimit != nil),
      ("--optimization-level", options.optimizationLevel != nil),
      ("--hardware-compatibility", options.hardwareCompatibility != .none), ("--keep-onnx", options.keepsONNX),
    ]
    for (option, isGiven) in given where isGiven {
      throw ExportError.notForTarget(option: option, target: name, hint: "leave it out, or export to tensorrt-rtx")
    }
  }

  package func library(_ options: ExportOptions) -> PackageManifest.Library? { nil }

  /// No package has this target: it writes a plain file.
  package func open(_ package: EnginePackage, _ choice: EngineChoice) throws -> any CompiledEngine {
    throw EnginePackageError.unknownTarget(package: package.path, target: name)
  }

  package func build(
    _ network: ExportedNetwork, _ options: ExportOptions, progress: ProgressObserver?
  ) throws -> ExportProduct {
    let writer = try ONNXWriter(network.graph, storesDataExternally: options.storesDataExternally)
    var notes: [String] = []
    if writer.hasExternalData { notes.append("the weights are in the file NAME.data beside the model") }
    if options.dynamicBatch != nil { notes.append("an ONNX model's batch is open, so --dynamic-batch changes nothing") }
    return ExportProduct(
      fileExtension: "onnx", libraryTitle: nil, write: { try writer.write(to: $0) },
      // What a reader makes of the file's bytes.
      graph: { try Self.readBack(writer) },
      writesDataBeside: writer.hasExternalData, verification: [], notes: notes)
  }

  /// The graph as it is in the file; its weights stay mapped when the file is gone.
  private static func readBack(_ writer: ONNXWriter) throws -> Graph {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)").path
    try Folders.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = Paths.join(folder, "model.onnx")
    try writer.write(to: path)
    return try ONNXReader(path: path).graph(ImportOptions())
  }
}
