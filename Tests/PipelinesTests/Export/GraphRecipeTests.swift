import Engines
import Files
import Foundation
import Graphs
import Pipelines
import TestSupport
import Testing

/// Packages of an older build aren't taken as current: when an importer, a pass or a lowering gives another graph than
/// before, the revision that packages record must be raised.
@Suite struct GraphRecipeTests {
  /// The digests of some networks' graphs, and the revision that they are of: a line each.
  private static let file = Corpus.path("engines/graphs.txt")

  @Test func anotherGraphIsAnotherRevision() throws {
    let export = try ExportCase()
    var lines: [String] = []
    for target in ["onnx", "openvino"] {
      for (name, shape) in [
        ("brain-tissue", [1, 1, 32, 32, 32]), ("segresnet", [1, 4, 32, 32, 32]), ("unetr", [1, 1, 32, 32, 32]),
        ("dynunet_plain", [1, 1, 32, 32, 32]),
      ] {
        let network = Corpus.path("networks/\(name)/")
        let isBundle = name == "brain-tissue"
        var options = ExportCase.options(target, shape: shape)
        if !isBundle { options.network.configFiles = [network + "network.json"] }
        options.dumpFolder = export.folder.file("\(target)-\(name)-dump")
        let model = try Model(path: isBundle ? export.bundle : network + "state_dict.pt")
        let product = export.folder.file("\(target)-\(name)")
        let result = try Export(model, options, to: try #require(ExportTargets.named(target)), at: product).run()
        #expect(result.outcome == .written)
        let dumps = try FileManager.default.contentsOfDirectory(atPath: product + "-dump").sorted()
        let last = try #require(dumps.last)
        let text = try String(contentsOfFile: "\(product)-dump/\(last)", encoding: .utf8)
        let graph = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n")
        lines.append("\(target) \(name) \(ContentHash(graph))")
      }
    }
    let current = "revision \(ExportRevision.current)\n" + lines.joined(separator: "\n") + "\n"
    let recorded = try String(contentsOfFile: Self.file, encoding: .utf8)
    #expect(
      recorded == current,
      "raise ExportRevision.current unless only the revision differs, and write this to \(Self.file):\n\(current)")
  }

  /// A package that another revision made is made again.
  @Test func aPackageOfAnotherRevisionIsMadeAgain() throws {
    let export = try ExportCase()
    let options = ExportCase.options("openvino")
    let path = try export.export("openvino", options).path
    #expect(try export.export("openvino", options).outcome == .upToDate)
    try ExportCase.edit(path + "/package.json", "graph=\(ExportRevision.current)", "graph=1")
    #expect(try export.export("openvino", options).outcome == .written)
  }
}
