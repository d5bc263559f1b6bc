import Diagnostics
import Engines
import Files
import Graphs
import Interpreter
import Networks
import Passes
import Tensors
import TestSupport
import Testing

/// Every network of the corpus against PyTorch, through OpenVINO, Martlet's CPU engine and the interpreter.
@Suite struct CorpusTests {
  @Test(arguments: NetworkCase.all) func theNetworkComputesWhatPyTorchDoes(_ name: String) throws {
    let networkCase = try NetworkCase(name)
    let graph = try networkCase.graph()
    #expect(graph.outputs.count == networkCase.outputCount)
    // As a run compiles it: optimised, and in the engine's own forms.
    let optimized = try Optimization.driver.run(graph).graph
    let lowered = try Lowering.driver(for: "openvino").run(optimized).graph
    let session = try Self.openVINO().compile(source(lowered), EngineOptions()).makeSession()
    let inputs = try networkCase.shapes.indices.map { try networkCase.input($0) }
    let first = inputs.map { $0.sliced(0, 0..<1) }
    // Networks whose weights are computed are the large ones; two batches tell as much.
    for batch in networkCase.generated == nil ? [1, 2, 3] : [1, 2] {
      let results = try session.run(first.map { repeated($0, batch) })
      try compare(networkCase, results, batch: batch)
    }
    if inputs[0].shape[0] > 1 { try compare(networkCase, try session.run(inputs), batch: nil) }
  }

  @Test(arguments: NetworkCase.all) func theNativeEngineComputesWhatPyTorchDoes(_ name: String) throws {
    let networkCase = try NetworkCase(name)
    let optimized = try Optimization.driver.run(networkCase.graph()).graph
    let session = try NativeBackend().compile(source(optimized), EngineOptions()).makeSession()
    let inputs = try networkCase.shapes.indices.map { try networkCase.input($0) }
    let first = inputs.map { $0.sliced(0, 0..<1) }
    for batch in networkCase.generated == nil ? [1, 3] : [1] {
      try compare(networkCase, try session.run(first.map { repeated($0, batch) }), batch: batch)
    }
    if inputs[0].shape[0] > 1 { try compare(networkCase, try session.run(inputs), batch: nil) }
  }

  @Test(arguments: ["segresnet", "highresnet", "dynunet_plain", "mednext", "swin_unetr3d", "vnet"])
  func oneThreadAndTwoComputeTheSameBits(_ name: String) throws {
    let networkCase = try NetworkCase(name)
    let source = try source(try Optimization.driver.run(networkCase.graph()).graph)
    let inputs = try networkCase.shapes.indices.map { try networkCase.input($0) }
    var options = EngineOptions()
    var results: [[[Float]]] = []
    for count in [1, 2, 2] {
      options.threads = count
      let outputs = try NativeBackend().compile(source, options).makeSession().run(inputs)
      results.append(outputs.map { $0.array(of: Float.self) })
    }
    #expect(results[0] == results[1])
    #expect(results[1] == results[2])
  }

  /// As it is built, and optimised, which may only change the rounding.
  @Test(arguments: NetworkCase.all) func theInterpreterComputesWhatPyTorchDoes(_ name: String) throws {
    let networkCase = try NetworkCase(name)
    let graph = try networkCase.graph()
    let inputs = try networkCase.shapes.indices.map { try networkCase.input($0) }
    let first = inputs.map { $0.sliced(0, 0..<1) }
    let evaluator = GraphEvaluator(graph)
    let results = try evaluator.run(first)
    try compare(networkCase, results, batch: 1)
    if inputs[0].shape[0] > 1 { try compare(networkCase, try evaluator.run(inputs), batch: nil) }

    let optimized = try Optimization.driver.run(graph).graph
    #expect(optimized.nodes.count <= graph.nodes.count)
    #expect(try Optimization.driver.run(optimized).patches == [], "\(name): not everything is done at once")
    for (result, reference) in zip(try GraphEvaluator(optimized).run(first), results) {
      let difference = Difference(result, reference)
      #expect(difference.relative <= Tolerance.optimization, "\(name), optimised: \(difference)")
    }
  }

  @Test func theCorpusIsThere() { #expect(NetworkCase.all.count > 80) }

  /// Compares each sample with the golden's first one, or the whole batch with the golden for nil.
  private func compare(_ networkCase: NetworkCase, _ results: [Tensor], batch: Int?) throws {
    for (index, result) in results.enumerated() where index < networkCase.outputCount {
      let golden = try networkCase.output(index)
      guard let batch else {
        expectClose(result, golden, networkCase.name, index)
        continue
      }
      for sample in 0..<batch {
        let one = result.sliced(0, sample..<sample + 1)
        let step = networkCase.steps[index]
        expectClose(
          step == 1 ? one : everyElement(one, step), step == 1 ? golden.sliced(0, 0..<1) : golden, networkCase.name,
          index)
      }
    }
  }

  private func expectClose(_ result: Tensor, _ golden: Tensor, _ name: String, _ index: Int) {
    let difference = Difference(result, golden)
    #expect(difference.relative <= Tolerance.network, "\(name), output \(index): \(difference)")
  }

  private func everyElement(_ tensor: Tensor, _ step: Int) -> Tensor {
    let values = tensor.array(of: Float.self)
    let kept = stride(from: 0, to: values.count, by: step).map { values[$0] }
    return Tensor(kept, [kept.count])
  }

  private func repeated(_ sample: Tensor, _ batch: Int) -> Tensor {
    sample.expanded(to: Shape([batch] + sample.shape.dimensions.dropFirst())).contiguous()
  }

  private func source(_ graph: Graph) throws -> EngineSource {
    try EngineSource(graph)
  }

  private static func openVINO() throws -> OpenVINOBackend {
    let folder = Corpus.repository + ".runtime/openvino"
    try #require(PathKind(path: folder) == .folder, "the OpenVINO library isn't in .runtime; run 'make runtimes' first")
    return OpenVINOBackend(library: folder)
  }
}
