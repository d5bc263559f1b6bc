package import Archives
package import OrderedCollections
package import Tensors

/// Hands out a checkpoint's tensors by state-dict key and keeps account of what doesn't fit.
///
/// A missing or mis-shaped tensor is replaced by one of zeros without storage of its own, so that the whole network
/// is built once and every problem is reported together by ``finish()``.
package struct WeightBinder {
  private let weights: StateDict
  private var used: Set<String> = []
  private var problems = WeightProblems()
  /// The shape of every tensor that was asked for.
  package private(set) var requested: OrderedDictionary<String, Shape> = [:]

  package init(_ weights: StateDict) { self.weights = weights }

  /// The tensor under `key`, which must have `shape`; as float32, whatever floating-point type it was saved in.
  package mutating func tensor(_ key: String, _ shape: Shape) -> Tensor {
    used.insert(key)
    requested[key] = shape
    guard let tensor = weights[key] else {
      problems.missing.append(key)
      return placeholder(shape)
    }
    guard tensor.shape == shape else {
      problems.misshaped.append("\(key): \(tensor.shape) instead of \(shape)")
      return placeholder(shape)
    }
    return tensor.converted(to: .float32)
  }

  /// Whether the checkpoint has a tensor under `key`; doesn't count as using it.
  package func contains(_ key: String) -> Bool { weights[key] != nil }

  /// Accepts `key` where it is present but has no effect in evaluation.
  package mutating func ignore(_ key: String) { used.insert(key) }

  /// Accepts every key that begins with `prefix`: a module that PyTorch registers a second time under another name.
  package mutating func ignore(prefix: String) {
    for name in weights.names where name.hasPrefix(prefix) { used.insert(name) }
  }

  /// What was missing, mis-shaped, or never asked for.
  package func finish() -> WeightProblems {
    var result = problems
    // Batch norm counts its training batches; the number plays no part in evaluation.
    result.unexpected = weights.names.filter { !used.contains($0) && !$0.hasSuffix("num_batches_tracked") }
    return result
  }

  private func placeholder(_ shape: Shape) -> Tensor {
    Tensor(scalar: Float(0)).expanded(to: shape)
  }
}
