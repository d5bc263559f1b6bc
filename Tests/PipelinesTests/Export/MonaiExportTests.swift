import Bundles
import Diagnostics
import Engines
import Files
import Foundation
import Pipelines
import TestSupport
import Testing

/// MONAI's own command lines.
@Suite(.serialized) struct MonaiExportTests {
  private typealias Line = (bundle: String, arguments: String)

  /// What the documentation of the model zoo's bundles says after `python -m monai.bundle trt_export`, with fp16 for its
  /// `<fp32/fp16>`.
  private static let lines: [Line] = {
    let common =
      "--net_id network_def --filepath models/model_trt.ts --ckpt_file models/model.pt "
      + "--meta_file configs/metadata.json --config_file configs/inference.json --precision fp16"
    let dints = common.replacing("inference.json", with: "inference.yaml")
    let kwargs =
      " --converter_kwargs \"{'truncate_long_and_double':True, 'torch_executed_ops': ['aten::upsample_trilinear3d']}\""
    return [
      (
        "brats_mri_segmentation",
        common + " --input_shape \"[1, 4, 240, 240, 160]\" --use_onnx \"True\" --use_trace \"True\""
      ),
      ("endoscopic_inbody_classification", common + " --use_onnx \"True\" --use_trace \"True\""),
      ("endoscopic_tool_segmentation", common),
      (
        "lung_nodule_ct_detection",
        common
          + " --input_shape \"[1, 1, 512, 512, 192]\"  --use_onnx \"True\" --use_trace \"True\" --onnx_output_names "
          + "\"['output_0', 'output_1', 'output_2', 'output_3', 'output_4', 'output_5']\" "
          + "--network_def#use_list_output \"True\""
      ),
      ("pancreas_ct_dints_segmentation", dints + " --use_trace \"True\" --dynamic_batchsize \"[1, 4, 8]\"" + kwargs),
      ("pathology_nuclick_annotation", common + " --use_trace \"True\""),
      ("pathology_tumor_detection", common + " --dynamic_batchsize \"[1, 400, 600]\""),
      (
        "pediatric_abdominal_ct_segmentation",
        dints.replacing("models/model_trt.ts", with: "models/A100/dynunet_FT_trt_16.ts")
          .replacing("models/model.pt", with: "models/dynunet_FT.pt")
          + " --use_trace \"True\" --dynamic_batchsize \"[1, 4, 8]\"" + kwargs
      ),
      (
        "spleen_ct_segmentation",
        common + " --dynamic_batchsize \"[1, 4, 8]\" --use_onnx \"True\" --use_trace \"True\""
      ),
      ("spleen_deepedit_annotation", common + " --use_onnx \"True\" --use_trace \"True\""),
      ("wholeBody_ct_segmentation", common + " --use_trace \"True\""),
    ]
  }()

  /// The words of a command line, as a shell splits them.
  private static func words(_ line: String) -> [String] {
    line.split(separator: "\"", omittingEmptySubsequences: false).enumerated().flatMap { index, part in
      index % 2 == 1 ? [String(part)] : part.split(separator: " ").map(String.init)
    }
  }

  @Test(arguments: lines.map(\.bundle))
  func theDocumentedCommandLinesParse(bundle: String) throws {
    let line = try #require(Self.lines.first { $0.bundle == bundle })
    let export = try MonaiExport(.trtExport, Self.words(line.arguments))
    let options = export.options
    #expect(options.precision == .fp16 && options.network.networkID == "network_def")
    #expect(export.path.hasSuffix(".engine") && export.path.hasPrefix("models/"))
    #expect(options.network.checkpointFile?.hasSuffix(".pt") == true)
    #expect(options.network.configFiles?.count == 1)
    #expect((options.dynamicBatch != nil) == line.arguments.contains("dynamic_batchsize"))
    #expect((options.network.inputShape != nil) == line.arguments.contains("input_shape"))
    for flag in ["use_trace", "use_onnx", "onnx_output_names", "converter_kwargs"] {
      #expect(export.notes.contains { $0.hasPrefix("--\(flag) ") } == line.arguments.contains("--\(flag)"))
    }
  }

