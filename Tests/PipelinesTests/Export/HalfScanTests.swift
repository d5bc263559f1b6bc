import Archives
import Engines
import Files
import Graphs
import Passes
import Pipelines
import Tensors
import TestSupport
import Testing

/// The example bundle in half precision against float32, on its scan.
@Suite(.serialized) struct HalfScanTests {
  private final class Predictor: WindowPredictor {
    let session: any Session
    init(_ session: any Session) { self.session = session }
    func predict(_ batch: Tensor, into outputs: inout [Tensor]) throws { try session.run([batch], into: &outputs) }
  }

  private let bundle = Corpus.example("brain-tissue")

  private func engine(_ graph: Graph) throws -> any CompiledEngine {
    let library = try #require(ExportCase.library("openvino"))
    return try OpenVINOBackend(library: library).compile(try EngineSource(graph), EngineOptions())
  }

  private func graphs() throws -> (whole: Graph, half: Graph) {
    let whole = try NetworkSource(try Model(path: bundle), NetworkOptions()).graph()
    return (whole, try PassDriver([HalfPrecision(), HalfRounding()]).run(whole).graph)
  }

  @Test func theLabelsOfTheScanAgree() throws {
    _ = try ExportCase()
    let folder = try TemporaryFolder()
    let files = try TransformRun(config: bundle, id: "preprocessing", overrides: []).run(
      scan: Corpus.example("data/t1_sample.nii.gz"), prediction: nil, output: folder.file("x.npy"), progress: nil)
    let image = try Npy.read(path: files[0])
    let inferer = try Inferers.make(try ModelConfig(try Model(path: bundle), NetworkOptions()).component("inferer"))
    let (whole, half) = try graphs()
    let input = image.converted(to: .float32).expanded(to: Shape([1] + image.shape.dimensions))
    let outputs = try [whole, half].map { graph in
      try inferer.infer(input, predictors: [Predictor(try engine(graph).makeSession())], progress: nil)[0]
    }
    let comparison = try OutputComparison(name: "scan", outputs[1], outputs[0])
    let agreement = try #require(comparison.argmaxAgreement)
    #expect(agreement >= Tolerance.halfAgreement && comparison.maximalError > 0, "\(comparison)")
    print("fp16 against fp32 on the demo scan: \(comparison)")
  }

  @Test(arguments: [Float(1e4), -1e4])
  func largeInputsGiveNoNaN(value: Float) throws {
    _ = try ExportCase()
    let session = try engine(try graphs().half).makeSession()
    let shape: Shape = [1, 1, 64, 64, 64]
    for isConstant in [true, false] {
      let elements = (0..<shape.count).map { isConstant || $0 * 7919 % 3 == 0 ? value : -value }
      let output = try session.run([Tensor(elements, shape)])[0].array(of: Float.self)
      #expect(output.allSatisfy { $0.isFinite })
    }
  }
}
