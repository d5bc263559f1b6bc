package import Arguments
import OrderedCollections

/// Undoes the preprocessing on a prediction, so that it lies on the scan's own grid: MONAI's `Invertd`.
///
/// The prediction takes the affine and the trace that the image `orig_keys` has now; then the transforms of `transform`
/// are undone, the last one first. `nearest_interp` takes nearest voxels, as label maps need. `post_func` is a lambda that is
/// applied to what comes out.
package struct Invertd: KeyedTransform {
  package let keys: Keys
  let preprocessing: any InvertibleTransform
  let originalKeys: [String]
  let usesNearest: [Bool]
  let functions: [TensorExpression?]

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
    functions = try arguments.functions("post_func", per: keys)
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

  /// Applies this transform and then `step`, without an inverted volume of each channel between them.
  ///
  /// That is possible where the last inverse that blends voxels can do its work part by part, and those after it only
  /// move voxels.
  /// - Returns: whether it was possible; if not, the sample is as it was.
  package func apply(_ sample: inout Sample, reducing step: any VoxelwiseTransform) throws -> Bool {
    guard keys.names.count == 1, functions[0] == nil, step.keys.names == keys.names, step.reducesChannels(index: 0),
      let key = keys.names.first, sample[key] != nil, sample[originalKeys[0]] != nil
    else { return false }
    let original = try sample.image(originalKeys[0], for: name)
    guard let place = original.applied.firstIndex(where: { !$0.inverse.onlyMovesVoxels }),
      original.applied.allSatisfy({ preprocessing.undoes($0.transform) }),
      let inverse = inverse(original.applied[place], index: 0).inverse.reducing(VoxelwiseSteps(transforms: [step]))
    else { return false }
    var reducing = original
    reducing.applied[place].inverse = inverse
    try invert(key, of: &sample, original: reducing, index: 0)
    return true
  }

  /// The step's inverse as `nearest_interp` wants it.
  private func inverse(_ step: AppliedOperation, index: Int) -> AppliedOperation {
    guard usesNearest[index] else { return step }
    return AppliedOperation(transform: step.transform, inverse: step.inverse.withNearestInterpolation)
  }

  private func invert(_ key: String, of sample: inout Sample, original: TransformedImage, index: Int) throws {
    var prediction = try sample.image(key, for: name)
    sample[key] = .value(.null)
    let voxels = prediction.voxels
    prediction = original
    prediction.voxels = voxels
    prediction.applied = prediction.applied.map { inverse($0, index: index) }
    var inner = Sample([originalKeys[index]: .image(prediction)])
    try preprocessing.invert(&inner)
    if let function = functions[index] {
      try inner.updateImage(originalKeys[index], for: name) {
        $0.voxels = try function.value(for: $0.voxels, transform: name)
      }
    }
    sample[key] = inner[originalKeys[index]]
  }
}
