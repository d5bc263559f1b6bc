import ArgumentParser
import Pipelines

/// `python -m monai.bundle trt_export` with its own flags.
struct TrtExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trt_export",
    abstract: "Builds an engine package, with the flags of 'python -m monai.bundle trt_export'.",
    discussion: """
      Example, in a bundle's folder:
        martlet trt_export --net_id network_def --filepath models/model_trt.ts --ckpt_file models/model.pt \\
          --meta_file configs/metadata.json --config_file configs/inference.json --precision fp16 \\
          --dynamic_batchsize "[1, 4, 8]"

      --a#b VALUE replaces a config entry; --args_file FILE holds defaults. The package is written beside the file that
      MONAI would write: models/model_trt.engine.
      """)

  @Argument(parsing: .captureForPassthrough, help: "MONAI's own arguments.")
  var words: [String] = []

  func run() throws { try MonaiExportRun.run(.trtExport, words, help: Self.helpMessage()) }
}

/// `python -m monai.bundle onnx_export` with its own flags.
struct OnnxExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "onnx_export",
    abstract: "Writes an ONNX model, with the flags of 'python -m monai.bundle onnx_export'.",
    discussion: """
      Example, in a bundle's folder:
        martlet onnx_export --net_id network_def --filepath models/model.onnx --ckpt_file models/model.pt \\
          --meta_file configs/metadata.json --config_file configs/inference.json
      """)

  @Argument(parsing: .captureForPassthrough, help: "MONAI's own arguments.")
  var words: [String] = []

  func run() throws { try MonaiExportRun.run(.onnxExport, words, help: Self.helpMessage()) }
}

private enum MonaiExportRun {
  static func run(_ command: MonaiExport.Command, _ words: [String], help: String) throws {
    if words.contains("--help") || words == ["-h"] {
      return try Terminal.print(help)
    }
    // Martlet's own flags, which MONAI doesn't have.
    let own = ["--quiet", "--json"]
    var printing = OutputArguments()
    printing.quiet = words.contains("--quiet")
    printing.json = words.contains("--json")
    let export = try MonaiExport(command, words.filter { !own.contains($0) })
    for note in export.notes { printing.note("note: \(note)") }
    try ExportRun(printing: printing).run(
      try Model(path: export.modelPath), export.options, to: export.target(), at: export.path)
  }
}
