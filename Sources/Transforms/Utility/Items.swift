package import Arguments
import Tensors

/// Joins images along one axis, by default their channels: MONAI's `ConcatItemsd`. The result has the place and the trace of
/// the first.
package struct ConcatItemsd: KeyedTransform {
  package let keys: Keys
  let target: String
  /// Counted from the end when negative.
  let axis: Int

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    target = try arguments.string("name")
    axis = try arguments.int("dim", default: 0)
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    let images = try keys.present(in: sample).map { try sample.image($0.key, for: name) }
    guard var result = images.first else { return }
    let rank = result.voxels.shape.rank
    guard (-rank..<rank).contains(axis) else {
      throw TransformError.unsuitable(
        transform: name, what: "'dim' is \(axis) for images of the shape \(result.voxels.shape)",
        expected: "an axis that they have, channels first")
    }
    let joinedAxis = axis < 0 ? axis + rank : axis
    func others(_ image: TransformedImage) -> [Int] {
      image.voxels.shape.dimensions.enumerated().filter { $0.offset != joinedAxis }.map(\.element)
    }
    for image in images where image.voxels.shape.rank != rank || others(image) != others(result) {
      throw TransformError.unsuitable(
        transform: name, what: "images of the shapes \(result.voxels.shape) and \(image.voxels.shape)",
        expected: "the same extents on all axes but the one that they are joined along, \(joinedAxis)")
    }
    // PyTorch joins tensors of several types in the widest; those of integers alone stay integers.
    let types = Set(images.map(\.voxels.elementType))
    let joined = Tensor.concatenated(images.map { $0.voxels.converted(to: .float32).movingAxis(joinedAxis, to: 0) })
      .movingAxis(0, to: joinedAxis)
    if let only = types.first, types.count == 1 {
      result.voxels = joined.converted(to: only)
    } else {
      guard types.contains(where: \.isFloatingPoint) else {
        throw TransformError.unsuitable(
          transform: name, what: "images of the types \(types.map(\.rawValue).sorted().joined(separator: ", "))",
          expected: "one type; CastToTyped makes it so")
      }
      result.voxels = joined
    }
    sample[target] = .image(result)
  }
}

/// Keeps the items of its keys and drops the others: MONAI's `SelectItemsd`.
package struct SelectItemsd: KeyedTransform {
  package let keys: Keys

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    let kept = try keys.present(in: sample).map(\.key)
    for key in sample.keys where !kept.contains(key) { sample[key] = nil }
  }
}

/// Drops items: MONAI's `DeleteItemsd`. Keys that aren't there are passed over.
package struct DeleteItemsd: KeyedTransform {
  package let keys: Keys

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    let separator = try arguments.string("sep", default: ".")
    let usesPatterns = try arguments.bools("use_re", per: keys, default: false)
    guard !usesPatterns.contains(true) else {
      throw arguments.unsupported("use_re", "True", supported: "false: the keys themselves")
    }
    try arguments.finish()
    if let nested = keys.names.first(where: { !separator.isEmpty && $0.contains(separator) }) {
      throw arguments.unsupported("keys", "'\(nested)', an entry of an item", supported: "items as a whole")
    }
  }

  package func apply(_ sample: inout Sample) throws {
    for key in keys.names { sample[key] = nil }
  }
}

/// Copies items under new keys: MONAI's `CopyItemsd`. Voxels are shared until one of the copies is changed.
package struct CopyItemsd: KeyedTransform {
  package let keys: Keys
  let times: Int
  let targets: [String]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    let times = try arguments.int("times", default: 1)
    guard (1...1024).contains(times) else {
      throw arguments.unsupported("times", "\(times)", supported: "a positive number")
    }
    self.times = times
    targets =
      try arguments.optionalStrings("names")
      ?? keys.names.flatMap { key in (0..<times).map { "\(key)_\($0)" } }
    try arguments.finish()
    guard targets.count == keys.names.count * times else {
      throw arguments.unsupported(
        "names", "\(targets.count) names", supported: "\(keys.names.count * times), one for each copy")
    }
  }

  package func apply(_ sample: inout Sample) throws {
    let present = try keys.present(in: sample)
    for round in 0..<times {
      for (index, key) in present {
        let target = targets[round * keys.names.count + index]
        guard sample[target] == nil else {
          throw TransformError.unsuitable(
            transform: name, what: "the sample already has '\(target)'", expected: "another name for the copy")
        }
        sample[target] = sample[key]
      }
    }
  }
}
