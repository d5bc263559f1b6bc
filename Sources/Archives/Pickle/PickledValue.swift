/// A value of a pickle. Containers and records are references into their ``Pickle``, so that shared, deeply nested and
/// cyclic structures cost nothing to hold, to compare and to release.
package enum PickledValue: Sendable, Hashable {
  case none
  case bool(Bool)
  case int(Int)
  /// An integer beyond 64 bits: two's complement, little-endian.
  case bigInteger([UInt8])
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case list(PickleReference)
  case tuple(PickleReference)
  /// A set or frozen set.
  case set(PickleReference)
  case dictionary(PickleReference)
  /// An allow-listed global by its dotted name, for example `torch.float32`; never looked up.
  case global(String)
  /// What calling a global would have made; see ``PickledRecord``.
  case record(PickleReference)
  /// A persistent ID, a tuple: PyTorch's way to refer to a storage.
  case persistent(PickleReference)

  package var int: Int? {
    if case .int(let value) = self { value } else { nil }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var global: String? {
    if case .global(let value) = self { value } else { nil }
  }
}

/// A container or record of one ``Pickle``.
package struct PickleReference: Sendable, Hashable {
  let index: Int
}

/// What a pickle wanted to make by calling a global. Nothing was called.
package struct PickledRecord: Sendable {
  /// The global's dotted name, for example `torch._utils._rebuild_tensor_v2`.
  package let name: String
  package let arguments: [PickledValue]
  /// What BUILD would have set on the object.
  package let state: PickledValue?
}

/// A whole pickle as data.
package struct Pickle: Sendable {
  /// The content of a container: elements, arguments, or keys and values in turn.
  struct Node: Sendable {
    var name = ""
    var elements: [PickledValue] = []
    var state: PickledValue?
  }

  package let root: PickledValue
  private let nodes: [Node]

  init(root: PickledValue, nodes: [Node]) {
    self.root = root
    self.nodes = nodes
  }

  /// The elements of a list, tuple, set or persistent ID; nil for any other value.
  package func elements(of value: PickledValue) -> [PickledValue]? {
    switch value {
    case .list(let reference), .tuple(let reference), .set(let reference), .persistent(let reference):
      nodes[reference.index].elements
    default: nil
    }
  }

  /// The entries of a dictionary in the order they were set; nil for any other value. A key that was set twice stands
  /// twice, and its last value counts.
  package func entries(of value: PickledValue) -> [(key: PickledValue, value: PickledValue)]? {
    guard case .dictionary(let reference) = value else { return nil }
    let elements = nodes[reference.index].elements
    return stride(from: 0, to: elements.count - 1, by: 2).map { (elements[$0], elements[$0 + 1]) }
  }

  /// The record that `value` refers to; nil for any other value.
  package func record(_ value: PickledValue) -> PickledRecord? {
    guard case .record(let reference) = value else { return nil }
    let node = nodes[reference.index]
    return PickledRecord(name: node.name, arguments: node.elements, state: node.state)
  }

  /// What BUILD would have set on a dictionary, as PyTorch does with `_metadata`.
  package func state(of value: PickledValue) -> PickledValue? {
    guard case .dictionary(let reference) = value else { return nil }
    return nodes[reference.index].state
  }

  /// What kind of value it is, for messages and listings; containers by their size only.
  package func summary(of value: PickledValue) -> String {
    switch value {
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .int(let value): "\(value)"
    case .bigInteger: "a large integer"
    case .double(let value): "\(value)"
    case .string(let value): value.quotedForMessage
    case .bytes(let value): "\(value.count) bytes"
    case .list(let reference): "a list of \(nodes[reference.index].elements.count)"
    case .tuple(let reference): "a tuple of \(nodes[reference.index].elements.count)"
    case .set(let reference): "a set of \(nodes[reference.index].elements.count)"
    case .dictionary(let reference): "a dictionary with \(nodes[reference.index].elements.count / 2) entries"
    case .global(let name): name.plainForMessage
    case .record(let reference): "a \(nodes[reference.index].name.plainForMessage)"
    case .persistent: "a persistent ID"
    }
  }
}
