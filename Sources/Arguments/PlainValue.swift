package import OrderedCollections

/// A value of a config or a pickle, as plain data. Nothing in it can be called.
package indirect enum PlainValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// A Python list or tuple.
  case list([PlainValue])
  case dictionary(OrderedDictionary<String, PlainValue>)
  /// The dotted name of a library's object, for example `torch.float32` or `numpy.uint8`; never looked up.
  case symbol(String)
  /// A `lambda` as its Python source; only transforms that know the form read it.
  case lambda(String)
  /// A `_target_` with its arguments.
  case component(Component)
}

/// What a config's `_target_` names, with its arguments: a network, a transform, an inferer.
package struct Component: Sendable, Hashable {
  /// The class, as written: `UNet` or `monai.networks.nets.UNet`.
  package var target: String
  /// Arguments by name, in the order of the config.
  package var arguments: OrderedDictionary<String, PlainValue>
  /// Arguments without names, in the order of the constructor's parameters.
  package var positional: [PlainValue]
  /// Where the component stands, for messages: `preprocessing#transforms#3`.
  package var path: String

  package init(
    target: String, arguments: OrderedDictionary<String, PlainValue> = [:], positional: [PlainValue] = [], path: String
  ) {
    self.target = target
    self.arguments = arguments
    self.positional = positional
    self.path = path
  }

  /// The class name without its module: `UNet` of `monai.networks.nets.UNet`.
  package var className: String { target.split(separator: ".").last.map(String.init) ?? target }

  /// `a UNet`, `an AutoEncoder`, for messages.
  package var described: String { ("AEIO".contains(className.first ?? "-") ? "an " : "a ") + className }

  /// The component with its positional arguments under the names of `parameters`.
  /// - Throws: ``ArgumentError`` for more of them than parameters, and for one that is given by name too.
  package func naming(_ parameters: [String]) throws -> Component {
    guard positional.count <= parameters.count else {
      throw ArgumentError.tooMany(component: className, path: path, count: positional.count, parameters: parameters)
    }
    var named = self
    named.positional = []
    for (name, value) in zip(parameters, positional) {
      guard named.arguments.updateValue(value, forKey: name) == nil else {
        throw ArgumentError.twice(component: className, path: path, name: name)
      }
    }
    return named
  }
}

extension PlainValue {
  /// What kind of value it is, for messages; never the value of a dictionary or list itself.
  package var summary: String {
    switch self {
    case .null: "None"
    case .bool(let value): value ? "True" : "False"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value)'"
    case .list(let values): "a list of \(values.count)"
    case .dictionary(let values): "a dictionary with \(values.count) entries"
    case .symbol(let name): name
    case .lambda(let source): source
    case .component(let component): component.described
    }
  }

  package var isNull: Bool { self == .null }
}
