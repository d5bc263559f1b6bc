/// The forms that one engine runs faster than the common ones. They come last, and only where that engine takes the
/// graph: a file for whatever reads it keeps the common forms.
package enum Lowering {
  private static let passes: [String: [any Pass]] = [
    "openvino": [
      RuleSweep(GroupNormalizationLowering()), RuleSweep(InstanceNormalizationLowering()),
      RuleSweep(TransposedConvolutionComposition()), RuleSweep(TransposedConvolutionLowering()),
    ]
  ]

  /// Makes the graph what the engine of that name (`--runtime`, `--target`) should get.
  package static func driver(for engine: String) -> PassDriver { PassDriver(passes[engine] ?? [], rounds: 4) }
}
