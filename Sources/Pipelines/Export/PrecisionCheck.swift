import Diagnostics
import Engines
import Foundation
import Graphs
import Passes
import Tensors

/// Compares a half-precision network with its float32 original on this machine's CPU.
///
/// CPUs here compute half-precision graphs in float32, so the half graph is run with its rounding made explicit
/// (`HalfRounding`). The input is normal noise of mean 0 and deviation 1, the same in each run, as a normalised image
/// would have.
struct PrecisionCheck: Sendable {
  static let name = "fp16 against fp32"

  let original: Graph
  let half: Graph
  let backend: OpenVINOBackend

  /// - Throws: ``ExportError/halfNotFinite(network:)``; errors of the engine.
  func run() throws -> PackageManifest.Verification {
    let name = Self.name
    if case .missing(let reason, let remedy) = backend.availability() {
      return .init(name, .notChecked, "\(reason); \(remedy)")
    }
    let inputs = try original.inputs.map { try Self.noise(original.type(of: $0), name: original.name(of: $0)) }
    let reference = try outputs(of: original, inputs)
    try Cancellation.check()
    let rounded = try PassDriver([HalfRounding()]).run(half).graph
    let results = try outputs(of: rounded, inputs)
    let comparisons = try zip(original.outputs, zip(results, reference)).map {
      try OutputComparison(name: $0.name, $1.0, $1.1)
    }
    guard comparisons.allSatisfy({ $0.maximalError.isFinite }) else {
      throw ExportError.halfNotFinite(network: original.name)
    }
    let worst = comparisons.map(\.relativeError).max() ?? 0
    return .init(
      name, worst <= Self.tolerance ? .passed : .failed, comparisons.map(\.summary).joined(separator: "; "))
  }

  /// Half has 11 bits, an error of 5e-4 for each rounding; a network that ends up this far away is broken by it.
  private static let tolerance = 0.1

  private func outputs(of graph: Graph, _ inputs: [Tensor]) throws -> [Tensor] {
    let engine = try backend.compile(try EngineSource(graph), EngineOptions())
    let floats = zip(inputs, engine.inputs).map { $0.converted(to: $1.elementType) }
    return try engine.makeSession().run(floats)
  }

  /// Sums of four uniform numbers, scaled to deviation 1: close enough to normal, and cheap.
  private static func noise(_ type: TensorType, name: String) throws -> Tensor {
    guard
      let shape = type.constantShape
        ?? TensorType(type.elementType, type.shape.map { $0.constant == nil ? 1 : $0 }).constantShape
    else { throw PassError.unboundSymbol(input: name, shape: "\(type)") }
    return Noise.normal(Shape(shape))
  }
}

extension OutputComparison {
  /// `output_0: max abs error 0.0012, relative 0.0004, argmax equal in 99.99 %`
  package var summary: String {
    let numbers = [maximalError, relativeError].map { String(format: "%.3g", $0) }
    let agreement = argmaxAgreement.map {
      ", argmax equal in \(String(format: "%.3f", ($0 * 1e5).rounded(.down) / 1e3)) %"
    }
    return "\(name): max abs error \(numbers[0]), relative \(numbers[1])\(agreement ?? "")"
  }
}
