import Foundation
import TestSupport

/// `Tests/Corpus/checkpoints/expected.json`: what PyTorch and NumPy read from the goldens.
struct Goldens: Decodable {
  struct Row: Decodable {
    let name: String
    let dtype: String
    let shape: [Int]
    let strides: [Int]
    let sum: Double
    let values: [Double]
  }

  struct Array: Decodable {
    let dtype: String
    let shape: [Int]
    let values: [Double]
  }

  let checkpoints: [String: [Row]]
  let arrays: [String: Array]

  static let all: Goldens = {
    do {
      return try JSONDecoder().decode(Goldens.self, from: Data(bytes("expected.json")))
    } catch {
      fatalError("Tests/Corpus/checkpoints/expected.json can't be read: \(error)")
    }
  }()

  /// A golden's path; the networks' checkpoints stand in the repository by their own.
  static func path(_ file: String) -> String {
    file.contains("/") ? Corpus.repository + file : Corpus.path("checkpoints/" + file)
  }

  static func bytes(_ file: String) throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(filePath: path(file)))) }
}
