package import Arguments
import Images
import Tensors

/// Permutes and flips the voxel axes so that they run as asked: MONAI's `Orientationd`. A view, no voxel is copied.
package struct Orientationd: ImageTransform, InvertibleTransform, OutliningTransform {
  package let keys: Keys
  /// The ends that the voxel axes shall run to, such as `RAS`.
  let codes: String

  package init(_ component: Component) throws {
    var arguments = ArgumentReader(component)
    keys = try Keys(&arguments)
    let isCanonical = try arguments.bool("as_closest_canonical", default: false)
    let codes = try arguments.optionalString("axcodes")
    guard let codes = isCanonical ? "RAS" : codes else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: "axcodes")
    }
    self.codes = try Self.translated(codes, labels: Self.labels(&arguments), arguments)
    try arguments.refuseLazy()
    try arguments.finish()
  }

  /// The pairs of letters for (beginning, end) of the three world axes.
  private static func labels(_ arguments: inout ArgumentReader) throws -> [[Character]] {
    let standard: [[Character]] = [["L", "R"], ["P", "A"], ["I", "S"]]
    guard let value = arguments.present("labels") else { return standard }
    guard case .list(let items) = value else { throw arguments.wrongKind("labels", value, expected: "three pairs") }
    let pairs = items.map { item in (item.asStrings ?? []).joined().map { $0 } }
    guard pairs.count == 3, pairs.allSatisfy({ $0.count == 2 }), Set(pairs.joined()).count == 6 else {
      throw arguments.unsupported("labels", value.summary, supported: "three pairs of different letters")
    }
    return pairs
  }

  /// The codes in the letters L R P A I S.
  private static func translated(_ codes: String, labels: [[Character]], _ arguments: ArgumentReader) throws -> String {
    let standard: [[Character]] = [["L", "R"], ["P", "A"], ["I", "S"]]
    var axes: [Int] = []
    var result = ""
    for letter in codes {
      guard let axis = labels.firstIndex(where: { $0.contains(letter) }),
        let end = labels[axis].firstIndex(of: letter), !axes.contains(axis)
      else { throw arguments.unsupported("axcodes", "'\(codes)'", supported: "three letters such as RAS") }
      axes.append(axis)
      result.append(standard[axis][end])
    }
    guard (2...3).contains(axes.count) else {
      throw arguments.unsupported("axcodes", "'\(codes)'", supported: "three letters such as RAS")
    }
    return result
  }

  package func apply(to image: inout TransformedImage, index: Int) throws {
    let before = image.affine
    try Self.reorient(&image, to: codes, transform: name)
    record(Inverse(transform: name, affine: before), on: &image)
  }

  func outline(_ image: inout TransformedImage, index: Int) throws {
    try Self.reorient(&image, to: codes, transform: name)
  }

  /// Brings back the orientation of the affine that the image had.
  private struct Inverse: InverseOperation {
    let transform: String
    let affine: Affine
    let onlyMovesVoxels = true

    func apply(to image: inout TransformedImage) throws {
      let codes = try Orientationd.embedded(affine, rank: image.spatialRank).axisCodes
      try Orientationd.reorient(&image, to: codes, transform: transform)
    }
  }

  private static func reorient(_ image: inout TransformedImage, to codes: String, transform: String) throws {
    let volume = try image.volume(for: transform)
    let rank = image.spatialRank
    let target = try Orientation(
      codes: String(codes.prefix(rank)) + missingCode(codes, rank: rank, transform: transform))
    let change = try Orientation(affine: embedded(image.affine, rank: rank)).transform(to: target)
    let voxels = change.apply(to: volume.voxels, firstAxis: 1)
    image.affine = image.affine * change.inverseAffine(shape: volume.spatialShape)
    image.voxels = rank == 3 ? voxels : try voxels.removingAxis(3)
  }

  /// A plane's affine with a third axis along z.
  private static func embedded(_ affine: Affine, rank: Int) -> Affine {
    rank == 3 ? affine : affine.matrix(rank: rank).affine
  }

  /// The code of a plane's third axis, which stays as it is.
  private static func missingCode(_ codes: String, rank: Int, transform: String) throws -> String {
    if rank == 3 {
      guard codes.count == 3 else {
        throw TransformError.unsuitable(
          transform: transform, what: "'axcodes' has \(codes.count) letters", expected: "one per spatial axis, 3")
      }
      return ""
    }
    guard codes.prefix(2).allSatisfy({ "LRPA".contains($0) }) else {
      throw TransformError.unsuitable(
        transform: transform, what: "'\(codes)' turns a plane out of its plane", expected: "letters of L, R, P, A")
    }
    return "S"
  }
}
