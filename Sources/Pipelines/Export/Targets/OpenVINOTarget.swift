package import Diagnostics
package import Engines
import Files
import Graphs

/// A network compiled by OpenVINO for the CPU of this kind of machine.
package struct OpenVINOTarget: ExportTarget {
  package let name = "openvino"
  package let summary = "an engine package for CPUs"
  package var deviceKinds: [Device.Kind] { [.cpu] }
  package let fixesBatch = true

  package init() {}

  package func check(_ options: ExportOptions) throws {
    try requireDevice(options, title: "OpenVINO")
    let given: [(String, Bool)] = [
      ("--compute-capability", !options.computeCapabilities.isEmpty), ("--workspace", options.workspaceLimit != nil),
      ("--optimization-level", options.optimizationLevel != nil),
      ("--hardware-compatibility", options.hardwareCompatibility != .none),
      ("--external-data", options.storesDataExternally),
    ]
    for (option, isGiven) in given where isGiven {
      throw ExportError.notForTarget(option: option, target: name, hint: "leave it out, or export to tensorrt-rtx")
    }
    guard options.dynamicBatch == nil else {
      throw ExportError.notForTarget(
        option: "--dynamic-batch", target: name,
        hint: "its engines have one batch, the first number of --input-shape; a run splits larger ones")
    }
  }

  package func library(_ options: ExportOptions) throws -> PackageManifest.Library? {
    .found(by: OpenVINOBackend(library: options.library).search, title: "OpenVINO")
  }

  package func open(_ package: EnginePackage, _ choice: EngineChoice) throws -> any CompiledEngine {
    if let device = choice.namedDevice, device.kind != .cpu {
      throw DeviceError.wrongKind(asked: device, backend: "OpenVINO", takes: [.cpu])
    }
    return try OpenVINOBlob(
      try package.engineFile(), inputs: package.manifest.inputs.map(\.specification),
      outputs: package.manifest.outputs.map(\.specification),
      search: OpenVINOBackend(library: choice.library(of: .openvino)).search)
  }

  package func build(
    _ network: ExportedNetwork, _ options: ExportOptions, progress: ProgressObserver?
  ) throws -> ExportProduct {
    let backend = OpenVINOBackend(library: options.library)
    var engineOptions = EngineOptions()
    engineOptions.batch = network.batch.optimum
    let source = try EngineSource(network.graph)
    // Compiling writes the file, so that it happens where the file goes.
    return ExportProduct(
      fileExtension: "blob", libraryTitle: try backend.libraryTitle(),
      write: { path in try backend.export(source, engineOptions, to: path) },
      open: { path in
        try OpenVINOBlob(
          try MappedFile(path: path), inputs: source.inputs, outputs: source.outputs, search: backend.search)
      },
      runCandidate: EngineCheck.run(on: backend), graph: { network.graph },
      verification: [],
      notes: options.precision == .fp16
        ? ["OpenVINO computes on this CPU in float32; fp16 halves the weights only"] : [])
  }
}

extension PackageManifest.Library {
  /// The library that `search` finds, by its file; a bare title where only the system's loader may know it.
  static func found(by search: LibrarySearch, title: String) -> PackageManifest.Library {
    guard case .file(let path) = search.find() else { return PackageManifest.Library(title: title, file: "", bytes: 0) }
    return PackageManifest.Library(title: title, file: Paths.name(of: path), bytes: FileSize.bytes(of: path) ?? 0)
  }
}
