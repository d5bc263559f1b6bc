import Diagnostics
import Images
import Files
import Pipelines

/// What `run` tells of one scan.
struct RunReport: Encodable {
  struct Label: Encodable {
    var value: Int
    var name: String?
    var voxels: Int
    var millilitres: Double
  }

  struct Comparison: Encodable {
    var reference: String
    /// The part of voxels with the same label.
    var agreement: Double
    /// By label, background left out.
    var dice: [Int: Double]

    /// - Throws: `NIfTIError`, `LabelError` when the reference isn't a label map on the result's grid.
    init(_ result: Volume, reference path: String) throws {
      let reference = try NIfTIImage(path: path).volume()
      let comparison = try located(path) { try LabelComparison(result, reference) }
      self.reference = path
      agreement = comparison.agreement
      dice = Dictionary(
        uniqueKeysWithValues: comparison.labels.filter { $0 != 0 }.map { ($0, comparison.dice(label: $0)) })
    }
  }

  var scan: String
  var files: [String]
  var labels: [Label]
  var comparisons: [Comparison]
  var picture: String?
  /// Seconds by stage.
  var seconds: [String: Double]
  /// Bytes.
  var peakMemory: Int

  init(_ result: ScanResult, names: [Int: String], comparisons: [Comparison], picture: String?) throws {
    scan = result.scan.path
    files = result.outputs
    self.comparisons = comparisons
    self.picture = picture
    seconds = Dictionary(result.times.map { ($0.stage, $0.seconds) }) { $0 + $1 }
    peakMemory = Terminal.peakMemory
    labels = []
    guard result.result.channelCount == 1 else { return }
    let statistics = try LabelStatistics(labels: result.result)
    labels = statistics.labels.map {
      Label(
        value: $0, name: names[$0], voxels: statistics.voxelCounts[$0] ?? 0, millilitres: statistics.millilitres(of: $0)
      )
    }
  }

  var text: String {
    var lines = ["\(scan) → \(files.joined(separator: ", "))"]
    let shown = labels.filter { $0.value != 0 }
    if !shown.isEmpty {
      let width = max(5, shown.map { title($0).count }.max() ?? 0)
      lines.append(
        "  " + "label".padded(width) + "ml".padded(12, toTheRight: true) + "voxels".padded(12, toTheRight: true))
      for label in shown {
        lines.append(
          "  " + title(label).padded(width) + label.millilitres.fixed(1).padded(12, toTheRight: true)
            + "\(label.voxels)".padded(12, toTheRight: true))
      }
    }
    for comparison in comparisons {
      let dice = comparison.dice.sorted { $0.key < $1.key }.map { "\(name($0.key)) \($0.value.fixed(4))" }
      lines.append(
        "  against \(Paths.name(of: comparison.reference)): the same label in \(comparison.agreement.percent) of voxels; "
          + "Dice \(dice.joined(separator: ", "))")
    }
    let stages = ["preprocessing", "inference", "postprocessing"].compactMap { stage in
      seconds[stage].map { "\(stage) \($0.fixed(2))" }
    }
    lines.append(
      "  \(seconds.values.reduce(0, +).fixed(2)) s (\(stages.joined(separator: ", "))), peak memory \(peakMemory.byteText)"
    )
    if let picture { lines.append("  picture: \(picture)") }
    return lines.joined(separator: "\n")
  }

  private func title(_ label: Label) -> String { "\(label.value)" + (label.name.map { "  \($0)" } ?? "") }

  private func name(_ value: Int) -> String { labels.first { $0.value == value }?.name ?? "\(value)" }
}
