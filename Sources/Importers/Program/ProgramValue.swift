package import Graphs

/// A value of a program while it is being interpreted: tensors stand for values of the graph, everything else is known.
package indirect enum ProgramValue {
  case none
  case bool(Bool)
  /// An integer, which may depend on the batch.
  case int(Dimension)
  case double(Double)
  case string(String)
  case tensor(ProgramTensor)
  case list(ProgramList)
  case tuple([ProgramValue])
  case dictionary(ProgramDictionary)
  /// A module, or an instance of another class of the program.
  case object(ProgramObject)
  /// A function of the program, by its qualified name.
  case function(String)
  /// A number or a condition that differs between batches, as ``ImportError/undecidable(what:)`` names it.
  case undecided(String)
  /// A device, layout or memory format: accepted where PyTorch takes one, without effect.
  case device

  static func int(_ value: Int) -> ProgramValue { .int(Dimension(value)) }

  /// The name of its type, for messages.
  var typeName: String {
    switch self {
    case .none: "None"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .tensor: "Tensor"
    case .list: "List"
    case .tuple: "Tuple"
    case .dictionary: "Dict"
    case .object(let object): object.className
    case .function: "function"
    case .undecided: "number that depends on the batch"
    case .device: "Device"
    }
  }

  /// The items of a list or tuple.
  var items: [ProgramValue]? {
    switch self {
    case .list(let list): list.items
    case .tuple(let items): items
    default: nil
    }
  }
}

/// A list, shared by everything that refers to it.
package final class ProgramList {
  var items: [ProgramValue]
  init(_ items: [ProgramValue]) { self.items = items }
}

/// A dictionary with its entries in the order they were set.
package final class ProgramDictionary {
  var entries: [(key: ProgramValue, value: ProgramValue)]
  init(_ entries: [(key: ProgramValue, value: ProgramValue)] = []) { self.entries = entries }

  func index(of key: ProgramValue) -> Int? { entries.firstIndex { $0.key.equals(key) } }
}

/// An object with attributes.
package final class ProgramObject {
  /// The qualified name of its class.
  let className: String
  /// The path of attributes that leads to it, `model.0.conv`; empty for the root.
  var path: String
  var attributes: [String: ProgramValue]
  /// Whether it is a member of an enumeration, which its class and its attribute `value` tell.
  let isEnumMember: Bool

  init(className: String, path: String, attributes: [String: ProgramValue] = [:], isEnumMember: Bool = false) {
    self.isEnumMember = isEnumMember
    self.className = className
    self.path = path
    self.attributes = attributes
  }
}

extension ProgramValue {
  /// Whether two plain values are equal, as far as that is known without asking for a batch.
  func equals(_ other: ProgramValue) -> Bool {
    switch (self, other) {
    case (.none, .none), (.device, .device): true
    case (.bool(let left), .bool(let right)): left == right
    case (.int(let left), .int(let right)): left == right
    case (.double(let left), .double(let right)): left == right
    case (.int(let left), .double(let right)), (.double(let right), .int(let left)):
      left.constant.map(Double.init) == right
    case (.string(let left), .string(let right)): left == right
    case (.list, .list), (.tuple, .tuple):
      (items ?? []).count == (other.items ?? []).count
        && zip(items ?? [], other.items ?? []).allSatisfy { $0.equals($1) }
    case (.tensor(let left), .tensor(let right)): left === right
    case (.object(let left), .object(let right)):
      left === right
        || left.isEnumMember && right.isEnumMember && left.className == right.className
          && left.attributes["value"]?.equals(right.attributes["value"] ?? .none) ?? false
    default: false
    }
  }
}
