package import Arguments

/// The transforms that there are, by the name of their MONAI class.
package enum TransformTable {
  private typealias Build = @Sendable (Component) throws -> any Transform

  /// Adding a transform is adding its file and its line here.
  private static let builders: [(name: String, build: Build)] = [
    ("Compose", { try Compose($0) }),
    ("LoadImaged", { try LoadImaged($0) }),
    ("SaveImaged", { try SaveImaged($0) }),
    ("EnsureChannelFirstd", { try EnsureChannelFirstd($0) }),
    ("EnsureTyped", { try EnsureTyped($0) }),
    ("CastToTyped", { try CastToTyped($0) }),
    ("ToTensord", { try ToTensord($0) }),
    ("ToDeviced", { try ToDeviced($0) }),
    ("Lambdad", { try Lambdad($0) }),
    ("Orientationd", { try Orientationd($0) }),
    ("Spacingd", { try Spacingd($0) }),
    ("SqueezeDimd", { try SqueezeDimd($0) }),
    ("Resized", { try Resized($0) }),
    ("Zoomd", { try Zoomd($0) }),
    ("GaussianSmoothd", { try GaussianSmoothd($0) }),
    ("ScaleIntensityRangePercentilesd", { try ScaleIntensityRangePercentilesd($0) }),
    ("KeepLargestConnectedComponentd", { try KeepLargestConnectedComponentd($0) }),
    ("RemoveSmallObjectsd", { try RemoveSmallObjectsd($0) }),
    ("FillHolesd", { try FillHolesd($0) }),
    ("Rotate90d", { try Rotate90d($0) }),
    ("Transposed", { try Transposed($0) }),
    ("AsChannelLastd", { try AsChannelLastd($0) }),
    ("Identityd", { try Identityd($0) }),
    ("ConcatItemsd", { try ConcatItemsd($0) }),
    ("SelectItemsd", { try SelectItemsd($0) }),
    ("DeleteItemsd", { try DeleteItemsd($0) }),
    ("CopyItemsd", { try CopyItemsd($0) }),
    ("ThresholdIntensityd", { try ThresholdIntensityd($0) }),
    ("ShiftIntensityd", { try ShiftIntensityd($0) }),
    ("AdjustContrastd", { try AdjustContrastd($0) }),
    ("LabelToMaskd", { try LabelToMaskd($0) }),
    ("MeanEnsembled", { try MeanEnsembled($0) }),
    ("VoteEnsembled", { try VoteEnsembled($0) }),
    ("ResizeWithPadOrCropd", { try ResizeWithPadOrCropd($0) }),
    ("SpatialCropd", { try SpatialCropd($0) }),
    ("BorderPadd", { try BorderPadd($0) }),
    ("Flipd", { try Flipd($0) }),
    ("SpatialPadd", { try SpatialPadd($0) }),
    ("DivisiblePadd", { try DivisiblePadd($0) }),
    ("CenterSpatialCropd", { try CenterSpatialCropd($0) }),
    ("CropForegroundd", { try CropForegroundd($0) }),
    ("ScaleIntensityd", { try ScaleIntensityd($0) }),
    ("ScaleIntensityRanged", { try ScaleIntensityRanged($0) }),
    ("NormalizeIntensityd", { try NormalizeIntensityd($0) }),
    ("Activationsd", { try Activationsd($0) }),
    ("AsDiscreted", { try AsDiscreted($0) }),
    ("Invertd", { try Invertd($0) }),
  ]

  private static let byName = Dictionary(uniqueKeysWithValues: builders.map { ($0.name, $0.build) })

  /// The names, in alphabetical order.
  package static var names: [String] { builders.map(\.name).sorted() }

  /// Whether `target` names a transform that there is.
  package static func contains(_ target: String) -> Bool { canonicalName(target).flatMap { byName[$0] } != nil }

  /// The transform of a config entry.
  /// - Throws: ``TransformError`` when there is none of that name, `ArgumentError` for wrong arguments.
  package static func make(_ component: Component) throws -> any Transform {
    guard let name = canonicalName(component.target), let build = byName[name] else {
      if component.className.hasPrefix("Rand") {
        throw TransformError.random(component.target, path: component.path)
      }
      throw TransformError.unknownTarget(
        component.target, path: component.path, known: nearestFirst(component.className))
    }
    return try build(component)
  }

  /// The class name of a target: MONAI's own modules or none, and one spelling of the three `d`, `D` and `Dict`. nil for
  /// a class of another module.
  private static func canonicalName(_ target: String) -> String? {
    guard let name = target.split(separator: ".").last.map(String.init) else { return nil }
    guard target == name || target.hasPrefix("monai.transforms.") else { return nil }
    for suffix in ["Dict", "D"] where name.hasSuffix(suffix) { return name.dropLast(suffix.count) + "d" }
    return name
  }

  /// All names, the most similar to `name` first.
  private static func nearestFirst(_ name: String) -> [String] {
    let distances = names.map { (name: $0, distance: editDistance($0.lowercased(), name.lowercased())) }
    return distances.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.map(\.name)
  }

  /// The number of letters to insert, remove or replace (Levenshtein), on the first 64 letters.
  private static func editDistance(_ first: String, _ second: String) -> Int {
    let first = Array(first.unicodeScalars.prefix(64))
    let second = Array(second.unicodeScalars.prefix(64))
    var row = Array(0...second.count)
    for (i, a) in first.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in second.enumerated() {
        let replaced = diagonal + (a == b ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j + 1] + 1, row[j] + 1)
      }
    }
    return row[second.count]
  }
}
