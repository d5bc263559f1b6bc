import CDeflate
import Images
import TestSupport
import Tensors
import Testing

struct SegmentationPictureTests {
  /// A decoded picture; only what ``PNG`` writes is understood.
  private struct Decoded {
    var width = 0
    var height = 0
    var pixels: [UInt8] = []

    init(_ png: [UInt8]) throws {
      #expect(Array(png[..<8]) == [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
      var place = 8
      var data: [UInt8] = []
      while place < png.count {
        let number = { (offset: Int) in png[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) } }
        let length = number(place)
        let body = Array(png[place + 4..<place + 8 + length])
        #expect(crc32(0, body, UInt32(body.count)) == UInt(number(place + 8 + length)))
        switch String(decoding: body[..<4], as: UTF8.self) {
        case "IHDR": (width, height) = (number(place + 8), number(place + 12))
        case "IDAT": data += body[4...]
        default: break
        }
        place += 12 + length
      }
      var count = UInt((width * 3 + 1) * height)
      var rows = [UInt8](repeating: 0, count: Int(count))
      try #require(uncompress(&rows, &count, data, UInt(data.count)) == Z_OK)
      pixels = [UInt8](repeating: 0, count: width * height * 3)
      for y in 0..<height {
        for x in 0..<width * 3 {
          pixels[y * width * 3 + x] = rows[y * (width * 3 + 1) + 1 + x] &+ (y > 0 ? pixels[(y - 1) * width * 3 + x] : 0)
        }
      }
    }

    /// Whether any channel of the pixel is far above the others: a label's tint.
    func isTinted(_ x: Int, _ y: Int) -> Bool {
      let pixel = pixels[(y * width + x) * 3..<(y * width + x) * 3 + 3]
      return Int(pixel.max() ?? 0) - Int(pixel.min() ?? 0) > 40
    }
  }

  @Test func pixelsComeBack() throws {
    let pixels = (0..<7 * 5 * 3).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let decoded = try Decoded(PNG.encode(width: 7, height: 5, pixels: pixels))
    #expect(decoded.width == 7 && decoded.height == 5)
    #expect(decoded.pixels == pixels)
  }

  @Test func everyStorageOrderGivesTheSamePicture() throws {
    let scan = try NIfTIImage(path: Corpus.example("data/t1_sample.nii.gz")).volume()
    let labels = try NIfTIImage(path: Corpus.example("data/monai_output.nii.gz")).volume(as: .uint8)
    let names = [1: "CSF", 2: "grey matter", 3: "white matter"]
    let reference = try SegmentationPicture(scan: scan, labels: labels, names: names).png()
    #expect(try Decoded(reference).width == 900)
    for codes in ["RAS", "PIR", "SLA"] {
      let target = try Orientation(codes: codes)
      let picture = try SegmentationPicture(
        scan: scan.reoriented(to: target), labels: labels.reoriented(to: target), names: names)
      #expect(try picture.png() == reference)
    }
  }

  @Test func thePatientsRightIsOnTheLeft() throws {
    // One labelled block at the patient's right and front, in an image stored in LPS order.
    var values = [UInt8](repeating: 0, count: 40 * 40 * 40)
    for i in 4..<12 { for j in 4..<12 { for k in 16..<24 { values[(i * 40 + j) * 40 + k] = 1 } } }
    let labels = Volume(voxels: Tensor(values, [1, 40, 40, 40]), affine: .scaling([-1, -1, 1]))
    let scan = Volume(voxels: labels.voxels.converted(to: .float32), affine: labels.affine)
    let decoded = try Decoded(SegmentationPicture(scan: scan, labels: labels, names: [:]).png())
    // The axial panel is the first third; its tinted pixels above the legend lie left of and above its middle.
    var tinted: [(x: Int, y: Int)] = []
    for y in 80..<330 { for x in 70..<270 where decoded.isTinted(x, y) { tinted.append((x, y)) } }
    #expect(tinted.count > 1000)
    let mean = (
      x: tinted.map(\.x).reduce(0, +) / max(tinted.count, 1), y: tinted.map(\.y).reduce(0, +) / max(tinted.count, 1)
    )
    #expect(mean.x < 130)
    #expect(mean.y < 170)
  }

  @Test func emptyAndOddInputsAreDrawnOrRefused() throws {
    let scan = Volume(voxels: Tensor([Float.nan, 0, .infinity, 5], [1, 2, 2, 1]), affine: .identity)
    let none = Volume(voxels: Tensor(.uint8, [1, 2, 2, 1]), affine: .identity)
    #expect(try SegmentationPicture(scan: scan, labels: none, names: [:]).png().count > 100)
    let many = Volume(voxels: Tensor((0..<120).map(Int32.init), [1, 4, 5, 6]), affine: .identity)
    let picture = try SegmentationPicture(
      scan: many, labels: many,
      names: [3: "a name with ümlaut that is much longer than the others of the legend (left)"])
    #expect(try Decoded(picture.png()).height > 600)
    #expect(throws: LabelError.self) { try SegmentationPicture(scan: scan, labels: many, names: [:]) }
    let flat = Volume(voxels: many.voxels, affine: .scaling([1, 0, 1]))
    #expect(throws: GeometryError.degenerateAffine) { try SegmentationPicture(scan: flat, labels: flat, names: [:]) }
  }
}
