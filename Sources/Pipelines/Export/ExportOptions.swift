package import Diagnostics
package import Engines

/// The type that an exported network computes in: `--precision`.
package enum Precision: String, Sendable, CaseIterable {
  case fp32, fp16

  /// - Throws: ``ExportError/unsupportedPrecision(_:reason:)``.
  package static func parse(_ text: String) throws -> Precision {
    if let precision = Precision(rawValue: text) { return precision }
    let reasons = [
      "bf16": "its eight bits of mantissa lose a decimal place of each logit, and no engine here builds it yet",
      "int8": "it needs calibration data, which this version can't use yet",
    ]
    throw ExportError.unsupportedPrecision(text, reason: reasons[text])
  }
}

/// The batches that an engine takes: `--dynamic-batch 1,4,8`.
package struct BatchRange: Sendable, Hashable {
  package let minimum: Int
  /// The batch that the engine is tuned for.
  package let optimum: Int
  package let maximum: Int

  /// - Throws: ``ExportError/badBatch(_:)`` unless 1 ≤ minimum ≤ optimum ≤ maximum.
  package init(_ numbers: [Int]) throws {
    guard numbers.count == 3, numbers[0] >= 1, numbers[0] <= numbers[1], numbers[1] <= numbers[2],
      numbers[2] <= Self.limit
    else { throw ExportError.badBatch(numbers) }
    (minimum, optimum, maximum) = (numbers[0], numbers[1], numbers[2])
  }

  private static let limit = 1 << 20
}

/// How a network is exported.
package struct ExportOptions: Sendable {
  package var network = NetworkOptions()
  package var precision = Precision.fp32
  /// nil for the one batch of the input shape.
  package var dynamicBatch: BatchRange?
  package var computeCapabilities: [ComputeCapability] = []
  /// Bytes.
  package var workspaceLimit: Int?
  package var optimizationLevel: Int?
  /// Which other GPUs an engine of standard TensorRT runs on.
  package var hardwareCompatibility: TensorRTHardwareCompatibility = .none
  /// nil for the best that the target can use.
  package var device: Device?
  package var verifies = true
  /// How it is verified.
  package var verification = VerificationOptions()
  /// Whether what fails the verification is kept.
  package var keepsFailed = false
  /// Whether the graph goes through the optimisation passes.
  package var optimizes = true
  package var keepsONNX = false
  /// Whether an ONNX file gets its weights in a file beside it, also when they would fit inside.
  package var storesDataExternally = false
  /// Where the graph is written after each pass; nil for nowhere.
  package var dumpFolder: String?
  /// The engine library's file or folder, when the user names one.
  package var library: String?
  /// Whether an engine is built again although nothing changed.
  package var isForced = false

  package init() {}
}

/// An export can't be done as asked.
package enum ExportError: DiagnosedError, Equatable {
  case unsupportedPrecision(String, reason: String?)
  case badBatch([Int])
  /// The model has one batch, and a range is asked for.
  case fixedBatch(Int, asked: BatchRange)
  case notForTarget(option: String, target: String, hint: String)
  /// The half-precision network gave infinities or NaN where the float32 one gave numbers.
  case halfNotFinite(network: String)

  package var diagnosis: Diagnosis {
    switch self {
    case .unsupportedPrecision(let text, let reason):
      Diagnosis(
        .usage, "the precision '\(text.prefix(40))' isn't supported" + (reason.map { ": \($0)" } ?? ""),
        expected: Precision.allCases.map(\.rawValue).joined(separator: " or "), hint: "use --precision fp16")
    case .badBatch(let numbers):
      Diagnosis(
        .usage, "the dynamic batch is \(numbers.map(String.init).joined(separator: ","))",
        expected: "three numbers, 1 ≤ minimum ≤ optimum ≤ maximum", hint: "for example --dynamic-batch 1,4,8")
    case .fixedBatch(let size, let asked):
      Diagnosis(
        .usage, "the model has the fixed batch \(size), and \(asked.minimum) to \(asked.maximum) is asked for",
        hint: "leave out --dynamic-batch, or export the model with an open batch")
    case .notForTarget(let option, let target, let hint):
      Diagnosis(.usage, "\(option) has no meaning for the target \(target)", hint: hint)
    case .halfNotFinite(let network):
      Diagnosis(
        .data, "\(network) in half precision gives infinities or NaN for an input of ordinary size",
        hint: "export it with --precision fp32")
    }
  }
}
