import Archives
import Engines
import Files
import Foundation
import Graphs
import Importers
import Tensors
import TestSupport
import Testing

/// Programs that earlier versions of PyTorch wrote: `Tests/Corpus/programs_older/<version>/<network>`, written by
/// `Tools/goldens/make_older_programs.py` and `make_third_party_programs.py` with those versions.
@Suite struct OlderProgramTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let version: String
    let network: String
    let file: String

    var folder: String { Corpus.path("programs_older/\(version)/\(network)/") }
    var testDescription: String { "\(version) \(network) \(file)" }
  }

  static let cases: [Case] = {
    func contents(_ path: String) -> [String] {
      ((try? FileManager.default.contentsOfDirectory(atPath: Corpus.path("programs_older/" + path))) ?? []).sorted()
    }
    return contents("").flatMap { version in
      contents(version).flatMap { network in
        contents("\(version)/\(network)").filter { !$0.hasSuffix(".npy") }.map {
          Case(version: version, network: network, file: $0)
        }
      }
    }
  }()

  @Test(arguments: cases) func aProgramOfAnEarlierVersionComputesWhatItDidThere(_ one: Case) throws {
    let input = try Npy.read(path: one.folder + "input_0.npy")
    let references = try (0..<8).map { one.folder + "output_\($0).npy" }.filter { PathKind(path: $0) == .file }
      .map { try Npy.read(path: $0) }
    let graph = try Program.graph(try Program.open(path: one.folder + one.file), input.shape.dimensions)
    let results = try ReferenceBackend().compile(EngineSource(graph), EngineOptions()).makeSession().run([input])
    try #require(results.count == references.count)
    for (index, (result, reference)) in zip(results, references).enumerated() {
      try #require(result.shape == reference.shape, "output \(index)")
      let difference = Difference(result, reference)
      #expect(difference.relative <= Tolerance.network, "output \(index): \(difference)")
    }
  }

  @Test func theVersionsAreThere() {
    #expect(
      Set(Self.cases.map(\.version)) == ["1.8.1", "1.13.1", "2.0.1", "2.1.2", "2.2.2", "2.4.1", "2.6.0", "2.8.0"])
  }
}
