import Bundles
import Diagnostics
import Engines
import Files

/// An export as `python -m monai.bundle trt_export` or `onnx_export` is told to do it.
///
/// The meaning of each argument is that of monai/bundle/scripts.py, MONAI 1.6.
package struct MonaiExport {
  package enum Command: String, Sendable, CaseIterable {
    case trtExport = "trt_export"
    case onnxExport = "onnx_export"

    /// The function's parameters in their order.
    var parameters: [String] {
      let first = ["net_id", "filepath", "ckpt_file", "meta_file", "config_file", "key_in_ckpt"]
      switch self {
      case .trtExport:
        return first + [
          "precision", "input_shape", "use_trace", "dynamic_batchsize", "device", "use_onnx", "onnx_input_names",
          "onnx_output_names", "args_file", "converter_kwargs",
        ]
      case .onnxExport: return first + ["use_trace", "input_shape", "args_file", "converter_kwargs"]
      }
    }
  }

  package let command: Command
  package let options: ExportOptions
  /// Where the result goes.
  package let path: String
  /// The bundle's folder, or the checkpoint.
  package let modelPath: String
  /// What a user of MONAI should know of the differences.
  package let notes: [String]

  /// - Parameter words: The words after the command's name.
  /// - Throws: ``MonaiArgumentError``, ``ExportError``, `DeviceError`, `ConfigError`.
  package init(_ command: Command, _ words: [String]) throws {
    let name = command.rawValue
    let arguments = try MonaiArguments(words, command: name, parameters: command.parameters)
    guard let configs = try arguments.texts("config_file") else {
      throw MonaiArgumentError.missing(name: "config_file", command: name)
    }
    guard let file = try arguments.text("filepath") else {
      throw MonaiArgumentError.missing(name: "filepath", command: name)
    }
    var options = ExportOptions()
    options.network.networkID = try arguments.text("net_id") ?? "network_def"
    options.network.configFiles = configs
    let meta = try arguments.texts("meta_file") ?? []
    guard meta.count <= 1 else {
      throw MonaiArgumentError.wrongValue(name: "meta_file", found: "a list", expected: "one file", command: name)
    }
    options.network.metaFile = meta.first
    options.network.checkpointFile = try arguments.text("ckpt_file")
    options.network.checkpointKey = try arguments.text("key_in_ckpt")
    options.network.inputShape = try arguments.integers("input_shape")
    options.network.overrides = arguments.overrides
    var notes: [String] = []
    if command == .trtExport {
      options.precision = try arguments.text("precision").map { try .parse($0) } ?? .fp32
      options.dynamicBatch = try arguments.integers("dynamic_batchsize").map { try BatchRange($0) }
      options.device = try arguments.integer("device").map { try .parse("\($0)") }
      path = Self.packagePath(file)
      notes.append("MONAI writes a TorchScript file around the engine; here the engine package is \(path)")
    } else {
      path = file
    }
    self.command = command
    self.options = options
    modelPath = try Self.model(configs, checkpoint: options.network.checkpointFile, command: name)
    self.notes = notes + Self.notes(arguments)
  }

  /// `models/model_trt.ts` becomes `models/model_trt.engine`.
  private static func packagePath(_ file: String) -> String {
    let name = Paths.name(of: file)
    let stem = [".ts", ".pt", ".engine"].first(where: name.hasSuffix).map { String(file.dropLast($0.count)) } ?? file
    return stem + ".engine"
  }

  /// The bundle that the first config belongs to, else the checkpoint.
  private static func model(_ configs: [String], checkpoint: String?, command: String) throws -> String {
    if let config = configs.first {
      let folder = Paths.parent(of: config)
      if Paths.name(of: folder) == "configs", Bundle.isBundle(Paths.parent(of: folder)) {
        return Paths.parent(of: folder)
      }
    }
    guard let checkpoint else { throw MonaiArgumentError.missing(name: "ckpt_file", command: command) }
    return checkpoint
  }

  /// The arguments that have no meaning here, and why.
  private static func notes(_ arguments: MonaiArguments) -> [String] {
    let meaningless = [
      ("use_trace", "the network is built from its definition, nothing is traced"),
      ("use_onnx", "the engine is always built from ONNX"),
      ("onnx_input_names", "the inputs keep the names that they have here, which are printed"),
      ("onnx_output_names", "the outputs are output_0, output_1 …"),
      ("converter_kwargs", "they are settings of Torch-TensorRT, which isn't used"),
    ]
    return meaningless.filter { arguments.contains($0.0) }.map { "--\($0.0) has no effect: \($0.1)" }
  }

  /// What the command exports to: ONNX; or standard TensorRT where its library and a GPU are here, else TensorRT for
  /// RTX, which needs no GPU.
  package func target() -> any ExportTarget {
    if command == .onnxExport { return ONNXTarget() }
    let hasGPU = ((try? CUDADriver.system?.deviceCount()) ?? 0) > 0
    if hasGPU, (try? TensorRTLibrary.load(.standard)) != nil { return TensorRTTarget(product: .standard) }
    return TensorRTTarget(product: .rtx)
  }
}
