/// What the steps of a plan are expected to take, here and in OpenVINO.
extension NativePlan {
  /// How fast steps of a kind are.
  private struct Rate {
    /// Multiplications and additions in a second; Winograd's count as those of the convolution that they replace.
    var operations = Double.infinity
    /// Bytes of operands and results in a second.
    var bytes = Double.infinity
    /// Seconds of each step beyond those.
    var start = 0.0

    func seconds(_ step: Step) -> Double { Double(step.operations) / operations + Double(step.bytes) / bytes + start }
  }

  /// A kind of step: how its kernel's title begins and what it contains.
  private struct Kind {
    var title: String
    var detail = ""
    var own, library: Rate

    func matches(_ kernel: String) -> Bool {
      kernel.hasPrefix(title) && (detail.isEmpty || kernel.contains(detail))
    }
  }

  /// Two cores with AVX-512, fitted to the steps of the benchmark networks and to OpenVINO's layers and times for them
  /// (`martlet-benchmarks engines` prints what is expected beside what it measures). The first kind that matches counts.
  /// The library computes element by element layers with the layer in front.
  private static let kinds = [
    Kind(
      title: "winograd", detail: "transposed", own: Rate(operations: 300e9, bytes: 14e9, start: 200e-6),
      library: Rate(operations: 200e9, bytes: 4e9, start: 5e-6)),
    Kind(
      title: "winograd", detail: "stride 2", own: Rate(operations: 300e9, bytes: 40e9, start: 200e-6),
      library: Rate(operations: 210e9, bytes: 10e9, start: 5e-6)),
    Kind(
      title: "winograd", detail: "of 5 taps", own: Rate(operations: 770e9, bytes: 25e9, start: 40e-6),
      library: Rate(operations: 210e9, bytes: 40e9, start: 5e-6)),
    Kind(
      title: "winograd 1×", own: Rate(operations: 360e9, start: 15e-6),
      library: Rate(operations: 220e9, bytes: 60e9, start: 5e-6)),
    Kind(
      title: "winograd 2×2×2", own: Rate(operations: 700e9, bytes: 20e9, start: 40e-6),
      library: Rate(operations: 210e9, bytes: 40e9, start: 5e-6)),
    Kind(
      title: "winograd", own: Rate(operations: 1250e9, bytes: 9e9, start: 40e-6),
      library: Rate(operations: 210e9, bytes: 30e9, start: 5e-6)),
    Kind(
      title: "direct, transposed", own: Rate(operations: 215e9, bytes: 24e9, start: 100e-6),
      library: Rate(operations: 200e9, bytes: 3e9, start: 5e-6)),
    Kind(
      title: "direct pair", own: Rate(operations: 210e9, bytes: 10e9, start: 20e-6),
      library: Rate(operations: 190e9, start: 5e-6)),
    Kind(
      title: "direct", own: Rate(operations: 195e9, bytes: 30e9, start: 6e-6),
      library: Rate(operations: 190e9, bytes: 150e9, start: 5e-6)),
    Kind(
      title: "depthwise", own: Rate(operations: 390e9, bytes: 16e9, start: 30e-6),
      library: Rate(operations: 18e9, bytes: 30e9, start: 5e-6)),
    Kind(
      title: "product", own: Rate(operations: 208e9, bytes: 20e9, start: 5e-6),
      library: Rate(operations: 260e9, start: 5e-6)),
    Kind(
      title: "attention", own: Rate(operations: 100e9, start: 5e-6), library: Rate(operations: 38e9, start: 5e-6)),
    // Here the next layer applies what a normalisation does.
    Kind(title: "normalize", own: Rate(start: 2e-6), library: Rate(bytes: 9e9)),
    Kind(title: "factors", own: Rate(start: 2e-6), library: Rate()),
    Kind(title: "", own: Rate(bytes: 20e9, start: 5e-6), library: Rate(bytes: 150e9, start: 5e-6)),
  ]

  private static func kind(_ step: Step) -> Kind { kinds.first { $0.matches(step.kernel) } ?? kinds[kinds.count - 1] }

  /// The seconds that a step is expected to take on two such cores.
  static func expectedSeconds(_ step: Step) -> Double {
    step.interpretedElements > 0 ? Double(step.interpretedElements) * 5e-9 : kind(step).own.seconds(step)
  }

  /// The expected seconds of a run, of this engine and of OpenVINO.
  var expectedSeconds: (own: Double, library: Double) {
    (
      steps.reduce(0) { $0 + Self.expectedSeconds($1) },
      steps.reduce(0) { $0 + Self.kind($1).library.seconds($1) }
    )
  }

  /// OpenVINO's expected time over this engine's; above 1 where this engine is ahead.
  var expectedRatio: Double {
    let (own, library) = expectedSeconds
    return own > 0 ? library / own : 1
  }

  /// Whether this engine is expected to be at least as fast as a library.
  var isFast: Bool { expectedRatio >= 1 }
}
