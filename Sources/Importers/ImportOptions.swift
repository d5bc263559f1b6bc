package import Graphs

/// How a program becomes a graph.
package struct ImportOptions: Sendable {
  /// The type of each input, with `batch` where the batch stays open. Empty for a program that tells them itself.
  package var inputs: [TensorType] = []

  package init(inputs: [TensorType] = []) { self.inputs = inputs }
}
