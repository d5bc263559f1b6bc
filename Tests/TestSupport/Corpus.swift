import Foundation

/// The goldens under `Tests/Corpus` and the examples, by path.
package enum Corpus {
  /// The repository's folder.
  package static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path(percentEncoded: false)

  /// A file of `Tests/Corpus`.
  package static func path(_ relative: String) -> String { repository + "Tests/Corpus/" + relative }

  /// A file of `Examples`.
  package static func example(_ relative: String) -> String { repository + "Examples/" + relative }
}

/// A folder of a test's own, removed with the object.
package final class TemporaryFolder: Sendable {
  package let path: String

  package init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "martlet-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path(percentEncoded: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside the folder.
  package func file(_ name: String) -> String { path + "/" + name }

  /// Writes `bytes` to a file of the folder and gives its path.
  package func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }

  package func write(_ text: String, to name: String) throws -> String { try write(Array(text.utf8), to: name) }
}
