import COpenVINO
package import Files
import Tensors

/// A network that OpenVINO compiled earlier and wrote to a file, for inputs of one set of shapes.
package struct OpenVINOBlob: CompiledEngine {
  private let source: Plan
  package let settings: [EngineSetting]

  package var inputs: [TensorSpecification] { source.inputs }
  package var outputs: [TensorSpecification] { source.outputs }

  /// Opens such a file, which stays mapped while the engine lives.
  /// - Parameters:
  ///   - inputs: Of fixed shapes, as the file was written for.
  ///   - search: Where the library is.
  /// - Throws: ``EngineError``; a file of another version of the library is refused by the library.
  package init(
    _ file: MappedFile, inputs: [TensorSpecification], outputs: [TensorSpecification], search: LibrarySearch
  ) throws {
    let runtime = try OpenVINORuntime.load(search)
    let compiled = try runtime.compiledModel(in: file.bytes)
    let shapes = inputs.map { Shape($0.dimensions.map { $0 ?? 1 }) }
    let ports = zip(inputs, shapes).map { OVPort(elementType: $0.elementType.openVINO, shape: $1) }
    let plan = try OpenVINOPlan(
      runtime, compiled, inputShapes: shapes, ports: ports, inputs: inputs, outputs: outputs, file: file)
    source = Plan(inputs: inputs, outputs: outputs, plan: plan)
    settings = [
      EngineSetting("engine", "OpenVINO \(runtime.version)"), EngineSetting("library", runtime.path),
      EngineSetting("device", try runtime.deviceName("CPU")),
    ]
  }

  package func makeSession() throws -> sending any Session { OpenVINOSession(source) }

  private struct Plan: OpenVINOPlanSource {
    let inputs: [TensorSpecification]
    let outputs: [TensorSpecification]
    let plan: OpenVINOPlan

    /// The inputs' shapes are fixed, and a session checks them.
    func plan(for shapes: [Shape]) throws -> OpenVINOPlan { plan }
  }
}

extension OpenVINOBackend {
  /// Compiles the network for a fixed batch and writes it to the file `path`, which appears whole or not at all only
  /// as part of an atomically written folder.
  ///
  /// The library doesn't tell when the disk is full, so what it wrote is read back.
  /// - Throws: ``DeviceError``, ``EngineError``, `FileError`.
  package func export(_ source: EngineSource, _ options: EngineOptions, to path: String) throws {
    try requireDevice(options.device)
    let runtime = try OpenVINORuntime.load(search)
    let model = try OpenVINOModel(runtime, source, properties: try OpenVINOProperties(options))
    try model.plan(for: source.inputs.map { $0.shape(batch: options.batch) }).export(to: path)
    try verify(path, runtime)
  }

  private func verify(_ path: String, _ runtime: OpenVINORuntime) throws {
    let file = try MappedFile(path: path)
    do {
      try file.withBytes { OVCompiledModelFree(runtime.library, try runtime.compiledModel(in: $0)) }
    } catch EngineError.networkRefused {
      throw FileError.cannotWrite(path: path, reason: "OpenVINO can't read back the compiled network that it wrote")
    }
  }

  /// The library's name and release, `OpenVINO 2026.4.1`.
  /// - Throws: ``EngineError`` when it isn't here.
  package func libraryTitle() throws -> String {
    let version = try OpenVINORuntime.load(search).version
    return "\(title) \(version.prefix { $0 != "-" })"
  }
}
