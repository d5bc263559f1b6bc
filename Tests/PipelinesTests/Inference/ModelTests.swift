import Diagnostics
import Files
import Foundation
import Graphs
import Pipelines
import Tensors
import TestSupport
import Testing

@Suite struct ModelTests {
  private func kind(_ path: String) throws -> String { try Model(path: path).kind }

  @Test func aModelIsKnownByItsContent() throws {
    let folder = try TemporaryFolder()
    let checkpoint = folder.file("weights.jpeg")
    try FileManager.default.copyItem(atPath: Corpus.example("brain-tissue/models/model.pt"), toPath: checkpoint)
    let program = folder.file("program.pt")
    try FileManager.default.copyItem(atPath: Corpus.example("brain-tissue/models/model.ts"), toPath: program)
    #expect(try kind(checkpoint) == "checkpoint")
    #expect(try kind(program) == "TorchScript program")
    #expect(try kind(Corpus.path("checkpoints/weights.safetensors")) == "checkpoint")
    #expect(try kind(Corpus.example("brain-tissue")) == "MONAI bundle")
    #expect(try kind(Corpus.example("brain-tissue/")) == "MONAI bundle")
  }

  @Test func anExportedFileIsAnONNXModel() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("network.bin")
    let bundle = try Model(path: Corpus.example("brain-tissue"))
    let export = try Export(bundle, ExportOptions(), to: ONNXTarget(), at: path).run()
    #expect(try kind(path) == "ONNX model")
    #expect(export.byteCount == (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int))
  }

  @Test func whatIsNoModelIsSaidPlainly() throws {
    let folder = try TemporaryFolder()
    let cases = [
      (try folder.write("network = UNet()\n", to: "model.pt"), "text"), (try folder.write("", to: "empty.pt"), "empty"),
      (try folder.write("PK", to: "short.pt"), "too short"),
      (try folder.write((0..<4096).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) }, to: "junk.pt"), "unknown format"),
      (Corpus.example("data/t1_sample.nii.gz"), "gzip"), (folder.path, "not a MONAI bundle"),
    ]
    for (path, words) in cases {
      let refusal = try diagnose { _ = try Model(path: path) }
      #expect(refusal?.kind == .data && refusal?.description.contains(words) == true, "\(path): \(refusal as Any)")
      #expect(refusal?.location.contains(path) == true)
    }
    for path in ["/dev/null", folder.file("nothing"), ""] {
      #expect(try diagnose { _ = try Model(path: path) }?.kind == .noInput, "\(path)")
    }
  }

  /// A context length that the definition leaves open; an engine needs it.
  @Test func furtherInputsGiveOpenExtents() throws {
    let folder = Corpus.path("networks/diffusionunet3d_conditioned/")
    var options = NetworkOptions()
    options.configFiles = [folder + "network.json"]
    func shapes(_ further: [[Int]]) throws -> [[Int?]] {
      options.furtherInputs = further.map { NetworkOptions.InputType(shape: $0, elementType: .float32) }
      let graph = try NetworkSource(try Model(path: folder + "state_dict.pt"), options).graph(spatialShape: [8, 8, 8])
      return graph.inputs.map { graph.type(of: $0).shape.map(\.constant) }
    }
    #expect(try shapes([])[2] == [nil, nil, 3])
    #expect(try shapes([[1], [1, 5, 3], [1]]) == [[nil, 2, 8, 8, 8], [nil], [nil, 5, 3], [nil]])
    for wrong in [
      [[1], [1, 5, 4], [1]], [[1], [1, 5, 3]], [[1], [1, 5, 3], [1], [1]], [[1, 1], [1, 5, 3], [1]],
    ] {
      #expect(throws: ModelError.self) { try shapes(wrong) }
    }
  }

  @Test func aLinkIsFollowedAndALoopIsAnError() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("link"), withDestinationPath: Corpus.example("brain-tissue"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("loop"), withDestinationPath: folder.file("loop"))
    #expect(try kind(folder.file("link")) == "MONAI bundle")
    #expect(try diagnose { _ = try Model(path: folder.file("loop")) }?.kind == .noInput)
  }
}
