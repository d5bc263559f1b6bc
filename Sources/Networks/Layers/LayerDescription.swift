package import Arguments
package import OrderedCollections

/// A layer as MONAI's factories take it: a name, or a name with arguments, `["leakyrelu", {"negative_slope": 0.1}]`.
package struct LayerDescription: Sendable, Hashable {
  /// The factory's name in lower case.
  package var name: String
  package var arguments: OrderedDictionary<String, PlainValue>
  /// Where it stands, for messages.
  package var path: String

  package init(_ name: String, _ arguments: OrderedDictionary<String, PlainValue> = [:], path: String = "") {
    self.name = name.lowercased()
    self.arguments = arguments
    self.path = path
  }

  /// A reader of the layer's own arguments.
  var reader: ArgumentReader { ArgumentReader(Component(target: name, arguments: arguments, path: path)) }
}

extension ArgumentReader {
  /// A layer given as a name or as [name, {arguments}]; nil for `None` and for the empty name, which MONAI takes as
  /// the identity.
  package mutating func layer(_ name: String, default fallback: LayerDescription?) throws -> LayerDescription? {
    guard let value = value(name) else { return fallback }
    let path = "\(component.path)#\(name)"
    switch value {
    case .null, .string(""): return nil
    case .string(let layer): return LayerDescription(layer, path: path)
    case .list(let parts):
      if parts.count == 2, case .string(let layer) = parts[0], case .dictionary(let arguments) = parts[1] {
        return LayerDescription(layer, arguments, path: path)
      }
      throw wrongKind(name, value, expected: "a layer name, or [name, {arguments}]")
    default: throw wrongKind(name, value, expected: "a layer name, or [name, {arguments}]")
    }
  }

  /// An activation described as a layer; nil for none.
  mutating func activation(_ name: String, default fallback: LayerDescription?) throws -> Activation? {
    try layer(name, default: fallback).map { try Activation($0) }
  }

  /// A normalisation described as a layer; nil for none.
  mutating func normalization(_ name: String, default fallback: LayerDescription?) throws -> Normalization? {
    try layer(name, default: fallback).map { try Normalization($0) }
  }
}

extension LayerDescription {
  /// `("instance", {"affine": True})`.
  static let affineInstance = LayerDescription("instance", ["affine": .bool(true)])
  static let batch = LayerDescription("batch")
  static func batch(epsilon: Double) -> LayerDescription { LayerDescription("batch", ["eps": .double(epsilon)]) }
  static func group(_ groups: Int) -> LayerDescription { LayerDescription("group", ["num_groups": .int(groups)]) }
  static let relu = LayerDescription("relu")
  /// `("leakyrelu", {"negative_slope": slope})`.
  static func leakyReLU(_ slope: Double) -> LayerDescription {
    LayerDescription("leakyrelu", ["negative_slope": .double(slope)])
  }
}
