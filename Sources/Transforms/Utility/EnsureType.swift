package import Arguments
import Tensors

/// Makes tensors of one element type: MONAI's `EnsureTyped`. Where a tensor lives is the engine's concern.
package struct EnsureTyped: KeyedTransform {
  package let keys: Keys
  let types: [ElementType?]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    types = try arguments.elementTypes("dtype", per: keys, default: nil)
    let kind = try arguments.string("data_type", default: "tensor")
    guard kind.lowercased() == "tensor" else {
      throw arguments.unsupported("data_type", "'\(kind)'", supported: "'tensor': an array would lose its affine")
    }
    guard try arguments.bool("track_meta", default: true) else {
      throw arguments.unsupported("track_meta", "False", supported: "true: the result needs its place in the world")
    }
    arguments.ignore("device", "wrap_sequence")
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    for (index, key) in try keys.present(in: sample) {
      guard let type = types[index], case .image = sample[key] else { continue }
      try sample.updateImage(key, for: name) { $0.voxels = $0.voxels.converted(to: type) }
    }
  }
}

/// Converts images to an element type: MONAI's `CastToTyped`.
package struct CastToTyped: ImageTransform {
  package let keys: Keys
  let types: [ElementType?]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    types = try arguments.elementTypes("dtype", per: keys, default: .float32)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    guard let type = types[index] else { return }
    image.voxels = image.voxels.converted(to: type)
  }
}

/// Makes tensors and forgets what was applied before: MONAI's `ToTensord`.
package struct ToTensord: ImageTransform, InvertibleTransform {
  package let keys: Keys
  let elementType: ElementType?

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    elementType = try arguments.elementType("dtype", default: nil)
    guard try arguments.bool("track_meta", default: true) else {
      throw arguments.unsupported("track_meta", "False", supported: "true: the result needs its place in the world")
    }
    arguments.ignore("device", "wrap_sequence")
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    if let elementType { image.voxels = image.voxels.converted(to: elementType) }
    image.applied = []
    record(Nothing(), on: &image)
  }

  private struct Nothing: InverseOperation {
    let onlyMovesVoxels = true

    func apply(to image: inout TransformedImage) {}
  }
}

/// Accepts MONAI's `ToDeviced`: where a tensor lives is the engine's concern.
package struct ToDeviced: KeyedTransform {
  package let keys: Keys

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    arguments.ignore("device", "non_blocking")
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws { _ = try keys.present(in: sample) }
}
