package import Arguments
import Images
import Tensors

/// Removes an axis of one element: MONAI's `SqueezeDimd`. A view.
package struct SqueezeDimd: ImageTransform, OutliningTransform {
  package let keys: Keys
  /// nil removes all axes of one element.
  let axis: Int?
  let updatesAffine: Bool

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    axis = arguments.value("dim") == nil ? 0 : try arguments.optionalInt("dim")
    updatesAffine = try arguments.bool("update_meta", default: true)
    try arguments.finish()
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let shape = image.voxels.shape
    guard let axis else {
      for axis in (0..<shape.rank).reversed() where shape[axis] == 1 {
        image.voxels = try image.voxels.removingAxis(axis)
      }
      return
    }
    let place = axis < 0 ? axis + shape.rank : axis
    guard (0..<shape.rank).contains(place), shape[place] == 1 else {
      throw TransformError.unsuitable(
        transform: name, what: "axis \(axis) of \(shape) can't be removed", expected: "an axis of one element")
    }
    image.voxels = try image.voxels.removingAxis(place)
    if updatesAffine, place > 0, place <= 3 { image.affine = image.affine.removingAxis(place - 1) }
  }
}

extension Affine {
  /// The affine of the other axes; the free place is a third axis along z.
  fileprivate func removingAxis(_ axis: Int) -> Affine {
    let kept = (0..<3).filter { $0 != axis }
    var result = Affine.identity
    for (row, oldRow) in kept.enumerated() {
      for (column, oldColumn) in kept.enumerated() { result[row, column] = self[oldRow, oldColumn] }
      result[row, 3] = self[oldRow, 3]
    }
    return result
  }
}
