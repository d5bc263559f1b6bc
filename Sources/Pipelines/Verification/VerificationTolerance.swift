/// How far an engine's outputs may be from the reference's: all figures of `export` and `verify` stand here, and in
/// `Documentation/Verification.md`.
package struct VerificationTolerance: Sendable, Hashable {
  /// The largest absolute error over the reference's largest absolute value.
  package let relative: Double
  /// The least cosine of the angle between both outputs.
  package let cosine: Double

  /// fp32: engines sum in another order, and some of them naively: OpenVINO is 1e-4 off for deep networks.
  /// fp16: half has 11 bits, 5e-4 for each rounding; a network that ends up a tenth away is broken by it.
  package init(_ precision: Precision) {
    (relative, cosine) =
      switch precision {
      case .fp32: (5e-4, 0.99999)
      case .fp16: (0.1, 0.99)
      }
  }

  package func accepts(_ comparison: OutputComparison) -> Bool {
    comparison.maximalError.isFinite && comparison.relativeError <= relative && comparison.cosine >= cosine
  }
}
