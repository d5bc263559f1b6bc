import Engines
import Files
import Foundation
import TestSupport
import Testing

/// The node tests of the ONNX standard. Some of them are in the repository; `make conformance` writes all of them, names
/// their folder in `MARTLET_CONFORMANCE`, and runs this again.
@Suite struct ConformanceTests {
  /// Without its lists no case would run.
  @Test func theInterpreterHasLists() { #expect(ConformanceLists.backends.contains("reference")) }

  @Test(arguments: ConformanceLists.backends) func casesPassAsListed(_ backend: String) throws {
    let engine: any EngineBackend = backend == "reference" ? ReferenceBackend() : try openVINO()
    let folder = ProcessInfo.processInfo.environment["MARTLET_CONFORMANCE"]
    let items = try ConformanceCase.all(in: folder ?? Corpus.path("conformance"))
    let lists = try ConformanceLists(backend: backend)
    for problem in lists.problems { Issue.record("\(problem)") }
    if folder != nil {
      for name in lists.unknown(items) { Issue.record("\(name) is listed, and there is no such case") }
    }
    var report = try folder.map { try ConformanceReport(path: "\($0)/\(backend).tsv") }
    for item in items {
      try report?.begin(item)
      let outcome = item.run(on: engine)
      let scope = lists.reason(item)
      try report?.end(outcome, isInScope: scope == nil)
      switch (outcome, lists.passing[item.name], lists.failing[item.name], scope) {
      case (.passed(let constants), let listed?, nil, nil):
        #expect(constants == listed, "\(item.name) passes with other constants than listed")
      case (.passed, nil, _?, _): Issue.record("\(item.name) is listed as failing, and passes now")
      case (.passed, _, _, let reason?): Issue.record("\(item.name) is out of scope (\(reason)), and passes")
      case (.failed(let text), _, nil, let reason?):
        // What isn't supported must be refused, not computed wrongly.
        Issue.record("\(item.name) is out of scope (\(reason)), and isn't refused: \(text)")
      case (.failed(let text), _?, _, _), (.refused(let text), _?, _, _):
        Issue.record("\(item.name) doesn't pass any more: \(text)")
      case (.failed, nil, _?, _), (.refused, nil, _?, _), (.refused, nil, nil, _?): break
      default: Issue.record("\(item.name) isn't listed: \(outcome)")
      }
    }
    report?.close()
  }

  private func openVINO() throws -> OpenVINOBackend {
    let folder = Corpus.repository + ".runtime/openvino"
    try #require(PathKind(path: folder) == .folder, "the OpenVINO library isn't in .runtime; run 'make runtimes' first")
    return OpenVINOBackend(library: folder)
  }
}

/// What became of each case, a line each: written while they run, so that a crash tells its case.
private struct ConformanceReport {
  private let file: FileHandle
  private var counts = ["passed": 0, "failed": 0, "refused": 0, "out of scope": 0]

  init(path: String) throws {
    try Data().write(to: URL(filePath: path))
    file = try FileHandle(forWritingTo: URL(filePath: path))
  }

  func begin(_ item: ConformanceCase) throws { try file.write(contentsOf: Data("\(item.name)\t".utf8)) }

  mutating func end(_ outcome: ConformanceCase.Outcome, isInScope: Bool) throws {
    let (kind, text) =
      switch outcome {
      case .passed(let constants): ("passed", constants.joined(separator: ","))
      case .failed(let reason): ("failed", reason)
      case .refused(let reason): ("refused", reason)
      }
    counts[isInScope ? kind : "out of scope", default: 0] += 1
    let scope = isInScope ? "" : "out of scope "
    try file.write(contentsOf: Data("\(scope)\(kind)\t\(text)\n".utf8))
  }

  func close() {
    let total = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    try? file.write(contentsOf: Data("# \(total)\n".utf8))
    print("conformance: \(total)")
    try? file.close()
  }
}
