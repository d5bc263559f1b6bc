import Foundation
import TestSupport
import Testing

/// A command line whose words may be places of a ``BundleCopy``: `BUNDLE`, `CHECKPOINT`, `SCAN`, `RESULTS` (a folder that
/// isn't there yet), `FOLDER` (an empty one), `FILE` (a file of text).
struct CommandLineCase {
  let bundle: BundleCopy
  let arguments: [String]

  init(_ line: String, _ bundle: BundleCopy) throws {
    self.bundle = bundle
    let folder = bundle.folder.file("empty")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let places = [
      "BUNDLE": bundle.path, "CHECKPOINT": bundle.checkpointPath, "SCAN": try bundle.scan(), "RESULTS": bundle.output,
      "FOLDER": folder, "FILE": try bundle.folder.write("text\n", to: "file"),
      "ARRAY": Corpus.path("networks/unet2d_instance/input_0.npy"),
      "NETWORK": Corpus.path("networks/unet2d_instance/network.json"),
      "WEIGHTS": Corpus.path("networks/unet2d_instance/state_dict.pt"),
    ]
    arguments = line.split(separator: " ").map { word in
      places.reduce(String(word)) { word, place in
        word == place.key || word.hasPrefix(place.key + "/")
          ? place.value + word.dropFirst(place.key.count) : word
      }
    }
  }

  init(_ line: String) throws { try self.init(line, try BundleCopy()) }

  func run(fileLimit: Int? = nil, redirection: String = "") throws -> MartletProcess.Result {
    try MartletProcess.run(arguments, fileLimit: fileLimit, redirection: redirection)
  }
}

extension MartletProcess.Result {
  /// Records an issue unless the program ended with `code` and one error paragraph that has all `words`, and printed
  /// nothing else than progress.
  func expectRefusal(_ code: Int32, _ words: [String], _ location: SourceLocation = #_sourceLocation) {
    #expect(!wasKilled && self.code == code, "\(errors)", sourceLocation: location)
    #expect(output.isEmpty, "\(output)", sourceLocation: location)
    let paragraphs = errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(paragraphs.count == 1, "\(errors)", sourceLocation: location)
    for word in words { #expect(errors.contains(word), "\(errors)", sourceLocation: location) }
    for word in ["Fatal error", "Swift/", "without a diagnosis"] {
      #expect(!errors.contains(word), "\(errors)", sourceLocation: location)
    }
  }
}