  @Test func shapesBatchesAndOverridesAreRead() throws {
    let spleen = try MonaiExport(.trtExport, Self.words(Self.lines[8].arguments)).options
    #expect(spleen.dynamicBatch == (try BatchRange([1, 4, 8])))
    let brats = try MonaiExport(.trtExport, Self.words(Self.lines[0].arguments)).options
    #expect(brats.network.inputShape == [1, 4, 240, 240, 160])
    let lung = try MonaiExport(.trtExport, Self.words(Self.lines[3].arguments)).options
    #expect(lung.network.overrides.map(\.text) == ["network_def#use_list_output=True"])
    #expect(lung.network.overrides.map(\.value) == [.bool(true)])
    let other = try MonaiExport(
      .trtExport,
      [
        "network", "out.ts", "--config_file=c.json", "--ckpt_file", "m.pt", "--network_def#out_channels", "3",
        "--device", "1",
      ])
    #expect(other.options.network.networkID == "network" && other.path == "out.engine" && other.modelPath == "m.pt")
    #expect(other.options.network.overrides.map(\.value) == [.int(3)])
    #expect(other.options.device == .cuda(1))
  }

  @Test func theArgumentsFileFillsInWhatTheCommandLineLeavesOut() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      #"{"filepath": "a.ts", "config_file": "c.json", "ckpt_file": "m.pt", "precision": "fp16", "net#k": 2, "#
        + #""dynamic_batchsize": [1, 2, 3]}"#, to: "args.json")
    let export = try MonaiExport(.trtExport, ["--args_file", file, "--precision", "fp32", "--ckpt-file", "other.pt"])
    #expect(export.options.precision == .fp32 && export.path == "a.engine")
    #expect(export.options.network.checkpointFile == "other.pt")
    #expect(export.options.dynamicBatch == (try BatchRange([1, 2, 3])))
    #expect(export.options.network.overrides.map(\.path.description) == ["net#k"])
  }

  @Test(arguments: [
    ["--filepath", "a.ts"], ["--config_file", "c.json"], ["--config_file", "c.json", "--filepath", "a.ts"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--dynamic_batchsize", "4"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--dynamic_batchsize", "[4, 1, 8]"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--precision", "bf16"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--device", "-1"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--device", "cuda"],
    ["--config_file", "c.json", "--filepath", "a.ts", "--ckpt_file", "m.pt", "--input_shape", "[1, 'x']"],
  ])
  func whatCantBeMeantIsAUsageError(words: [String]) {
    #expect {
      try MonaiExport(.trtExport, words)
    } throws: {
      ($0 as? any DiagnosedError)?.diagnosis.kind == .usage
    }
  }

  @Test func aDocumentedCommandLineBuildsAnEngineBesideMonaisFile() throws {
    let export = try ExportCase()
    let line =
      "--net_id network_def --filepath \(export.bundle)/models/model_trt.ts --ckpt_file \(export.bundle)/models/model.pt "
      + "--meta_file \(export.bundle)/configs/metadata.json --config_file \(export.bundle)/configs/inference.json "
      + "--precision fp16 --dynamic_batchsize \"[1, 4, 8]\" --use_onnx \"True\" --use_trace \"True\" "
      + "--input_shape \"[1, 1, 32, 32, 32]\""
    let command = try MonaiExport(.trtExport, Self.words(line))
    #expect(command.modelPath == export.bundle)
    var options = command.options
    options.library = ExportCase.library("tensorrt-rtx")
    options.verifies = false
    let result = try Export(
      try Model(path: command.modelPath), options, to: TensorRTTarget(product: .rtx), at: command.path
    ).run()
    #expect(result.path == export.bundle + "/models/model_trt.engine")
    #expect(try EnginePackage(path: result.path).manifest.inputs[0].maximum == [8, 1, 32, 32, 32])
  }

  @Test func onnxExportWritesTheFileItIsTold() throws {
    let export = try ExportCase()
    let file = export.folder.file("model.onnx")
    let command = try MonaiExport(
      .onnxExport,
      [
        "network_def", "--filepath", file, "--ckpt_file", export.bundle + "/models/model.pt", "--config_file",
        export.bundle + "/configs/inference.json", "--use_trace", "True",
      ])
    #expect(command.target().name == "onnx" && command.path == file)
    _ = try Export(try Model(path: command.modelPath), command.options, to: command.target(), at: command.path).run()
    guard case .onnx = try Model(path: file) else { throw CocoaError(.fileReadCorruptFile) }
  }
}
