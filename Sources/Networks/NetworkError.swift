package import Diagnostics

/// A network can't be built from its definition and its weights.
package enum NetworkError: DiagnosedError, Equatable {
  /// No network of that name is known.
  case unknownNetwork(target: String, path: String, known: [String])
  /// The weights don't fit the network: all problems at once.
  case weightsDoNotFit(network: String, checkpoint: String, problems: WeightProblems)
  /// The definition's arguments contradict each other or ask for what MONAI refuses too.
  case invalidDefinition(network: String, path: String, reason: String, expected: String?)

  package var diagnosis: Diagnosis {
    switch self {
    case .unknownNetwork(let target, let path, let known) where target.contains(".") && !target.hasPrefix("monai."):
      Diagnosis(
        .data, "the network '\(target)' is the bundle's own Python, which is never executed", at: path,
        expected: "one of \(known.joined(separator: ", "))", hint: "import its .ts or .pt2")
    case .unknownNetwork(let target, let path, let known):
      Diagnosis(
        .data, "the network '\(target)' is not known", at: path, expected: "one of \(known.joined(separator: ", "))",
        hint: "check the spelling of _target_, or import the network's .ts or .pt2")
    case .weightsDoNotFit(let network, let checkpoint, let problems):
      Diagnosis(
        .data, "the checkpoint doesn't fit the network \(network): \(problems)", at: checkpoint,
        expected: "the state_dict of a network with the same arguments",
        hint: "check network_def against the training config, or choose the state_dict with --key-in-ckpt")
    case .invalidDefinition(let network, let path, let reason, let expected):
      Diagnosis(.data, "\(network): \(reason)", at: path, expected: expected)
    }
  }
}

/// What is wrong with a checkpoint's weights for a network.
package struct WeightProblems: Sendable, Hashable, CustomStringConvertible {
  package var missing: [String] = []
  package var unexpected: [String] = []
  package var misshaped: [String] = []

  package var isEmpty: Bool { missing.isEmpty && unexpected.isEmpty && misshaped.isEmpty }

  package var description: String {
    [("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped)].compactMap { label, keys in
      keys.isEmpty ? nil : "\(keys.count) \(label) (\(Self.list(keys)))"
    }.joined(separator: "; ")
  }

  /// The first keys, and how many more.
  private static func list(_ keys: [String]) -> String {
    let shown = keys.prefix(12).joined(separator: ", ")
    return keys.count > 12 ? shown + ", and \(keys.count - 12) more" : shown
  }
}
