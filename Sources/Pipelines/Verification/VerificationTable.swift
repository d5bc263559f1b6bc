import Engines
import Foundation

/// An engine's outputs beside a reference's, one row for each output of each input.
package struct VerificationTable: Sendable, Codable, Hashable {
  package struct Row: Sendable, Codable, Hashable {
    /// `noise`, or the scan's name.
    package var input: String
    package var comparison: OutputComparison
    package var passed: Bool
  }

  /// What was run, and what it is compared with.
  package var engine: String
  package var reference: String
  /// The shape of the first input.
  package var inputShape: [Int]
  /// The largest relative error that passes.
  package var tolerance: Double
  package var rows: [Row]
  /// The first node that is wrong, with `--layer-by-layer`.
  package var bisection: Bisection.Finding?

  package var passed: Bool { rows.allSatisfy(\.passed) }

  /// The table for people to read.
  package var text: String {
    let header = ["output", "input", "max abs", "relative", "mean abs", "cosine", "argmax equal", ""]
    let body = rows.map { row -> [String] in
      let figures = row.comparison
      return [
        figures.name, row.input, Self.short(figures.maximalError), Self.short(figures.relativeError),
        Self.short(figures.meanError), String(format: "%.7f", (figures.cosine * 1e7).rounded(.down) / 1e7),
        figures.argmaxAgreement.map { String(format: "%.3f %%", ($0 * 1e5).rounded(.down) / 1e3) } ?? "–",
        row.passed ? "passed" : "FAILED",
      ]
    }
    let lines = [header] + body
    let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let texts = lines.map { line in
      zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        .replacingOccurrences(of: " +$", with: "", options: .regularExpression)
    }
    let title =
      "\(engine) against \(reference), input \(inputShape.map(String.init).joined(separator: "×")), "
      + "relative error ≤ \(Self.short(tolerance))"
    let finding = bisection.map { ["first wrong node: \($0.text)"] } ?? []
    return ([title] + texts.map { "  " + $0 } + finding).joined(separator: "\n")
  }

  /// The worst figures on one line.
  package var summary: String {
    let worst = rows.max { $0.comparison.relativeError < $1.comparison.relativeError }?.comparison
    guard let worst else { return "no outputs" }
    let agreement = rows.compactMap(\.comparison.argmaxAgreement).min().map {
      ", argmax equal in \(String(format: "%.3f", ($0 * 1e5).rounded(.down) / 1e3)) %"
    }
    return
      "\(worst.name): max abs error \(Self.short(worst.maximalError)), relative \(Self.short(worst.relativeError))"
      + "\(agreement ?? ""); \(engine) against \(reference)"
  }

  private static func short(_ number: Double) -> String { String(format: "%.3g", number) }
}
