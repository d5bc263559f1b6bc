import Archives
import Arguments
import Foundation
import Images
import OrderedCollections
import Tensors
import TestSupport
import Transforms

/// One case of the transform corpus: an image, MONAI's transforms on it, and what MONAI made of it.
struct CorpusCase: Sendable, CustomStringConvertible {
  /// The folder of the case's goldens, below the corpus.
  let folder: String
  let name: String
  let image: String
  let transforms: [PlainValue]
  let post: [PlainValue]?

  var description: String { name }

  static let all = cases(in: "transforms")
  /// Arguments that the corpus doesn't reach.
  static let options = cases(in: "transform_options")

  private static func cases(in folder: String) -> [CorpusCase] {
    guard let data = FileManager.default.contents(atPath: Corpus.path("\(folder)/cases.json")),
      let entries = try? JSONSerialization.jsonObject(with: data) as? [String: [String: Any]]
    else { return [] }
    return entries.map { name, entry in
      CorpusCase(
        folder: folder, name: name, image: entry["image"] as? String ?? "",
        transforms: (entry["transforms"] as? [Any] ?? []).map(PlainValue.init(json:)),
        post: (entry["post"] as? [Any]).map { $0.map(PlainValue.init(json:)) })
    }.sorted { $0.name < $1.name }
  }

  /// The `_target_`s of the case.
  var targets: [String] { (transforms + (post ?? [])).compactMap(\.target) }

  /// Applies the case's transforms and gives its result.
  func run() throws -> TransformedImage {
    let preprocessing = Component(
      target: "Compose", arguments: ["transforms": .list(transforms)], path: "preprocessing")
    var sample = Sample(["image": .path(Corpus.path("\(folder)/images/\(image).nii.gz"))])
    try Compose(preprocessing).apply(&sample)
    guard let post else { return try sample.image("image", for: "the test") }
    let prediction = try Npy.read(path: Corpus.path("\(folder)/\(name).pred_in.npy"))
    try sample.setPrediction("pred", prediction, like: "image")
    let resolved = post.map { $0.resolving("@preprocessing", to: preprocessing) }
    try Compose(Component(target: "Compose", arguments: ["transforms": .list(resolved)], path: "postprocessing"))
      .apply(&sample)
    return try sample.image("pred", for: "the test")
  }

  func reference() throws -> (voxels: Tensor, affine: Tensor) {
    (
      try Npy.read(path: Corpus.path("\(folder)/\(name).npy")),
      try Npy.read(path: Corpus.path("\(folder)/\(name).affine.npy"))
    )
  }

  /// Whether the result holds labels, which are compared one by one.
  var isLabelMap: Bool { (post ?? transforms).contains { $0.target == "AsDiscreted" } }
}

extension PlainValue {
  /// A config's JSON: `_target_` entries become components, `$module.name` a symbol, `$lambda …` a lambda.
  init(json: Any) {
    switch json {
    case let number as NSNumber where NumberKind.isBool(number): self = .bool(number.boolValue)
    case let number as NSNumber where NumberKind.isInteger(number): self = .int(number.intValue)
    case let number as NSNumber: self = .double(number.doubleValue)
    case let text as String where text.hasPrefix("$lambda"): self = .lambda(String(text.dropFirst()))
    case let text as String where text.hasPrefix("$"): self = .symbol(String(text.dropFirst()))
    case let text as String: self = .string(text)
    case let items as [Any]: self = .list(items.map(PlainValue.init(json:)))
    case let entries as [String: Any]:
      var arguments = OrderedDictionary<String, PlainValue>()
      for key in entries.keys.sorted() where key != "_target_" {
        arguments[key] = entries[key].map(PlainValue.init(json:))
      }
      let target = entries["_target_"] as? String
      self =
        target.map { .component(Component(target: $0, arguments: arguments, path: "corpus")) } ?? .dictionary(arguments)
    default: self = .null
    }
  }

  var target: String? {
    guard case .component(let component) = self else { return nil }
    return component.target
  }

  /// The entry with a reference among its arguments resolved.
  func resolving(_ reference: String, to component: Component) -> PlainValue {
    guard case .component(var entry) = self else { return self }
    for (key, value) in entry.arguments where value == .string(reference) {
      entry.arguments[key] = .component(component)
    }
    return .component(entry)
  }
}

/// What kind of number JSON held.
private enum NumberKind {
  static func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
  static func isInteger(_ number: NSNumber) -> Bool { !["d", "f"].contains(String(cString: number.objCType)) }
}
