package import Diagnostics
package import Tensors

/// What becomes of a network's mean output voxel by voxel, such as its label: it can be applied to any part of the volume as
/// soon as that part is known.
package protocol VoxelwiseReduction: Sendable {
  /// - Parameter means: `[K, X, Y, Z]`, float32, contiguous; any extents.
  /// - Returns: `[M, X, Y, Z]` of the same extents. M and the type are always the same.
  func apply(_ means: Tensor) throws -> Tensor
}

extension Inferer {
  package func infer(
    _ input: Tensor, predictors: [any WindowPredictor], reducing reduction: any VoxelwiseReduction,
    progress: ProgressObserver?
  ) throws -> Tensor {
    guard input.shape.rank > 2, input.shape[0] == 1 else { throw SlidingWindowError.severalImages(input.shape) }
    guard let output = try infer(input, predictors: predictors, progress: progress).first else {
      throw SlidingWindowError.noOutput
    }
    let spatial = Array(output.shape.dimensions.dropFirst(2))
    let extents = Array(repeating: 1, count: max(3 - spatial.count, 0)) + spatial
    let result = try reduction.apply(output.reshaped(Shape([output.shape[1]] + extents)))
    return result.reshaped(Shape([result.shape[0]] + spatial))
  }
}

/// A volume that is put together from reduced regions.
final class ReducedVolume {
  private let imageSize: [Int]
  private var voxels: Tensor?

  init(imageSize: [Int]) { self.imageSize = imageSize }

  /// Takes the values `[M, X, Y, Z]` of a region.
  /// - Throws: `DefectError` when their shape or type isn't that of the region and of the values before.
  func write(_ values: Tensor, at region: Region) throws {
    let extents = region.axes.map(\.count)
    var target = voxels ?? Tensor(values.elementType, Shape([values.shape.dimensions.first ?? 0] + imageSize))
    voxels = nil
    guard values.shape.dimensions == [target.shape[0]] + extents, values.elementType == target.elementType else {
      throw DefectError("a reduction made \(values.elementType) \(values.shape) of a region \(extents)")
    }
    let size = values.elementType.byteCount
    let rowBytes = extents[2] * size
    values.contiguous().withUnsafeBytes { source in
      target.withMutableBytes { target in
        for channel in 0..<values.shape[0] {
          for (x, planeX) in region.axes[0].enumerated() {
            for (y, planeY) in region.axes[1].enumerated() {
              let from = ((channel * extents[0] + x) * extents[1] + y) * rowBytes
              let place = ((channel * imageSize[0] + planeX) * imageSize[1] + planeY) * imageSize[2]
              let to = (place + region.axes[2].lowerBound) * size
              target[to..<to + rowBytes].copyBytes(from: source[from..<from + rowBytes])
            }
          }
        }
      }
    }
    voxels = target
  }

  /// `[M, …]` with as many spatial axes as the image has.
  /// - Throws: ``SlidingWindowError/noOutput`` when nothing was written.
  func result(spatialRank: Int) throws -> Tensor {
    guard let voxels else { throw SlidingWindowError.noOutput }
    return voxels.reshaped(Shape([voxels.shape[0]] + imageSize.suffix(spatialRank)))
  }
}
