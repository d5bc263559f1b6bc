/// The globals that a pickle may refer to, and what becomes of each. Nothing is ever imported or called.
package struct PickleGlobals: Sendable {
  package enum Role: Sendable, Hashable {
    /// A name that stands for itself, such as a dtype; it can't be called.
    case value
    /// Calling or instantiating it makes a ``PickledRecord``.
    case record
    /// Calling it makes a dictionary out of nothing, of pairs or of another dictionary.
    case dictionary
    /// As `dictionary`, but its first argument is the maker of missing values.
    case defaultDictionary
    /// Calling it makes a set of a list.
    case set
  }

  private let roles: [String: Role]
  /// Roles of all names that begin so, such as `__torch__.`.
  private let prefixes: [(prefix: String, role: Role)]

  package init(_ roles: [String: Role], prefixes: [(prefix: String, role: Role)] = []) {
    self.roles = roles
    self.prefixes = prefixes
  }

  /// These globals and more.
  package func adding(_ more: [String: Role], prefixes: [(prefix: String, role: Role)] = []) -> PickleGlobals {
    PickleGlobals(roles.merging(more) { $1 }, prefixes: self.prefixes + prefixes)
  }

  /// The role of a dotted name; nil when it isn't allowed.
  package func role(of name: String) -> Role? {
    roles[name] ?? prefixes.first { name.hasPrefix($0.prefix) }?.role
  }

  /// What state dicts and training checkpoints of PyTorch hold.
  package static let checkpoint = PickleGlobals(
    tensors.merging(storages) { $1 }.merging(dtypes) { $1 }.merging(containers) { $1 }.merging(plainData) { $1 })

  private static let tensors: [String: Role] = [
    "torch._utils._rebuild_tensor_v2": .record,
    "torch._utils._rebuild_tensor_v3": .record,
    "torch._utils._rebuild_parameter": .record,
    "torch._utils._rebuild_parameter_with_state": .record,
    "torch._tensor._rebuild_from_type_v2": .record,
    "torch.Tensor": .value,
    "torch.nn.parameter.Parameter": .value,
    "torch.Size": .record,
    "torch.device": .record,
    "torch.serialization._get_layout": .record,
    // Read as data only to refuse the tensor by its kind.
    "torch._utils._rebuild_qtensor": .record,
    "torch._utils._rebuild_sparse_tensor": .record,
    "torch._utils._rebuild_nested_tensor": .record,
    "torch._utils._rebuild_meta_tensor_no_storage": .record,
    "torch.per_tensor_affine": .value,
    "torch.per_channel_affine": .value,
  ]

  private static let storages = values(
    Array(TorchDtype.storages.keys) + Array(TorchDtype.unsupportedStorages.keys) + TorchDtype.untypedStorages)

  private static let dtypes = values(Array(TorchDtype.elementTypes.keys) + TorchDtype.unsupported)

  private static func values(_ names: [String]) -> [String: Role] {
    Dictionary(names.map { ($0, .value) }, uniquingKeysWith: { $1 })
  }

  private static let containers: [String: Role] = [
    "collections.OrderedDict": .dictionary,
    "collections.Counter": .dictionary,
    "collections.defaultdict": .defaultDictionary,
    "builtins.set": .set, "__builtin__.set": .set,
    "builtins.frozenset": .set, "__builtin__.frozenset": .set,
    "builtins.bytearray": .record, "__builtin__.bytearray": .record,
    "builtins.bytes": .record, "__builtin__.bytes": .record,
    "builtins.complex": .record, "__builtin__.complex": .record,
    // Makers of missing values in a defaultdict.
    "builtins.dict": .value, "builtins.list": .value, "builtins.int": .value, "builtins.float": .value,
    "__builtin__.dict": .value, "__builtin__.list": .value, "__builtin__.int": .value, "__builtin__.float": .value,
  ]

  private static let plainData: [String: Role] = [
    "_codecs.encode": .record,
    "argparse.Namespace": .record,
    "numpy.dtype": .record,
    "numpy.ndarray": .value,
    "numpy.core.multiarray.scalar": .record,
    "numpy._core.multiarray.scalar": .record,
    "numpy.core.multiarray._reconstruct": .record,
    "numpy._core.multiarray._reconstruct": .record,
    "numpy.core.numeric._frombuffer": .record,
    "numpy._core.numeric._frombuffer": .record,
  ]
}
