package import Diagnostics

/// A transform can't be built from its config entry, or can't be applied to a sample.
package enum TransformError: DiagnosedError, Equatable {
  case unknownTarget(String, path: String, known: [String])
  case random(String, path: String)
  case refused(String, path: String, reason: String)
  case missingKey(transform: String, key: String, available: [String])
  case notAnImage(transform: String, key: String, found: String)
  case unsuitable(transform: String, what: String, expected: String)
  case noTrace(transform: String)
  case notInvertible(transform: String)
  case singularAffine(transform: String)
  case emptyResult(transform: String, shape: [Int])
  case tooLarge(transform: String, shape: [Int], limit: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .unknownTarget(let target, let path, let known):
      Diagnosis(
        .data, "no transform is called '\(target)'", at: path, expected: "one of " + known.joined(separator: ", "),
        hint: "check the spelling, or disable the entry with \"_disabled_\": true")
    case .random(let target, let path):
      Diagnosis(
        .data, "\(target) is a random transform; it belongs to training", at: path,
        expected: "transforms that give the same result every time",
        hint: "use the bundle's inference config, or disable the entry with \"_disabled_\": true")
    case .refused(let target, let path, let reason):
      Diagnosis(.data, "\(target) can't be applied: \(reason)", at: path)
    case .missingKey(let transform, let key, let available):
      Diagnosis(
        .data, "\(transform): the sample has no '\(key)'",
        expected: available.isEmpty ? "a sample with items" : "one of \(available.joined(separator: ", "))",
        hint: "correct 'keys', or set \"allow_missing_keys\": true")
    case .notAnImage(let transform, let key, let found):
      Diagnosis(
        .data, "\(transform): '\(key)' is \(found)", expected: "an image",
        hint: "load it first with LoadImaged")
    case .unsuitable(let transform, let what, let expected):
      Diagnosis(.data, "\(transform): \(what)", expected: expected)
    case .noTrace(let transform):
      Diagnosis(
        .data, "\(transform) can't be inverted: it left no trace on the image",
        expected: "an image that this transform was applied to",
        hint: "check 'orig_keys' and 'transform' of Invertd; ToTensord forgets what was applied before it")
    case .notInvertible(let transform):
      Diagnosis(.data, "\(transform) has no inverse", expected: "an invertible transform or a Compose")
    case .singularAffine(let transform):
      Diagnosis(
        .data, "\(transform): the affine is singular or not finite", expected: "three voxel axes that span space",
        hint: "the scan's header is damaged; write it anew with a right affine")
    case .emptyResult(let transform, let shape):
      Diagnosis(
        .data, "\(transform): the result would have the shape \(shape)", expected: "at least one voxel per axis")
    case .tooLarge(let transform, let shape, let limit):
      Diagnosis(
        .data, "\(transform): the result would have the shape \(shape), channels first", expected: limit,
        hint: "ask for a smaller size or a wider spacing; or the scan's header tells of a wrong one")
    }
  }
}
