package import Bundles
package import Tensors

/// Which network of a model is meant, and with which weights.
package struct NetworkOptions: Sendable {
  /// The config's entry for the network.
  package var networkID = "network_def"
  /// Configs to merge; nil for the bundle's inference config.
  package var configFiles: [String]?
  package var metaFile: String?
  /// The checkpoint; nil for the one that the bundle names.
  package var checkpointFile: String?
  /// Where in the checkpoint the state dict stands.
  package var checkpointKey: String?
  /// Whether weights that the network doesn't have are refused, as PyTorch's `load_state_dict(strict=)`.
  package var isStrict = true
  package var overrides: [ConfigOverride] = []
  /// Whether a program is converted for the batch of the input's shape alone.
  package var isBatchStatic = false
  /// `[N, C, spatial…]` as the user gave it.
  package var inputShape: [Int]?
  /// The inputs behind the first: of a TorchScript program, which tells nothing of them, and of networks whose further
  /// inputs have open extents.
  package var furtherInputs: [InputType] = []

  /// The shape of an input and the type of its elements.
  package struct InputType: Sendable, Hashable {
    package var shape: [Int]
    package var elementType: ElementType

    package init(shape: [Int], elementType: ElementType) {
      self.shape = shape
      self.elementType = elementType
    }
  }

  package init() {}
}
