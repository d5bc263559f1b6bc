import Archives
import Engines
import Files
import Foundation
import Graphs
import Importers
import Tensors
import TestSupport
import Testing

/// A program of `Tests/Corpus/programs/<network>`; its inputs and outputs stand in `Tests/Corpus/networks/<network>`.
/// `Tools/goldens/make_programs.py` writes them.
struct ProgramCase: Sendable, CustomTestStringConvertible {
  let network: String
  let file: String

  var testDescription: String { "\(network) \(file)" }
  var path: String { Corpus.path("programs/\(network)/\(file)") }

  static let all: [ProgramCase] = {
    let folder = Corpus.path("programs")
    let networks = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
    // Those of `random` are compared on their own.
    return networks.filter { $0 != "random" }.flatMap { network in
      ["traced.ts", "scripted.ts", "exported.pt2"].map { ProgramCase(network: network, file: $0) }
    }.filter { PathKind(path: $0.path) == .file }
  }()

  func input() throws -> Tensor { try Npy.read(path: Corpus.path("networks/\(network)/input_0.npy")) }

  func outputs() throws -> [Tensor] {
    try (0..<8).map { Corpus.path("networks/\(network)/output_\($0).npy") }.filter { PathKind(path: $0) == .file }
      .map { try Npy.read(path: $0) }
  }
}

/// Importing and running, for the tests.
enum Program {
  /// A program of `Tests/Corpus/programs`.
  static func open(_ name: String) throws -> any ImportableProgram { try open(path: Corpus.path("programs/\(name)")) }

  static func open(path: String) throws -> any ImportableProgram {
    try #require(try ImportablePrograms.open(try MappedFile(path: path)))
  }

  /// The graph for inputs of the shape, the batch left open.
  static func graph(_ program: any ImportableProgram, _ shape: [Int]) throws -> Graph {
    let dimensions = [Dimension("batch")] + shape.dropFirst().map { Dimension($0) }
    return try program.graph(ImportOptions(inputs: [TensorType(.float32, dimensions)]))
  }

  static func session(_ graph: Graph) throws -> any Session {
    let folder = Corpus.repository + ".runtime/openvino"
    try #require(PathKind(path: folder) == .folder, "the OpenVINO library isn't in .runtime; run 'make runtimes' first")
    return try OpenVINOBackend(library: folder).compile(EngineSource(graph), EngineOptions()).makeSession()
  }

  /// The first sample `batch` times.
  static func repeated(_ input: Tensor, _ batch: Int) -> Tensor {
    input.sliced(0, 0..<1).expanded(to: Shape([batch] + input.shape.dimensions.dropFirst())).contiguous()
  }
}
