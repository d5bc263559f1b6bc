package import Diagnostics

/// A folder can't be used as a MONAI bundle.
package enum BundleError: DiagnosedError, Equatable {
  case notAFolder(path: String)
  case notABundle(path: String, found: [String])
  case noConfig(path: String, searched: [String], found: [String])
  case noSuchConfig(name: String, bundle: String, found: [String])
  case badMetadata(file: String, entry: String, found: String, expected: String)
  case noCheckpoint(path: String, reason: String)
  case checkpointOutside(path: String, entry: String, bundle: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .notAFolder(let path):
      Diagnosis(
        .noInput, "there is no such folder", at: path, expected: "a MONAI bundle's folder", hint: "check the path")
    case .notABundle(let path, let found):
      Diagnosis(
        .data, "the folder is not a MONAI bundle: it has no folder 'configs'", at: path,
        expected: "configs/ with inference.json and, beside it, models/",
        hint: found.isEmpty ? nil : "it holds \(found.joined(separator: ", ")); give the folder that has 'configs'")
    case .noConfig(let path, let searched, let found):
      Diagnosis(
        .data, "the bundle has no inference config", at: path, expected: "one of \(searched.joined(separator: ", "))",
        hint: found.isEmpty ? nil : "choose one with --config-file: \(found.joined(separator: ", "))")
    case .noSuchConfig(let name, let bundle, let found):
      Diagnosis(
        .noInput, "there is no config file '\(name)'", at: bundle,
        hint: found.isEmpty ? nil : "the bundle has \(found.joined(separator: ", "))")
    case .badMetadata(let file, let entry, let found, let expected):
      Diagnosis(.data, "the metadata's '\(entry)' is \(found)", at: file, expected: expected)
    case .noCheckpoint(let path, let reason):
      Diagnosis(
        .noInput, "the bundle has no checkpoint: \(reason)", at: path,
        hint: "download the bundle's large files into models/, or give --ckpt-file")
    case .checkpointOutside(let path, let entry, let bundle):
      Diagnosis(
        .data, "the config names a checkpoint outside its bundle: \(path)", at: [bundle, entry],
        hint: "if you trust it, give it yourself: --ckpt-file \(path)")
    }
  }
}
