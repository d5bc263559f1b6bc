import Engines
import Files
import Foundation
import Pipelines
import TestSupport
import Testing

/// Exports of the example bundle with the real libraries, which `make runtimes` fetches.
struct ExportCase {
  let folder: TemporaryFolder
  /// A copy of the example bundle, to be edited.
  let bundle: String

  init() throws {
    for name in ["openvino", "tensorrt-rtx"] {
      try #require(
        PathKind(path: Corpus.repository + ".runtime/" + name) == .folder,
        "\(name) isn't in .runtime; run 'make runtimes' first")
    }
    folder = try TemporaryFolder()
    bundle = folder.file("bundle")
    try FileManager.default.copyItem(atPath: Corpus.example("brain-tissue"), toPath: bundle)
  }

  static func library(_ target: String) -> String? {
    ["openvino", "tensorrt-rtx"].contains(target) ? Corpus.repository + ".runtime/" + target : nil
  }

  /// Options that find the libraries and take a small window, so that exports are quick.
  static func options(_ target: String, shape: [Int] = [1, 1, 32, 32, 32]) -> ExportOptions {
    var options = ExportOptions()
    options.library = library(target)
    options.network.inputShape = shape
    options.verifies = false
    return options
  }

  func export(_ target: String, _ options: ExportOptions, at path: String? = nil) throws -> ExportResult {
    let target = try #require(ExportTargets.named(target))
    return try Export(try Model(path: bundle), options, to: target, at: path ?? folder.file("brain.engine")).run()
  }

  /// Replaces text in one of the bundle's files.
  static func edit(_ file: String, _ old: String, _ new: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try #require(text.contains(old))
    try text.replacing(old, with: new).write(toFile: file, atomically: true, encoding: .utf8)
  }
}
