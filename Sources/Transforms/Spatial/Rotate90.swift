package import Arguments
import Images
import Tensors

/// Turns images by multiples of 90 degrees in the plane of two spatial axes: MONAI's `Rotate90d`. A view, no voxel is
/// copied.
package struct Rotate90d: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// Quarter turns from the first to the second axis, 0 to 3.
  let turns: Int
  let axes: [Int]

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    let turns = try arguments.int("k", default: 1) % 4
    self.turns = turns < 0 ? turns + 4 : turns
    axes = try arguments.ints("spatial_axes", default: [0, 1])
    try arguments.refuseLazy()
    try arguments.finish()
    guard axes.count == 2 else {
      throw arguments.unsupported("spatial_axes", "\(axes.count) axes", supported: "the two axes of a plane")
    }
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let rank = image.spatialRank
    let plane = axes.map { $0 < 0 ? $0 + rank : $0 }
    guard plane.allSatisfy({ (0..<min(rank, 3)).contains($0) }), plane[0] != plane[1] else {
      throw TransformError.unsuitable(
        transform: name, what: "'spatial_axes' is \(axes) on \(rank) spatial axes", expected: "two different axes")
    }
    for _ in 0..<turns { Self.turn(&image, plane[0], plane[1]) }
    record(Inverse(turns: (4 - turns) % 4, first: plane[0], second: plane[1]), on: &image)
  }

  /// A quarter turn: the voxel (a, b) comes from (b, N − 1 − a).
  private static func turn(_ image: inout TransformedImage, _ first: Int, _ second: Int) {
    let last = image.spatialShape[second] - 1
    var order = Array(0..<image.voxels.shape.rank)
    order.swapAt(first + 1, second + 1)
    image.voxels = image.voxels.flipped([second + 1]).permuted(order)
    var change = Affine.identity
    (change[first, first], change[first, second]) = (0, 1)
    (change[second, second], change[second, first], change[second, 3]) = (0, -1, Double(last))
    image.affine = image.affine * change
  }

  private struct Inverse: InverseOperation {
    let turns: Int
    let first: Int
    let second: Int
    let onlyMovesVoxels = true

    func apply(to image: inout TransformedImage) {
      for _ in 0..<turns { Rotate90d.turn(&image, first, second) }
    }
  }
}
