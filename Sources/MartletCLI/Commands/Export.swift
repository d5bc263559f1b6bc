import ArgumentParser
import Diagnostics
import Engines
import Pipelines
import Tensors

struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Converts a network to an engine or to ONNX.",
    discussion: """
      Examples:
        martlet export Examples/brain-tissue --target tensorrt-rtx --precision fp16 --dynamic-batch 1,2,8 \\
          --output brain.engine
        martlet export Examples/brain-tissue --target onnx --output brain.onnx

      Targets:
      \(ExportTargets.all.map { "  \($0.name.padded(14))\($0.summary)" }.joined(separator: "\n"))

      The engine's outputs are compared with those of the network as it was imported; when they differ the exit code is 65
      and nothing is kept. A plain file is verified with --verify-scan, --oracle or --layer-by-layer.

      The spatial size is the inferer's window, what the metadata says, or --input-shape. A package that is up to date
      is left as it is.
      """)

  @Argument(help: "A bundle's folder, or a checkpoint together with --config-file.")
  var model: String

  @Option(help: "What to make: \(ExportTargets.names.joined(separator: ", ")).")
  var target: String

  @Option(name: .shortAndLong, help: "The file to write, or the engine package's folder.")
  var output: String

  @Option(help: "fp32 or fp16.")
  var precision = "fp32"

  @Option(help: "The input's shape, N,C,D,H,W; or the spatial extents alone.")
  var inputShape: String?

  @Option(
    help: ArgumentHelp(
      "An input behind the first, where the model leaves it open: its shape, and the type of its elements for a "
        + "TorchScript program where it isn't float32. Once for each.",
      valueName: "1,77,768 or 1:int64"))
  var furtherInput: [String] = []

  @Option(help: "The smallest, the best and the largest batch, 1,4,8. Default: the one of the input's shape.")
  var dynamicBatch: String?

  @Option(help: "The GPUs to build for, 8.6,12.0 (tensorrt-rtx). Default: all from 8.0 on.")
  var computeCapability: String?

  @Option(help: "GPU memory for a layer's intermediate results: bytes, or 512M, 2G.")
  var workspace: String?

  @Option(help: "How long the library searches for fast kernels, 0 to 5.")
  var optimizationLevel: Int?

  @Option(help: "The GPUs besides this one that the engine is to run on: none, ampere+, same (tensorrt).")
  var hardwareCompatibility = "none"

  @Option(help: "cpu, cuda, cuda:1, gpu:1, 1, dla:0.")
  var device: String?

  @Option(help: "The engine library's file or folder. Default: it is found.")
  var engineLibrary: String?

  @Option(help: "A folder for the graph as text after each pass that changed it.")
  var dumpPasses: String?

  @Flag(name: .customLong("keep-onnx"), help: "Keep the ONNX model in the package, so that it also runs on CPUs.")
  var keepsONNX = false

  @Flag(help: "Put an ONNX file's weights into a file beside it, as those of more than 2 GiB are in any case.")
  var externalData = false

  @Flag(help: "Don't run what was made beside the network as it was imported.")
  var noVerify = false

  @Flag(help: "Keep what fails the verification; the exit code is 65 all the same.")
  var keepFailed = false

  @Flag(help: "Leave out the optimisation passes.")
  var noOptimize = false

  @OptionGroup var verification: VerificationArguments

  @Flag(help: "Build also when the package is up to date.")
  var force = false

  @OptionGroup var network: NetworkArguments
  @OptionGroup var printing: OutputArguments

  func run() throws {
    guard let target = ExportTargets.named(target) else {
      throw OptionError.unknownTarget(target, known: ExportTargets.names)
    }
    try ExportRun(printing: printing).run(try Model(path: model), try options(), to: target, at: output)
  }

  private func options() throws -> ExportOptions {
    var options = ExportOptions()
    options.network = try network.options(inputShape: inputShape)
    options.network.furtherInputs = try furtherInput.map(OptionError.inputType)
    options.precision = try .parse(precision)
    options.dynamicBatch = try dynamicBatch.map {
      try BatchRange(try OptionError.numbers($0, option: "--dynamic-batch"))
    }
    options.computeCapabilities = try computeCapability.map { try ComputeCapability.parseList($0) } ?? []
    options.workspaceLimit = try workspace.map { try OptionError.bytes($0, option: "--workspace") }
    options.optimizationLevel = optimizationLevel
    options.hardwareCompatibility = try .parse(hardwareCompatibility)
    options.device = try device.map { try .parse($0) }
    options.library = engineLibrary
    options.dumpFolder = dumpPasses
    options.keepsONNX = keepsONNX
    options.storesDataExternally = externalData
    options.verifies = !noVerify
    options.verification = verification.options
    options.keepsFailed = keepFailed
    options.optimizes = !noOptimize
    options.isForced = force
    return options
  }
}
