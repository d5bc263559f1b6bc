import Files
import Foundation
import Images
import Tensors

/// What the benchmarks work on: a bundle, a scan for it, and a synthetic volume.
struct Workload {
  let bundle: String
  let scan: String
  /// An ellipsoid of soft tissue in air with noise, int16, in Hounsfield units; always the same.
  let volume: Volume
  let folder: String

  /// - Parameter extents: [X, Y, Z] of the synthetic volume.
  init(bundle: String, scan: String, extents: [Int]) throws {
    self.bundle = bundle
    self.scan = scan
    volume = Self.ct(extents)
    folder = FileManager.default.temporaryDirectory.appending(path: "martlet-benchmarks-\(UUID().uuidString)")
      .path(percentEncoded: false)
    try Folders.create(folder)
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  var megavoxels: Double { Double(volume.voxels.count) / 1e6 }

  /// The synthetic volume in a file.
  func file(_ name: String) throws -> String {
    let path = Paths.join(folder, name)
    try NIfTIWriter.write(
      volume.voxels.permuted([1, 2, 3, 0]), affine: volume.affine, elementType: .int16, to: path)
    return path
  }

  private static func ct(_ extents: [Int]) -> Volume {
    var noise: UInt64 = 1
    var voxels: [Int16] = []
    voxels.reserveCapacity(extents.reduce(1, *))
    for x in 0..<extents[0] {
      for y in 0..<extents[1] {
        for z in 0..<extents[2] {
          let distance = zip([x, y, z], extents).reduce(0) { sum, axis in
            let offset = 2.2 * Double(axis.0) / Double(axis.1) - 1.1
            return sum + offset * offset
          }
          noise = noise &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
          voxels.append((distance < 1 ? 40 : -1000) + Int16(noise >> 59))
        }
      }
    }
    return Volume(
      voxels: Tensor(voxels, Shape([1] + extents)),
      affine: Affine(rows: [[-0.8, 0, 0, 200], [0, -0.8, 0, 180], [0, 0, 2.5, -300], [0, 0, 0, 1]]))
  }
}
