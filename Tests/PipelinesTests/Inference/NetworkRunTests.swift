import Archives
import Diagnostics
import Foundation
import Pipelines
import Tensors
import TestSupport
import Testing

/// The networks of `Tests/Corpus/networks` on their stored inputs, against PyTorch's stored outputs.
@Suite struct NetworkRunTests {
  private static let networks = ["unet3d_batch_prelu", "unet2d_instance"]

  private func run(_ name: String, inputs: [Tensor], key: String? = nil) throws -> NetworkRun {
    let folder = Corpus.path("networks/\(name)")
    var options = NetworkOptions()
    options.configFiles = [folder + "/network.json"]
    options.checkpointKey = key
    return try NetworkRun(try Model(path: folder + "/state_dict.pt"), options, EngineChoice(), inputs: inputs)
  }

  private func array(_ name: String, _ file: String) throws -> Tensor {
    try Npy.read(path: Corpus.path("networks/\(name)/\(file).npy"))
  }

  /// `count` samples of the stored batch, one after the other and again from the first.
  private func batch(_ tensor: Tensor, _ count: Int) -> Tensor {
    let sample = tensor.count / tensor.shape[0]
    let values = tensor.converted(to: .float32).array(of: Float.self)
    let indices = (0..<count).map { $0 % tensor.shape[0] }
    return Tensor(
      indices.flatMap { values[$0 * sample..<($0 + 1) * sample] }, Shape([count] + tensor.shape.dimensions.dropFirst()))
  }

  @Test(arguments: networks, [1, 2, 3])
  func theOutputIsPyTorchsForEveryBatch(_ name: String, _ count: Int) throws {
    let run = try run(name, inputs: [batch(try array(name, "input_0"), count)])
    #expect(run.outputs.map(\.name) == ["output_0"])
    let difference = Difference(run.outputs[0].tensor, batch(try array(name, "output_0"), count))
    #expect(difference.relative <= Tolerance.network, "\(difference)")

    let comparison = try OutputComparison(
      name: "output_0", run.outputs[0].tensor, batch(try array(name, "output_0"), count))
    #expect(comparison.relativeError <= Tolerance.network)
    #expect((comparison.argmaxAgreement ?? 0) >= Tolerance.labelAgreement)
  }

  /// PyTorch's exporters write names with slashes, and a hostile file may name any place.
  @Test(arguments: [
    ("logits", "logits"), ("Identity:0", "Identity:0"), ("/head/Conv_output_0", "output_3"), ("../evil", "output_3"),
    ("a/b", "output_3"), ("", "output_3"), (".hidden", "output_3"), ("a\0b", "output_3"),
  ])
  func anOutputsFileStaysInItsFolder(_ name: String, _ file: String) {
    #expect(NetworkRun.fileName(name, index: 3) == file)
  }

  @Test func outputsAreWrittenUnderTheirNames() throws {
    let folder = try TemporaryFolder()
    let run = try run("unet2d_instance", inputs: [try array("unet2d_instance", "input_0")])
    let paths = try run.write(to: folder.file("deep/er"))
    #expect(paths == [folder.file("deep/er/output_0.npy")])
    #expect(try Npy.read(path: paths[0]).shape == run.outputs[0].tensor.shape)
    #expect(run.times.map(\.stage) == ["compile", "run"])
  }

  @Test func inputsThatDoNotFitAreRefused() throws {
    let input = try array("unet2d_instance", "input_0")
    let shapes: [(Shape, String)] = [
      ([3, 48, 40], "[N, C] and 2 spatial axes"), ([1, 2, 48, 40], "1×2×48×40"), ([0, 3, 48, 40], "batch can't be 0"),
      ([1, 3, 0, 40], "[0, 40]"),
    ]
    for (shape, words) in shapes {
      let refusal = try diagnose { _ = try run("unet2d_instance", inputs: [Tensor(.float32, shape)]) }
      #expect(refusal?.description.contains(words) == true, "\(shape): \(refusal?.description ?? "nothing")")
      #expect(refusal?.kind == .data || refusal?.kind == .usage)
    }
    #expect(try diagnose { _ = try run("unet2d_instance", inputs: []) }?.kind == .data)
    #expect(try diagnose { _ = try run("unet2d_instance", inputs: [input, input]) }?.kind == .data)
    #expect(try diagnose { _ = try run("unet2d_instance", inputs: [input], key: "nope") }?.kind == .data)
  }

  @Test func aCheckpointNeedsAConfig() throws {
    let path = Corpus.path("networks/unet2d_instance/state_dict.pt")
    #expect(throws: ModelError.needsConfig(path: path)) {
      try NetworkRun(
        try Model(path: path), NetworkOptions(), EngineChoice(), inputs: [Tensor(.float32, [1, 3, 48, 40])])
    }
  }

  @Test func aComparisonSeesWhatDiffers() throws {
    let reference = Tensor([1, 2, 4, 3] as [Float], [1, 2, 2])
    let same = try OutputComparison(name: "y", reference, reference)
    #expect(same.maximalError == 0 && same.argmaxAgreement == 1)
    // The first position's larger channel changes, by 4 of a largest 4.
    let other = try OutputComparison(name: "y", Tensor([5, 2, 4, 3] as [Float], [1, 2, 2]), reference)
    #expect(other.maximalError == 4 && other.relativeError == 1 && other.argmaxAgreement == 0.5)
    let broken = try OutputComparison(name: "y", Tensor([.nan, 2, 4, 3] as [Float], [1, 2, 2]), reference)
    #expect(broken.maximalError == .infinity)
    #expect(throws: NetworkRunError.self) { try OutputComparison(name: "y", Tensor([1] as [Float], [1]), reference) }
  }
}
