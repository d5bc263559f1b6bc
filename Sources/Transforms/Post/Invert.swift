package import Arguments
import OrderedCollections

/// Undoes the preprocessing on a prediction, so that it lies on the scan's own grid: MONAI's `Invertd`.
///
/// The prediction takes the affine and the trace that the image `orig_keys` has now; then the transforms of `transform`
/// are undone, the last one first. `nearest_interp` takes nearest voxels, as label maps need.
package struct Invertd: KeyedTransform {
  package let keys: Keys
  let preprocessing: any InvertibleTransform
  let originalKeys: [String]
  let usesNearest: [Bool]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    guard let entry = try arguments.optionalComponent("transform") else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: "transform")
    }
    guard let transform = try TransformTable.make(entry) as? any InvertibleTransform else {
      throw TransformError.notInvertible(transform: entry.className)
    }
    preprocessing = transform
    let originals = try arguments.optionalStrings("orig_keys") ?? keys.names
    guard originals.count == 1 || originals.count == keys.names.count else {
      throw arguments.unsupported("orig_keys", "\(originals.count) keys", supported: "one, or one for each of the keys")
    }
    originalKeys = originals.count == keys.names.count ? originals : keys.names.map { _ in originals[0] }
    usesNearest = try arguments.bools("nearest_interp", per: keys, default: true)
    try arguments.refuse("post_func", supported: "none: add the transform after this one")
    // Metadata travels with the image, and every result is a tensor.
    arguments.ignore("meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor", "device")
    try arguments.finish()
  }

  package func apply(_ sample: inout Sample) throws {
    for (index, key) in try keys.present(in: sample) {
      // As in MONAI, a prediction without its image stays as it is.
      guard sample[originalKeys[index]] != nil else { continue }
      let original = try sample.image(originalKeys[index], for: name)
      try invert(key, of: &sample, original: original, index: index)
    }
  }

  private func invert(_ key: String, of sample: inout Sample, original: TransformedImage, index: Int) throws {
    var prediction = try sample.image(key, for: name)
    sample[key] = .value(.null)
    let voxels = prediction.voxels
    prediction = original
    prediction.voxels = voxels
    if usesNearest[index] {
      prediction.applied = prediction.applied.map { step in
        AppliedOperation(transform: step.transform, inverse: step.inverse.withNearestInterpolation)
      }
    }
    var inner = Sample([originalKeys[index]: .image(prediction)])
    try preprocessing.invert(&inner)
    sample[key] = inner[originalKeys[index]]
  }
}
