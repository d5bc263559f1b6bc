package import Arguments
import CKernels
import Tensors

/// Softmax over the channels, or sigmoid, of a network's output, then the lambda `other`: MONAI's `Activationsd`. Computed in
/// float32, in place when nobody else holds the voxels; the image's type stays.
package struct Activationsd: VoxelwiseTransform {
  package let keys: Keys
  let sigmoid: [Bool]
  let softmax: [Bool]
  let others: [TensorExpression?]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    let keys = try Keys(&arguments)
    self.keys = keys
    sigmoid = try arguments.bools("sigmoid", per: keys, default: false)
    softmax = try arguments.bools("softmax", per: keys, default: false)
    others = try arguments.functions("other", per: keys)
    try arguments.refuseOtherAxis("dim")
    try arguments.finish()
    if zip(sigmoid, softmax).contains(where: { $0 && $1 }) {
      throw arguments.unsupported("softmax", "True together with 'sigmoid'", supported: "one of the two")
    }
  }

  package func reducesChannels(index: Int) -> Bool { false }

  /// A function may look at other voxels too.
  package var isVoxelwise: Bool { others.allSatisfy { $0 == nil } }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let type = image.voxels.elementType
    image.voxels = image.voxels.converted(to: .float32)
    if sigmoid[index] { VoxelMath.update(&image.voxels) { martlet_sigmoid($0, $1) } }
    if softmax[index] { VoxelMath.inMemoryOrder(&image.voxels, Self.softmax) }
    if let other = others[index] { image.voxels = try other.value(for: image.voxels, transform: name) }
    image.voxels = image.voxels.converted(to: type)
  }

  private static func softmax(_ voxels: inout Tensor) {
    guard voxels.shape.rank > 0, voxels.count > 0 else { return }
    let channels = voxels.shape[0]
    voxels.withMutableElements(of: Float.self) { elements in
      guard let start = elements.baseAddress else { return }
      let length = elements.count / channels
      let shared = Shared(start)
      Parallel.forEach(length, grain: 4096) { range in
        martlet_softmax(shared.value + range.lowerBound, channels, length, range.count)
      }
    }
  }
}

extension ArgumentReader {
  /// Accepts an axis only where it is the channels'.
  mutating func refuseOtherAxis(_ name: String) throws {
    if let axis = try optionalInt(name), axis != 0 {
      throw unsupported(name, "\(axis)", supported: "0, the channels")
    }
  }
}
