package import Arguments
import Tensors

/// Applies a `lambda` to images: MONAI's `Lambdad`. The body is computed by ``TensorExpression`` from its text; nothing
/// is executed.
package struct Lambdad: KeyedTransform, InvertibleTransform {
  package let keys: Keys
  let functions: [TensorExpression]
  /// Under which key the result is put; nil drops it.
  let targets: [String?]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    functions = try arguments.functions("func", per: keys).map { function in
      guard let function else {
        throw ArgumentError.missing(
          component: keys.component.className, path: keys.component.path, name: "func")
      }
      return function
    }
    // As MONAI's dictionary form, the inverse leaves the image as it is, whatever this says.
    arguments.ignore("inv_func")
    targets = try Self.targets(&arguments, keys)
    guard try arguments.bool("track_meta", default: true) else {
      throw arguments.unsupported("track_meta", "False", supported: "true: the result needs its place in the world")
    }
    try arguments.finish()
  }

  /// `overwrite`: true puts the result in the place of the image, a string under that key.
  private static func targets(_ arguments: inout ArgumentReader, _ keys: Keys) throws -> [String?] {
    guard let value = arguments.present("overwrite") else { return keys.names }
    let items = if case .list(let list) = value { list } else { keys.names.map { _ in value } }
    guard items.count == keys.names.count else {
      throw arguments.wrongKind("overwrite", value, expected: "one value, or one for each key")
    }
    return try zip(items, keys.names).map { item, key in
      switch item {
      case .bool(true): return key
      case .bool(false): return nil
      case .string(let name) where !name.isEmpty: return name
      default: throw arguments.wrongKind("overwrite", item, expected: "true, false or a key")
      }
    }
  }

  package func apply(_ sample: inout Sample) throws {
    for (index, key) in try keys.present(in: sample) {
      guard let target = targets[index] else { continue }
      var image = try sample.image(key, for: name)
      image.voxels = try functions[index].value(for: image.voxels, transform: name)
      record(Nothing(), on: &image)
      sample[target] = .image(image)
    }
  }

  private struct Nothing: InverseOperation {
    let onlyMovesVoxels = true

    func apply(to image: inout TransformedImage) {}
  }
}

extension ArgumentReader {
  /// One lambda for all keys, or a list of one for each; nil where the argument is absent or `None`.
  mutating func functions(_ name: String, per keys: Keys) throws -> [TensorExpression?] {
    guard let value = present(name) else { return keys.names.map { _ in nil } }
    let items = if case .list(let list) = value { list } else { keys.names.map { _ in value } }
    guard items.count == keys.names.count else {
      throw wrongKind(name, value, expected: "one lambda, or one for each of the \(keys.names.count) keys")
    }
    return try items.map { item in
      if item.isNull { return nil }
      guard case .lambda(let source) = item else {
        throw wrongKind(name, item, expected: "a lambda such as \"$lambda x: x > 0\"")
      }
      return try TensorExpression(source, component: component)
    }
  }
}
