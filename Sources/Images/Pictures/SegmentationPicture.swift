import Files
import Tensors

/// A segmentation drawn over its scan: an axial, a coronal and a sagittal slice through the labels' centre of mass in
/// physical proportions, with a legend.
///
/// Radiological convention: the patient's right is on the left of the picture. An oblique image is shown along its own
/// voxel axes, named after the closest directions.
package struct SegmentationPicture {
  private let slices: [OrthogonalSlice]
  private let legend: [LegendEntry]

  /// - Parameters:
  ///   - scan: the scan; its first channel is shown.
  ///   - labels: one channel of labels on the scan's grid; 0 is background.
  ///   - names: what the labels are called in the legend.
  /// - Throws: ``LabelError`` when the grids differ or `labels` has several channels, ``GeometryError``.
  package init(scan: Volume, labels: Volume, names: [Int: String]) throws {
    guard scan.spatialShape == labels.spatialShape else {
      throw LabelError.differentGrids(scan.voxels.shape, labels.voxels.shape)
    }
    let statistics = try LabelStatistics(labels: labels)
    let present = statistics.labels.filter { $0 != 0 }
    let palette = LabelPalette(labels: present)
    legend = present.map { label in
      LegendEntry(
        colour: palette[label], name: names[label].map { "\(label)  \($0)" } ?? "\(label)",
        volume: "\(LegendEntry.rounded(statistics.millilitres(of: label))) ml")
    }

    let change = try Orientation(affine: scan.affine).transform(to: .ras)
    let grey = change.apply(to: scan.voxels, firstAxis: 1)
    let marks = change.apply(to: labels.voxels, firstAxis: 1)
    let affine = scan.affine * change.inverseAffine(shape: scan.spatialShape)
    let extents = Array(grey.shape.dimensions[1...])
    let centre = Self.centre(of: statistics, change, shape: scan.spatialShape)
    let window = GreyWindow(grey)
    slices = OrthogonalSlice.Plane.allCases.map { plane in
      OrthogonalSlice(
        plane, grey: grey, labels: marks, at: min(max(centre[plane.normal], 0), extents[plane.normal] - 1),
        spacing: affine.spacing, position: affine.apply(centre.map(Double.init))[plane.normal], window: window,
        palette: palette)
    }
  }

  /// The picture as a PNG file's bytes, 900 pixels wide.
  package func png() throws -> [UInt8] {
    let canvas = PictureLayout(slices: slices, legend: legend).canvas()
    return try PNG.encode(width: canvas.width, height: canvas.height, pixels: canvas.pixels)
  }

  /// Writes the PNG file, whole or not at all.
  package func write(to path: String) throws { try AtomicFile.write(png(), to: path) }

  /// The centre of mass of everything labelled, in voxels of the reoriented array; the middle when nothing is.
  private static func centre(of statistics: LabelStatistics, _ change: Orientation, shape: [Int]) -> [Int] {
    let labelled = statistics.voxelCounts.filter { $0.key != 0 }
    let total = Double(labelled.values.reduce(0, +))
    var result = [0, 0, 0]
    for axis in 0..<3 {
      var place = Double(shape[axis] - 1) / 2
      if total > 0 {
        place = labelled.reduce(0) { $0 + Double($1.value) * (statistics.centres[$1.key]?[axis] ?? 0) } / total
      }
      let index = min(max(Int(place.rounded()), 0), shape[axis] - 1)
      result[change.axes[axis]] = change.directions[axis] < 0 ? shape[axis] - 1 - index : index
    }
    return result
  }
}

/// A line of the legend.
struct LegendEntry {
  var colour: Canvas.Colour
  var name: String
  var volume: String

  /// With one digit behind the point.
  static func rounded(_ value: Double) -> String {
    guard value.isFinite, value < 1e12 else { return "?" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// Which values are black and white: the 1st and the 99.5th percentile of the voxels that aren't zero.
struct GreyWindow {
  private(set) var low: Float = 0
  private(set) var high: Float = 1

  /// Samples at most 16 slices of `[C, X, Y, Z]`, which is plenty for a picture.
  init(_ scan: Tensor) {
    var sample: [Float] = []
    let count = min(scan.shape[3], 16)
    for index in 0..<count {
      let z = (2 * index + 1) * scan.shape[3] / (2 * count)
      let slice = scan.sliced(0, 0..<1).sliced(3, z..<z + 1).converted(to: .float32)
      let step = max(1, slice.count / 65_536)
      slice.withElements(of: Float.self) { values in
        for place in stride(from: 0, to: values.count, by: step) where values[place] != 0 && values[place].isFinite {
          sample.append(values[place])
        }
      }
    }
    guard !sample.isEmpty else { return }
    sample.sort()
    low = sample[Int(0.01 * Double(sample.count - 1))]
    high = sample[Int(0.995 * Double(sample.count - 1))]
    // An image of one value beside zero shows that value white.
    if high <= low { low = min(0, high - 1) }
  }

  /// 0 for black to 255 for white.
  func level(_ value: Float) -> UInt8 {
    guard value.isFinite else { return 0 }
    return UInt8(min(max((value - low) / (high - low), 0), 1) * 255)
  }
}

/// The colours of the labels.
struct LabelPalette {
  private var colours: [Int: Canvas.Colour] = [:]

  private static let first: [UInt32] = [
    0x4cc9f0, 0xf94144, 0xf9c74f, 0x90be6d, 0xb388eb, 0xf8961e, 0x43aa8b, 0xff85a1, 0x577ff2, 0xc9e265, 0x2ec4b6,
    0xd9896c,
  ]

  init(labels: [Int]) {
    for (index, label) in labels.enumerated() {
      colours[label] = index < Self.first.count ? Canvas.Colour(Self.first[index]) : Self.generated(index)
    }
  }

  subscript(label: Int) -> Canvas.Colour { colours[label] ?? .grey(255) }

  /// Hues by the golden angle are far from their neighbours; brightness and saturation vary in three steps.
  private static func generated(_ index: Int) -> Canvas.Colour {
    let hue = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1) * 6
    let value = [1, 0.8, 0.62][index % 3]
    let saturation = [0.75, 0.55, 0.9][index / 3 % 3]
    func channel(_ offset: Double) -> UInt8 {
      let place = (offset + hue).truncatingRemainder(dividingBy: 6)
      let ramp = max(0, min(place, 4 - place, 1))
      return UInt8(255 * value * (1 - saturation * ramp))
    }
    return Canvas.Colour(red: channel(5), green: channel(3), blue: channel(1))
  }
}
