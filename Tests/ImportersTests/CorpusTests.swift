import Archives
import Engines
import Graphs
import Importers
import Interpreter
import Pipelines
import Tensors
import TestSupport
import Testing

/// Traced, scripted and exported networks against PyTorch, through OpenVINO.
@Suite struct CorpusTests {
  @Test(arguments: ProgramCase.all) func theProgramComputesWhatPyTorchDoesForEveryBatch(_ one: ProgramCase) throws {
    let input = try one.input()
    let graph = try Program.graph(try Program.open(path: one.path), input.shape.dimensions)
    let references = try one.outputs()
    #expect(graph.outputs.count == references.count)
    let session = try Program.session(graph)
    expectClose(try session.run([input]), references, one)
    for batch in [1, 2, 3] {
      for (result, reference) in zip(try session.run([Program.repeated(input, batch)]), references) {
        for sample in 0..<batch {
          expectClose([result.sliced(0, sample..<sample + 1)], [reference.sliced(0, 0..<1)], one)
        }
      }
    }
  }

  /// An importer that left sizes, masks or reorderings in the graph would have more operators than the network needs.
  @Test(arguments: ProgramCase.all) func theGraphHasAboutAsManyOperatorsAsTheNetworkBuiltDirectly(_ one: ProgramCase)
    throws
  {
    let shape = try one.input().shape.dimensions
    let imported = try Program.graph(try Program.open(path: one.path), shape).nodes.count
    var options = NetworkOptions()
    options.configFiles = [Corpus.path("networks/\(one.network)/network.json")]
    let source = try NetworkSource(
      .checkpoint(path: Corpus.path("networks/\(one.network)/state_dict.pt")), options)
    let built = try source.graph(spatialShape: Array(shape.dropFirst(2))).nodes.count
    #expect(
      Double(abs(imported - built)) <= 0.1 * Double(built),
      "\(one.testDescription): \(imported) operators, \(built) built directly")
  }

  /// AutoencoderKL draws its latent values: the mean and the deviation are PyTorch's, the reconstruction is drawn.
  @Test(arguments: ["traced.ts", "exported.pt2"]) func outputsThatDependOnRandomNumbersAreKnown(_ file: String) throws {
    let one = ProgramCase(network: "autoencoderkl", file: file)
    let input = try one.input()
    let graph = try Program.graph(
      try Program.open(path: Corpus.path("programs/random/\(file)")), input.shape.dimensions)
    #expect(graph.randomOutputs == ["output_0"])
    let evaluator = GraphEvaluator(graph)
    let results = try evaluator.run([input])
    let references = try one.outputs()
    expectClose(Array(results[1...]), Array(references[1...]), one)
    #expect(results[0].shape == references[0].shape)
    // The same numbers in every run, and others than the mean alone gives.
    #expect(Difference(try evaluator.run([input])[0], results[0]).maximum == 0)
  }

  @Test func theCorpusIsThere() { #expect(ProgramCase.all.count > 35) }

  @Test(arguments: ["in_place.ts", "in_place.pt2"]) func changesInPlaceReachEveryViewOfTheTensor(_ file: String) throws
  {
    let input = try Npy.read(path: Corpus.path("programs/in_place_input.npy"))
    let graph = try Program.graph(try Program.open(file), input.shape.dimensions)
    let results = try Program.session(graph).run([input])
    for (index, result) in results.enumerated() {
      let difference = Difference(result, try Npy.read(path: Corpus.path("programs/in_place_output_\(index).npy")))
      #expect(difference.relative <= Tolerance.network, "output \(index): \(difference)")
    }
    #expect(results.count == 2)
  }

  @Test(arguments: ["layout_files.pt2", "layout_archive.pt2", "layout_flat.pt2"])
  func everyLayoutOfAnExportedProgramIsRead(_ file: String) throws {
    let graph = try Program.graph(try Program.open(file), [2, 1, 8, 8])
    let ones = Tensor([Float](repeating: 1, count: 128), [2, 1, 8, 8])
    let results = try Program.session(graph).run([ones])
    let difference = Difference(results[0], try Npy.read(path: Corpus.path("programs/layout_output.npy")))
    #expect(difference.relative <= Tolerance.network, "\(difference)")
  }

  private func expectClose(_ results: [Tensor], _ references: [Tensor], _ one: ProgramCase) {
    for (index, (result, reference)) in zip(results, references).enumerated() {
      let difference = Difference(result, reference)
      #expect(difference.relative <= Tolerance.network, "\(one.testDescription), output \(index): \(difference)")
    }
  }
}
