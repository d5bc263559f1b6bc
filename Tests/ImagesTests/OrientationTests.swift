import Images
import TestSupport
import Tensors
import Testing

struct OrientationTests {
  @Test func affinesAreNamedAsNibabelNamesThem() throws {
    let cases = try Golden.cases().orientations
    #expect(cases.count == 240)
    for (index, golden) in cases.enumerated() {
      let affine = Affine(rows: golden.affine)
      #expect(try affine.axisCodes == golden.codes, "case \(index)")
      let change = try Orientation(affine: affine).transform(to: Orientation(codes: golden.target))
      #expect(change.axes == golden.change.map { $0[0] }, "case \(index)")
      #expect(change.directions == golden.change.map { $0[1] }, "case \(index)")
      #expect(change.inverseAffine(shape: golden.shape) == Affine(rows: golden.inverse), "case \(index)")
    }
  }

  @Test func reorientedVoxelsKeepTheirPlaceInTheWorld() throws {
    let values = Tensor((0..<2 * 3 * 4 * 5).map(Int32.init), [2, 3, 4, 5])
    let affine = Affine(rows: [[0, 0.1, 3, 1], [-2, 0, 0, 2], [0, 1.25, 0.2, 3], [0, 0, 0, 1]])
    let volume = Volume(voxels: values, affine: affine)
    for codes in ["RAS", "LPS", "PIR", "SAL"] {
      let result = try volume.reoriented(to: Orientation(codes: codes))
      #expect(try result.affine.axisCodes == codes)
      let inverse = try #require(affine.inverse)
      let (x, y, z) = (result.spatialShape[0], result.spatialShape[1], result.spatialShape[2])
      for index in 0..<x * y * z {
        let place = [index / (y * z), index / z % y, index % z]
        let origin = inverse.apply(result.affine.apply(place.map(Double.init))).map { Int($0.rounded()) }
        let value = result.voxels.sliced(1, place[0]..<place[0] + 1).sliced(2, place[1]..<place[1] + 1)
          .sliced(3, place[2]..<place[2] + 1).array(of: Int32.self)
        let expected = (origin[0] * 4 + origin[1]) * 5 + origin[2]
        #expect(value == [Int32(expected), Int32(expected + 60)])
      }
    }
  }

  @Test func badGeometryIsRefused() {
    #expect(throws: GeometryError.degenerateAffine) { try Affine.scaling([1, 0, 1]).axisCodes }
    #expect(throws: GeometryError.notFinite) { try Affine.scaling([1, .nan, 1]).axisCodes }
    for codes in ["", "RA", "RAR", "RLS", "XYZ", "RASS"] {
      #expect(throws: GeometryError.invalidAxisCodes(codes)) { try Orientation(codes: codes) }
    }
  }
}
