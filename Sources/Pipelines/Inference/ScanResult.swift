package import Diagnostics
import Dispatch
package import Images

/// What became of one scan.
package struct ScanResult: Sendable {
  package let scan: Scan
  /// The files that were written.
  package let outputs: [String]
  /// Seconds of each stage, in order.
  package let times: [(stage: String, seconds: Double)]
  /// The result as it was saved: `[C, X, Y, Z]`, in the scan's space when the pipeline inverts its transforms.
  package let result: Volume

  package var seconds: Double { times.reduce(0) { $0 + $1.seconds } }
}

/// Collects how long each stage takes.
struct StageTimes: Sendable {
  private(set) var stages: [(stage: String, seconds: Double)] = []

  mutating func append(_ other: StageTimes) { stages += other.stages }

  mutating func measure<Result>(_ stage: String, _ body: () throws -> Result) rethrows -> Result {
    let start = DispatchTime.now().uptimeNanoseconds
    defer { stages.append((stage, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)) }
    return try body()
  }
}

/// A scan doesn't fit the pipeline.
package enum ScanError: DiagnosedError, Equatable {
  case wrongChannels(found: Int, expected: Int)
  /// One NaN or infinity spreads over all that a window or a normalisation sees.
  case notFinite(voxels: Int)
  case noScans(patterns: [String])
  /// A datalist's case lacks the image that the pipeline loads.
  case missingImage(key: String, available: [String])
  case sameOutput(scans: [String])

  package var diagnosis: Diagnosis {
    switch self {
    case .wrongChannels(let found, let expected):
      Diagnosis(
        .data, "the scan has \(found) \(found == 1 ? "channel" : "channels") after preprocessing",
        expected: "\(expected), as the network's in_channels says",
        hint: found < expected
          ? "give the files of all channels with commas between them, in the order of the training"
          : "give one of the channels alone, or the bundle that was trained on all of them")
    case .notFinite(let voxels):
      Diagnosis(
        .data, "\(voxels) \(voxels == 1 ? "voxel is" : "voxels are") NaN or infinite after preprocessing",
        expected: "finite numbers, as the network's result is meaningless around others",
        hint: "replace the NaN and infinite voxels of the scan, for example by its background value")
    case .noScans(let patterns):
      Diagnosis(
        .noInput, "no scan was found", at: patterns.joined(separator: ", "), expected: ".nii or .nii.gz files",
        hint: "give a file, a folder with scans, or a quoted pattern such as 'scans/*.nii.gz'")
    case .missingImage(let key, let available):
      Diagnosis(
        .data, "the case has no '\(key)'", expected: "the image that the bundle's LoadImaged reads",
        hint: "the datalist has \(available.map { "'\($0)'" }.joined(separator: ", ")); name the image '\(key)' there")
    case .sameOutput(let scans):
      Diagnosis(
        .usage, "these scans have the same name, so their results would overwrite each other", at: scans,
        hint: "run them one by one into folders of their own")
    }
  }
}
