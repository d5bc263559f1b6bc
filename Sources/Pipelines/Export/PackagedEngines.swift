import Bundles
import Engines
import Files
import Tensors

/// The engine of a package as a pipeline asks for it.
struct PackagedEngines: EngineProvider {
  private let package: EnginePackage
  private let engine: any CompiledEngine

  var batches: ClosedRange<Int>? {
    package.manifest.inputs.first.flatMap { input in
      input.minimum.first.flatMap { low in input.maximum.first.map { low...$0 } }
    }
  }

  /// The engine that `choice` asks for: the package's own, or its network on the CPU.
  static func provider(
    of package: EnginePackage, _ options: NetworkOptions, _ choice: EngineChoice
  ) throws -> any EngineProvider {
    let target = package.manifest.target
    if choice.runtime == .openvino, target != "openvino" { return try onCPU(package, options, choice) }
    guard choice.runtime == .auto || choice.runtime.rawValue == target, let opener = ExportTargets.named(target) else {
      throw EnginePackageError.unknownTarget(
        package: package.path, target: choice.runtime == .auto ? target : choice.runtime.rawValue)
    }
    return PackagedEngines(package: package, engine: try opener.open(package, choice))
  }

  /// - Throws: ``EnginePackageError/otherShape(package:found:minimum:maximum:)`` for another window than the engine's.
  func engine(spatialShape: [Int], memory: Int?) throws -> any CompiledEngine {
    guard let input = package.manifest.inputs.first,
      Array(input.minimum.dropFirst(2)) == spatialShape || isBetween(spatialShape, input)
    else {
      let input = package.manifest.inputs.first
      throw EnginePackageError.otherShape(
        package: package.path, found: spatialShape, minimum: Array((input?.minimum ?? []).dropFirst(2)),
        maximum: Array((input?.maximum ?? []).dropFirst(2)))
    }
    return engine
  }

  private func isBetween(_ extents: [Int], _ input: PackageManifest.TensorDescription) -> Bool {
    extents.count + 2 == input.minimum.count
      && zip(extents, zip(input.minimum, input.maximum).dropFirst(2)).allSatisfy { $1.0 <= $0 && $0 <= $1.1 }
  }

  // MARK: On the CPU

  /// The package's network with OpenVINO: from the ONNX model that it keeps, else from the model that it was made from,
  /// as long as that is still what it was.
  private static func onCPU(
    _ package: EnginePackage, _ options: NetworkOptions, _ choice: EngineChoice
  ) throws -> any EngineProvider {
    if let path = package.onnxPath {
      let file = try MappedFile(path: path)
      let source = EngineSource(
        onnx: Storage(file: file, range: 0..<file.bytes.count), inputs: package.manifest.inputs.map(\.specification),
        outputs: package.manifest.outputs.map(\.specification))
      let backend = OpenVINOBackend(library: choice.library)
      return PackagedEngines(package: package, engine: try backend.compile(source, choice.options))
    }
    let options = try options.filled(from: package)
    if options.checkpointFile == nil {
      let (model, recorded) = try package.recordedModel(options)
      return EngineCache(source: try NetworkSource(model, recorded), choice: choice)
    }
    let bundle = Model.bundle(try Bundle(path: package.path))
    return EngineCache(source: try NetworkSource(bundle, options), choice: choice)
  }
}

extension EnginePackage {
  /// The model that the package was made from, with the options that say which network of it.
  /// - Throws: ``EnginePackageError/noNetwork(package:reason:)`` when its files aren't what they were any more.
  func recordedModel(_ options: NetworkOptions) throws -> (Model, NetworkOptions) {
    let recorded = manifest.source
    for file in recorded.files {
      guard (try? ContentHash(file: file.path)) == file.sha256 else {
        throw EnginePackageError.noNetwork(
          package: path, reason: "it keeps no ONNX model, and \(file.path) isn't what it was made from")
      }
    }
    var options = options
    let configs = recorded.files.map(\.path).filter { recorded.configs.contains(Paths.name(of: $0)) }
    options.configFiles = configs.isEmpty ? nil : configs
    options.overrides = try recorded.overrides.map { try ConfigOverride(parsing: $0) }
    return (try Model(path: recorded.model), options)
  }
}

extension NetworkOptions {
  /// The options with what the package was exported with where the user says nothing else.
  func filled(from package: EnginePackage) throws -> NetworkOptions {
    var filled = self
    let source = package.manifest.source
    if filled.configFiles == nil, !source.configs.isEmpty { filled.configFiles = source.configs }
    if filled.networkID == NetworkOptions().networkID { filled.networkID = source.networkID }
    filled.checkpointKey = filled.checkpointKey ?? source.checkpointKey
    if filled.furtherInputs.isEmpty {
      filled.furtherInputs = package.manifest.inputs.dropFirst().map {
        InputType(shape: $0.minimum, elementType: $0.specification.elementType)
      }
    }
    filled.overrides = try source.overrides.map { try ConfigOverride(parsing: $0) } + overrides
    return filled
  }
}
