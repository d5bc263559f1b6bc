import Arguments
import Images
import Tensors

/// An image's extents and place in the world, without its voxels: what is known of a scan from its header, and of what
/// transforms will make of it.
package struct ImageOutline: Sendable, Equatable {
  /// The file's voxels, all channels.
  package var storedVoxels: Int
  /// Bytes of the file's voxels as they are stored.
  package var storedBytes: Int
  /// Channels and spatial axes after the transforms: `[C, X, Y, Z]` or `[C, X, Y]`.
  package var shape: [Int]
  /// What a transform or its inverse needs beside the voxels before and after it, at the most, in bytes.
  package var workingBytes = 0

  package init(storedVoxels: Int, storedBytes: Int, shape: [Int]) {
    self.storedVoxels = storedVoxels
    self.storedBytes = storedBytes
    self.shape = shape
  }

  package var voxels: Int { shape.reduce(1, *) }
}

/// A transform that can tell an image's extents and affine after it without touching a voxel. Those that can't, such as crops
/// whose box the voxels decide, are taken to leave the extents as they are.
protocol OutliningTransform: KeyedTransform {
  /// - Parameter image: Its voxels are a view of a single element; they stay one.
  func outline(_ image: inout TransformedImage, index: Int) throws
  /// The bytes that it or its inverse needs beside the voxels before and after it.
  /// - Parameter image: Before it.
  func workingBytes(for image: TransformedImage, index: Int) throws -> Int
}

extension OutliningTransform {
  func workingBytes(for image: TransformedImage, index: Int) -> Int { 0 }
}

/// Those that only move, cut and pad do the same to a single element that is seen as many.
extension OutliningTransform where Self: ImageTransform {
  func outline(_ image: inout TransformedImage, index: Int) throws { try apply(to: &image, index: index) }
}

extension Compose {
  /// The outline of the image `key` after the transforms.
  /// - Parameter paths: Its files, the channels of one image where there are several.
  /// - Returns: nil when no LoadImaged reads the image, or a transform refuses it; its own error comes when it is applied.
  /// - Throws: what is wrong with the files' headers.
  package func outline(of key: String, paths: [String]) throws -> ImageOutline? {
    let steps = flattened
    guard let place = steps.firstIndex(where: { ($0 as? LoadImaged)?.keys.names.contains(key) == true }),
      let load = steps[place] as? LoadImaged, !paths.isEmpty
    else { return nil }
    let headers = try paths.map { path in try NIfTIImage.header(of: path) }
    var outline = ImageOutline(storedVoxels: 0, storedBytes: 0, shape: [])
    for header in headers {
      outline.storedVoxels += header.voxelCount
      outline.storedBytes += header.voxelCount * header.elementType.byteCount
    }
    guard var image = try? load.outline(headers, path: paths[0]) else { return nil }
    for case let step as any KeyedTransform in steps[(place + 1)...] {
      guard let index = step.keys.names.firstIndex(of: key), let step = step as? any OutliningTransform else {
        continue
      }
      guard let bytes = try? step.workingBytes(for: image, index: index),
        (try? step.outline(&image, index: index)) != nil
      else { return nil }
      outline.workingBytes = max(outline.workingBytes, bytes)
    }
    outline.shape = image.voxels.shape.dimensions
    return outline
  }

  /// The transforms with those of inner Composes in their place.
  private var flattened: [any Transform] {
    transforms.flatMap { ($0 as? Compose)?.flattened ?? [$0] }
  }
}

extension Tensor {
  /// One element seen as many.
  static func hollow(_ shape: [Int]) -> Tensor { Tensor([0] as [Float], [1]).expanded(to: Shape(shape)) }

  /// Whether it is such a view: no element lies beside another.
  var isHollow: Bool { strides.allSatisfy { $0 == 0 } && count > 1 }
}
