package import OrderedCollections
package import Tensors

/// A network's weights and buffers: names and tensors in the order of the checkpoint.
package struct StateDict: Sendable {
  /// The path of the file that it comes from.
  package let source: String
  /// Where in the checkpoint it stands, `state_dict` or `a#b`; nil at the root.
  package let key: String?
  package let tensors: OrderedDictionary<String, Tensor>

  package init(source: String, key: String? = nil, tensors: OrderedDictionary<String, Tensor>) {
    self.source = source
    self.key = key
    self.tensors = tensors
  }

  package var names: [String] { Array(tensors.keys) }
  package var count: Int { tensors.count }
  package subscript(name: String) -> Tensor? { tensors[name] }

  /// The tensors whose names begin with `prefix`, without it.
  package func filtered(prefix: String) -> StateDict {
    var kept: OrderedDictionary<String, Tensor> = [:]
    for (name, tensor) in tensors where name.hasPrefix(prefix) { kept[String(name.dropFirst(prefix.count))] = tensor }
    return StateDict(source: source, key: key, tensors: kept)
  }

  /// Without the `module.` that DataParallel puts before every name; unchanged when one name lacks it.
  func withoutModulePrefix() -> StateDict {
    let prefix = "module."
    guard !tensors.isEmpty, tensors.keys.allSatisfy({ $0.hasPrefix(prefix) && $0.count > prefix.count }) else {
      return self
    }
    return filtered(prefix: prefix)
  }

  /// Elements of all tensors together; shared ones count each time.
  package var parameterCount: Int { tensors.values.reduce(0) { $0 + $1.count } }

  /// Bytes of all tensors together.
  package var byteCount: Int { tensors.values.reduce(0) { $0 + $1.byteCount } }

  /// One line of what `inspect` shows.
  package struct Row: Sendable, Hashable {
    package let name: String
    package let elementType: ElementType
    package let shape: Shape
    package let isContiguous: Bool
    package let byteCount: Int
  }

  package var rows: [Row] {
    tensors.map { name, tensor in
      Row(
        name: name, elementType: tensor.elementType, shape: tensor.shape, isContiguous: tensor.isContiguous,
        byteCount: tensor.byteCount)
    }
  }
}
