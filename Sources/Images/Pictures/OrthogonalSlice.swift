import Tensors

/// One slice of a scan in RAS order with the labels over it, ready to be drawn at any size.
struct OrthogonalSlice {
  enum Plane: CaseIterable {
    case axial, coronal, sagittal

    /// The RAS axes of the picture, both of which grow against the picture's x and y: right is left, the front and
    /// the head are up; a sagittal slice looks to the left.
    var horizontal: Int { self == .sagittal ? 1 : 0 }
    var vertical: Int { self == .axial ? 1 : 2 }
    /// The axis through the picture.
    var normal: Int { 3 - horizontal - vertical }

    var title: String {
      switch self {
      case .axial: "Axial"
      case .coronal: "Coronal"
      case .sagittal: "Sagittal"
      }
    }

    /// The letters at the picture's left, right, upper and lower edge.
    var letters: (left: String, right: String, top: String, bottom: String) {
      switch self {
      case .axial: ("R", "L", "A", "P")
      case .coronal: ("R", "L", "S", "I")
      case .sagittal: ("A", "P", "S", "I")
      }
    }
  }

  let plane: Plane
  /// The slice's size in mm.
  let width: Double
  let height: Double
  /// The world coordinate of the slice in mm.
  let position: Double
  private let columns: Int
  private let rows: Int
  /// Row by row from the top as it is drawn.
  private let grey: [Float]
  private let labels: [Int32]
  private let window: GreyWindow
  private let palette: LabelPalette

  /// - Parameters: `grey` and `labels` are `[C, X, Y, Z]` in RAS order; `index` counts along the plane's normal.
  init(
    _ plane: Plane, grey: Tensor, labels: Tensor, at index: Int, spacing: [Double], position: Double,
    window: GreyWindow, palette: LabelPalette
  ) {
    self.plane = plane
    self.position = position
    self.window = window
    self.palette = palette
    columns = grey.shape[plane.horizontal + 1]
    rows = grey.shape[plane.vertical + 1]
    width = Double(columns) * spacing[plane.horizontal]
    height = Double(rows) * spacing[plane.vertical]
    let view = { (tensor: Tensor) in
      tensor.sliced(0, 0..<1).sliced(plane.normal + 1, index..<index + 1)
        .flipped([plane.horizontal + 1, plane.vertical + 1])
        .permuted([0, plane.normal + 1, plane.vertical + 1, plane.horizontal + 1])
    }
    self.grey = view(grey).converted(to: .float32).array(of: Float.self)
    self.labels = view(labels).converted(to: .int32).array(of: Int32.self)
  }

  /// How much of a label's colour covers the scan.
  private static let opacity = 0.45

  /// The colour at a part (0 to 1) of the width and the height: the scan between its voxels, the label of the nearest.
  func colour(x: Double, y: Double) -> Canvas.Colour {
    let column = min(max(Int(x * Double(columns)), 0), columns - 1)
    let row = min(max(Int(y * Double(rows)), 0), rows - 1)
    let base = Canvas.Colour.grey(window.level(interpolated(x: x * Double(columns) - 0.5, y: y * Double(rows) - 0.5)))
    let label = labels[row * columns + column]
    return label == 0 ? base : base.mixed(with: palette[Int(label)], part: Self.opacity)
  }

  private func interpolated(x: Double, y: Double) -> Float {
    let (column, right) = Self.neighbours(x, columns)
    let (row, below) = Self.neighbours(y, rows)
    let (u, v) = (Float(x - x.rounded(.down)), Float(y - y.rounded(.down)))
    let upper = grey[row * columns + column] * (1 - u) + grey[row * columns + right] * u
    let lower = grey[below * columns + column] * (1 - u) + grey[below * columns + right] * u
    return upper * (1 - v) + lower * v
  }

  private static func neighbours(_ place: Double, _ count: Int) -> (Int, Int) {
    let lower = Int(place.rounded(.down))
    return (min(max(lower, 0), count - 1), min(max(lower + 1, 0), count - 1))
  }
}
