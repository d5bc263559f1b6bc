package import Arguments
import CKernels
import Tensors

/// Argmax over the channels, one-hot coding, a threshold, rounding, in this order: MONAI's `AsDiscreted`. float32
/// unless `dtype` says otherwise.
package struct AsDiscreted: VoxelwiseTransform {
  package let keys: Keys
  let argmax: [Bool]
  let classCounts: [Int?]
  let thresholds: [Double?]
  let rounds: [Bool]
  let elementType: ElementType
  let keepsAxis: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    argmax = try arguments.bools("argmax", per: keys, default: false)
    classCounts = try arguments.optionalInts("to_onehot", per: keys)
    thresholds = try arguments.optionalDoubles("threshold", per: keys)
    let rounding = try arguments.optionalStrings("rounding", per: keys)
    for case let word? in rounding where word != "torchrounding" {
      throw arguments.unsupported("rounding", "'\(word)'", supported: "'torchrounding'")
    }
    rounds = rounding.map { $0 != nil }
    for case let count? in classCounts where !(1...65_536).contains(count) {
      throw arguments.unsupported("to_onehot", "\(count)", supported: "a number of classes")
    }
    elementType = try arguments.elementType("dtype", default: .float32) ?? .float32
    keepsAxis = try arguments.bool("keepdim", default: true)
    try arguments.refuseOtherAxis("dim")
    try arguments.finish()
  }

  package func reducesChannels(index: Int) -> Bool { argmax[index] && keepsAxis && classCounts[index] == nil }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    if argmax[index] {
      try VoxelMath.inMemoryOrder(&image.voxels) { $0 = try labels($0) }
      if !keepsAxis { image.voxels = try image.voxels.removingAxis(0) }
    }
    if let classes = classCounts[index] { image.voxels = try oneHot(image.voxels, classes: classes) }
    if let threshold = thresholds[index] {
      let limit = Self.smallestFloat(atLeast: threshold)
      VoxelMath.update(&image.voxels) { martlet_threshold($0, $1, limit) }
    }
    if rounds[index] { VoxelMath.update(&image.voxels) { martlet_round($0, $1) } }
    image.voxels = image.voxels.converted(to: elementType)
  }

  /// The channel with the largest value, `[1, …]`, of a contiguous float32 tensor.
  private func labels(_ voxels: Tensor) throws -> Tensor {
    guard voxels.shape.rank > 0, voxels.count > 0 else {
      throw TransformError.emptyResult(transform: name, shape: voxels.shape.dimensions)
    }
    let channels = voxels.shape[0]
    let length = voxels.count / channels
    var shape = voxels.shape
    shape[0] = 1
    var result = Tensor(.float32, shape, isZeroed: false)
    result.withMutableElements(of: Float.self) { target in
      guard let target = target.baseAddress else { return }
      voxels.withElements(of: Float.self) { values in
        guard let values = values.baseAddress else { return }
        let from = Shared(values)
        let to = Shared(target)
        Parallel.forEach(length, grain: 4096) { range in
          let begin = range.lowerBound
          martlet_argmax(from.value + begin, channels, length, range.count, to.value + begin)
        }
      }
    }
    return result
  }

  /// One channel per class, 1 where the label is that class.
  private func oneHot(_ labels: Tensor, classes: Int) throws -> Tensor {
    guard labels.shape.rank > 0, labels.shape[0] == 1 else {
      throw TransformError.unsuitable(
        transform: name, what: "'to_onehot' on \(labels.shape)", expected: "one channel of labels")
    }
    try OutputLimit.check([classes] + labels.shape.dimensions.dropFirst(), transform: name)
    var shape = labels.shape
    shape[0] = classes
    let length = labels.count
    var result = Tensor(.float32, shape)
    let source = labels.converted(to: .float32)
    let isInRange = result.withMutableElements(of: Float.self) { target in
      source.withElements(of: Float.self) { values in
        for (index, value) in values.enumerated() {
          let label = Int(saturating: Double(value))
          guard !value.isNaN, label >= 0, label < classes else { return false }
          target[label * length + index] = 1
        }
        return true
      }
    }
    guard isInRange else {
      throw TransformError.unsuitable(
        transform: name, what: "a label lies outside of the \(classes) classes of 'to_onehot'",
        expected: "labels from 0 to \(classes - 1)")
    }
    return result
  }

  /// Comparing floats with this one is comparing them with `threshold` in double precision.
  private static func smallestFloat(atLeast threshold: Double) -> Float {
    let rounded = Float(threshold)
    return Double(rounded) < threshold ? rounded.nextUp : rounded
  }
}
