import Engines
import Pipelines

extension Converter {
  /// What runs the engine.
  public enum EngineTarget: String, Sendable, CaseIterable {
    /// TensorRT for RTX, for GeForce and RTX GPUs; built on any machine, without a GPU.
    case tensorRTForRTX = "tensorrt-rtx"
    /// TensorRT, built on the machine with the GPU.
    case tensorRT = "tensorrt"
    /// OpenVINO, for CPUs.
    case openVINO = "openvino"
  }

  /// What the network computes in; its inputs and outputs are float32 either way.
  public enum Precision: String, Sendable, CaseIterable { case fp32, fp16 }

  /// How an engine is built.
  public struct EngineOptions: Sendable {
    /// What the network computes in.
    public var precision = Precision.fp32
    /// The smallest, the best and the largest batch; nil for a batch of one.
    public var dynamicBatch: (minimum: Int, optimum: Int, maximum: Int)?
    /// The GPUs to build for, `["8.6", "12.0"]`, for ``EngineTarget/tensorRTForRTX`` only; empty for all from 8.0 on.
    public var computeCapabilities: [String] = []
    /// Whether fp16 is compared with fp32 on this machine's CPU.
    public var verifies = true
    /// The engine library's file or folder; nil to find it.
    public var engineLibrary: String?

    /// The defaults.
    public init() {}
  }

  /// What an export came to.
  public struct EngineReport: Sendable {
    /// Whether the package was there already, made from the same content with the same options.
    public let wasUpToDate: Bool
    /// Bytes of the engine.
    public let engineByteCount: Int
    /// Each thing that was checked with its figures, or why it wasn't.
    public let verification: [String]
    /// What a person should know.
    public let notes: [String]
  }

  /// Writes an engine package, a folder, to `path`.
  ///
  ///     var options = Converter.EngineOptions()
  ///     options.precision = .fp16
  ///     try Converter(bundle: "Examples/brain-tissue").exportEngine(.tensorRTForRTX, to: "brain.engine", options)
  ///
  /// - Throws: ``MartletError``; an older package is then untouched.
  @discardableResult
  public func exportEngine(
    _ target: EngineTarget, to path: String, _ options: EngineOptions = EngineOptions()
  ) throws(MartletError) -> EngineReport {
    try MartletError.wrapping {
      var export = ExportOptions()
      export.network.inputShape = inputShape
      export.precision = try .parse(options.precision.rawValue)
      export.dynamicBatch = try options.dynamicBatch.map { try BatchRange([$0.minimum, $0.optimum, $0.maximum]) }
      export.computeCapabilities = try options.computeCapabilities.map { try .parse($0) }
      export.verifies = options.verifies
      export.library = options.engineLibrary
      guard let engine = ExportTargets.named(target.rawValue) else {
        throw EnginePackageError.unknownTarget(package: path, target: target.rawValue)
      }
      let result = try Export(try Model(path: bundle), export, to: engine, at: path).run()
      return EngineReport(
        wasUpToDate: result.outcome == .upToDate, engineByteCount: result.byteCount,
        verification: result.verification.map { "\($0.name): \($0.outcome.rawValue): \($0.detail)" },
        notes: result.notes)
    }
  }
}
