package import Tensors

/// Which world axis each voxel axis follows most closely, and in which sense: nibabel's orientation array.
package struct Orientation: Sendable, Hashable {
  /// For each voxel axis, the world axis (0 left-right, 1 posterior-anterior, 2 inferior-superior).
  package let axes: [Int]
  /// For each voxel axis, 1 when it runs with that world axis (to R, A or S), -1 when it runs against it.
  package let directions: [Int]

  /// Voxel axes along R, A, S.
  package static let ras = Orientation(axes: [0, 1, 2], directions: [1, 1, 1])

  init(axes: [Int], directions: [Int]) {
    self.axes = axes
    self.directions = directions
  }

  /// The orientation of an affine's voxel axes, as nibabel's `io_orientation` finds it: the closest matrix without
  /// shear, then the strongest axes first, each world axis used once.
  /// - Throws: ``GeometryError/degenerateAffine`` when a voxel axis follows no world axis, ``GeometryError/notFinite``.
  package init(affine: Affine) throws {
    guard affine.isFinite else { throw GeometryError.notFinite }
    let spacing = affine.spacing
    let directionColumns = (0..<3).map { column in
      (0..<3).map { affine[$0, column] / (spacing[column] == 0 ? 1 : spacing[column]) }
    }
    var rotation = MatrixDecomposition.polarFactor(directionColumns)
    let strength = rotation.map { column in column.map { $0 * $0 }.max() ?? 0 }
    // Equal strengths keep the order of the axes.
    let order = (0..<3).sorted { strength[$0] != strength[$1] ? strength[$0] > strength[$1] : $0 < $1 }
    var axes = [0, 0, 0]
    var directions = [0, 0, 0]
    for voxelAxis in order {
      let column = rotation[voxelAxis]
      guard column.contains(where: { abs($0) > 1e-8 }) else { throw GeometryError.degenerateAffine }
      let worldAxis = (0..<3).reduce(0) { abs(column[$1]) > abs(column[$0]) ? $1 : $0 }
      axes[voxelAxis] = worldAxis
      directions[voxelAxis] = column[worldAxis] < 0 ? -1 : 1
      for other in 0..<3 { rotation[other][worldAxis] = 0 }
    }
    self.init(axes: axes, directions: directions)
  }

  /// The orientation that three letters name, each the end that a voxel axis runs to: `RAS`, `LPS`, `PIR`.
  /// - Throws: ``GeometryError/invalidAxisCodes(_:)``.
  package init(codes: String) throws {
    var axes: [Int] = []
    var directions: [Int] = []
    for letter in codes {
      if let axis = Self.positiveEnds.firstIndex(of: letter) {
        axes.append(axis)
        directions.append(1)
      } else if let axis = Self.negativeEnds.firstIndex(of: letter) {
        axes.append(axis)
        directions.append(-1)
      }
    }
    guard codes.count == 3, axes.sorted() == [0, 1, 2] else { throw GeometryError.invalidAxisCodes(codes) }
    self.init(axes: axes, directions: directions)
  }

  /// The three letters, such as `RAS`.
  package var codes: String {
    String(zip(axes, directions).map { $1 > 0 ? Self.positiveEnds[$0] : Self.negativeEnds[$0] })
  }

  private static let positiveEnds: [Character] = ["R", "A", "S"]
  private static let negativeEnds: [Character] = ["L", "P", "I"]

  /// What brings an array of this orientation into `target`: per axis of this array, the axis of the result that it
  /// becomes (``axes``) and whether it is reversed (``directions``). nibabel's `ornt_transform`.
  package func transform(to target: Orientation) -> Orientation {
    var newAxes = [0, 0, 0]
    var newDirections = [1, 1, 1]
    for source in 0..<3 {
      for destination in 0..<3 where target.axes[destination] == axes[source] {
        newAxes[source] = destination
        newDirections[source] = directions[source] == target.directions[destination] ? 1 : -1
      }
    }
    return Orientation(axes: newAxes, directions: newDirections)
  }

  /// Applies a ``transform(to:)`` to an array of voxels without copying it: `[X, Y, Z]` beginning at `firstAxis`.
  package func apply(to voxels: Tensor, firstAxis: Int = 0) -> Tensor {
    let reversed = (0..<3).filter { directions[$0] < 0 }.map { $0 + firstAxis }
    var order = Array(0..<voxels.shape.rank)
    for axis in 0..<3 { order[axes[axis] + firstAxis] = axis + firstAxis }
    return voxels.flipped(reversed).permuted(order)
  }

  /// For a ``transform(to:)`` of an array with the extents `shape`: the affine from indices of the result to indices
  /// of the array. The result's affine is the array's affine times this one. nibabel's `inv_ornt_aff`.
  package func inverseAffine(shape: [Int]) -> Affine {
    var result = Affine.identity
    for axis in 0..<3 {
      for column in 0..<3 { result[axis, column] = column == axes[axis] ? Double(directions[axis]) : 0 }
      result[axis, 3] = directions[axis] < 0 ? Double(shape[axis] - 1) : 0
    }
    return result
  }
}

extension Affine {
  /// The ends that the voxel axes run to, such as `RAS`.
  /// - Throws: as ``Orientation/init(affine:)``.
  package var axisCodes: String { get throws { try Orientation(affine: self).codes } }
}

extension Volume {
  /// The same voxels with their axes permuted and reversed (a view, no copy) so that they run as `target` names it.
  /// - Throws: as ``Orientation/init(affine:)``.
  package func reoriented(to target: Orientation) throws -> Volume {
    let change = try Orientation(affine: affine).transform(to: target)
    return Volume(
      voxels: change.apply(to: voxels, firstAxis: 1), affine: affine * change.inverseAffine(shape: spatialShape))
  }
}
