import Archives
import Files
import Foundation
import Graphs
import Importers
import Interpreter
import Tensors
import TestSupport
import Testing

/// Every operator of the table in its forms, traced and exported, against PyTorch: `Tests/Corpus/operators/<family>`,
/// written by `Tools/goldens/make_operators.py`.
@Suite struct OperatorProgramTests {
  static let families = ((try? FileManager.default.contentsOfDirectory(atPath: Corpus.path("operators"))) ?? [])
    .sorted()

  @Test(arguments: families, ["traced.ts", "exported.pt2"])
  func everyFormOfTheOperatorsComputesWhatPyTorchDoes(_ family: String, _ file: String) throws {
    let folder = Corpus.path("operators/\(family)/")
    let inputs = try (0..<16).map { folder + "input_\($0).npy" }.filter { PathKind(path: $0) == .file }
      .map { try Npy.read(path: $0) }
    let types = inputs.map { TensorType($0.elementType, $0.shape.dimensions.map { Dimension($0) }) }
    let graph = try Program.open(path: folder + file).graph(ImportOptions(inputs: types))
    let references = try Checkpoint.open(path: folder + "outputs.pt").rootTensors()
    let results = try GraphEvaluator(graph).run(inputs)
    try #require(results.count == references.count)
    for (result, (name, reference)) in zip(results, references) {
      #expect(result.shape == reference.shape, "\(family) \(name)")
      #expect(result.elementType == reference.elementType, "\(family) \(name)")
      guard result.shape == reference.shape, reference.count > 0 else { continue }
      let difference = Difference(result, reference)
      #expect(difference.relative <= Tolerance.network, "\(family) \(name): \(difference)")
    }
  }

  @Test func theFamiliesAreThere() { #expect(Self.families.count == 16) }
}
