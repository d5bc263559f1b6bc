import Arguments
import Bundles
import Files
import OrderedCollections
import Tensors
import Transforms

/// A window of a real scan as the network sees it: preprocessed, from the middle.
enum ScanWindow {
  /// - Parameter shape: `[N, C, spatial…]`; a scan that is smaller along an axis is filled up with zeros behind.
  /// - Throws: what is wrong with the config or the scan; ``VerificationError``.
  static func input(_ scan: String, _ model: Model, _ options: NetworkOptions, shape: [Int]) throws -> VerificationInput
  {
    guard case .bundle = model else { throw VerificationError.noPipeline(kind: model.kind) }
    let compose = try ModelConfig(model, options).component("preprocessing")
    let key = compose.firstLoadedKey ?? "image"
    var sample = Sample([key: .path(scan)])
    try Compose(compose.withoutSaving).apply(&sample, stage: "preprocessing", progress: nil)
    var voxels = try sample.image(key, for: "the network").voxels.converted(to: .float32)
    let window = Array(shape.dropFirst(2))
    let extents = Array(voxels.shape.dimensions.dropFirst())
    guard extents.count == window.count, shape.count > 1, voxels.shape[0] == shape[1] else {
      throw VerificationError.scanTooSmall(scan: scan, found: voxels.shape.dimensions, window: window)
    }
    for (axis, extent) in window.enumerated() where extents[axis] > extent {
      let start = (extents[axis] - extent) / 2
      voxels = voxels.sliced(axis + 1, start..<start + extent)
    }
    let input = filled(voxels.contiguous(), to: Shape([shape[1]] + window))
    let batch = input.reshaped(Shape([1] + input.shape.dimensions)).expanded(to: Shape(shape)).contiguous()
    return VerificationInput(name: Paths.name(of: scan), tensors: [batch])
  }

  private static func filled(_ voxels: Tensor, to shape: Shape) -> Tensor {
    guard voxels.shape != shape else { return voxels }
    var result = Tensor(.float32, shape)
    let rows = voxels.shape.dimensions.dropLast().reduce(1, *)
    let length = voxels.shape.dimensions.last ?? 1
    result.withMutableElements(of: Float.self) { target in
      voxels.withElements(of: Float.self) { source in
        for row in 0..<rows {
          // The row's place in the larger tensor.
          var (rest, place, stride) = (row, 0, shape.dimensions.last ?? 1)
          for axis in (0..<shape.rank - 1).reversed() {
            place += rest % voxels.shape[axis] * stride
            rest /= voxels.shape[axis]
            stride *= shape[axis]
          }
          for index in 0..<length { target[place + index] = source[row * length + index] }
        }
      }
    }
    return result
  }
}
