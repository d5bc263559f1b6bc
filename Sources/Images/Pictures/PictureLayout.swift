/// Puts the slices side by side, at one scale, over the legend.
struct PictureLayout {
  let slices: [OrthogonalSlice]
  let legend: [LegendEntry]

  private static let width = 900
  private static let margin = 24
  private static let gap = 12
  /// The panels' height is at most this, so that long bodies don't make a tower.
  private static let highestPanel = 640
  private static let titleHeight = 30
  private static let lineHeight = 26

  private static let background = Canvas.Colour(0x14171c)
  private static let panelEdge = Canvas.Colour(0x2b313a)
  private static let text = Canvas.Colour(0xe6e9ee)
  private static let dimText = Canvas.Colour(0x97a0ad)
  private static let letter = Canvas.Colour(0xffd166)

  /// Pixels per mm.
  private var scale: Double {
    let room = Double(Self.width - 2 * Self.margin - Self.gap * (slices.count - 1))
    let across = slices.reduce(0) { $0 + $1.width }
    let tallest = slices.map(\.height).max() ?? 1
    return min(room / max(across, 1e-9), Double(Self.highestPanel) / max(tallest, 1e-9))
  }

  func canvas() -> Canvas {
    let scale = scale
    let widths = slices.map { max(1, Int($0.width * scale)) }
    let heights = slices.map { max(1, Int($0.height * scale)) }
    let tallest = heights.max() ?? 1
    let lines = legendRows
    let panelTop = Self.margin + Self.titleHeight
    let legendTop = panelTop + tallest + 22
    var canvas = Canvas(
      width: Self.width, height: legendTop + max(lines, 1) * Self.lineHeight + Self.margin - 8,
      background: Self.background)

    var left = (Self.width - widths.reduce(0, +) - Self.gap * (slices.count - 1)) / 2
    for (index, slice) in slices.enumerated() {
      drawTitle(of: slice, x: left, y: Self.margin, width: widths[index], on: &canvas)
      canvas.fill(x: left - 1, y: panelTop - 1, width: widths[index] + 2, height: tallest + 2, Self.panelEdge)
      canvas.fill(x: left, y: panelTop, width: widths[index], height: tallest, .grey(0))
      let top = panelTop + (tallest - heights[index]) / 2
      draw(slice, x: left, y: top, width: widths[index], height: heights[index], on: &canvas)
      drawLetters(of: slice, x: left, y: panelTop, width: widths[index], height: tallest, on: &canvas)
      if index == 0 { drawScaleBar(x: left, bottom: panelTop + tallest, width: widths[0], scale: scale, on: &canvas) }
      left += widths[index] + Self.gap
    }
    drawLegend(y: legendTop, on: &canvas)
    return canvas
  }

  private func draw(_ slice: OrthogonalSlice, x: Int, y: Int, width: Int, height: Int, on canvas: inout Canvas) {
    for row in 0..<height {
      for column in 0..<width {
        let colour = slice.colour(
          x: (Double(column) + 0.5) / Double(width), y: (Double(row) + 0.5) / Double(height))
        canvas.set(x + column, y + row, colour)
      }
    }
  }

  /// The plane's name, and where it lies when there is room.
  private func drawTitle(of slice: OrthogonalSlice, x: Int, y: Int, width: Int, on canvas: inout Canvas) {
    let title = slice.plane.title
    let letters = ["x", "y", "z"]
    let place = "\(letters[slice.plane.normal]) = \(Self.whole(slice.position)) mm"
    canvas.draw(title, x: x, y: y + 4, scale: 2, Self.text)
    let used = Canvas.width(of: title, scale: 2) + 14
    let rest = Canvas.width(of: place, scale: 1)
    guard used + rest <= width else { return }
    canvas.draw(place, x: x + width - rest, y: y + 11, scale: 1, Self.dimText)
  }

  private static func whole(_ value: Double) -> String {
    abs(value) < 1e9 ? String(Int(value.rounded())) : "?"
  }

  private func drawLetters(of slice: OrthogonalSlice, x: Int, y: Int, width: Int, height: Int, on canvas: inout Canvas)
  {
    let letters = slice.plane.letters
    let size = (width: BitmapFont.width * 2, height: BitmapFont.ascent * 2)
    let middle = (x: x + (width - size.width) / 2, y: y + (height - size.height) / 2)
    for (text, place) in [
      (letters.left, (x + 6, middle.y)), (letters.right, (x + width - size.width - 6, middle.y)),
      (letters.top, (middle.x, y + 6)), (letters.bottom, (middle.x, y + height - size.height - 6)),
    ] {
      // A dark rim keeps the letter legible on bright tissue.
      for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
        canvas.draw(text, x: place.0 + dx, y: place.1 + dy, scale: 2, .grey(0))
      }
      canvas.draw(text, x: place.0, y: place.1, scale: 2, Self.letter)
    }
  }

  /// A bar of a round length, about a quarter of the panel.
  private func drawScaleBar(x: Int, bottom: Int, width: Int, scale: Double, on canvas: inout Canvas) {
    let lengths = [200, 100, 50, 20, 10, 5, 2, 1]
    guard let length = lengths.first(where: { Double($0) * scale <= Double(width) / 3 }) else { return }
    let pixels = Int(Double(length) * scale)
    canvas.fill(x: x + 7, y: bottom - 11, width: pixels + 2, height: 4, .grey(0))
    canvas.fill(x: x + 8, y: bottom - 10, width: pixels, height: 2, Self.text)
    canvas.draw(length % 10 == 0 ? "\(length / 10) cm" : "\(length) mm", x: x + 8, y: bottom - 22, scale: 1, Self.text)
  }

  // MARK: Legend

  private static let swatch = 14
  private static let columnGap = 36

  private var nameWidth: Int { legend.map { Canvas.width(of: $0.name, scale: 2) }.max() ?? 0 }
  private var volumeWidth: Int { legend.map { Canvas.width(of: $0.volume, scale: 2) }.max() ?? 0 }
  private var columnWidth: Int { Self.swatch + 10 + nameWidth + 18 + volumeWidth }

  private var legendColumns: Int {
    let room = Self.width - 2 * Self.margin
    return max(1, min(legend.count, (room + Self.columnGap) / (columnWidth + Self.columnGap)))
  }
  private var legendRows: Int { (legend.count + legendColumns - 1) / legendColumns }

  private func drawLegend(y: Int, on canvas: inout Canvas) {
    guard !legend.isEmpty else {
      canvas.draw("no voxel is labelled", x: Self.margin, y: y, scale: 2, Self.dimText)
      return
    }
    for (index, entry) in legend.enumerated() {
      let x = Self.margin + index / legendRows * (columnWidth + Self.columnGap)
      let top = y + index % legendRows * Self.lineHeight
      canvas.fill(x: x, y: top, width: Self.swatch, height: Self.swatch, entry.colour)
      canvas.draw(entry.name, x: x + Self.swatch + 10, y: top, scale: 2, Self.text)
      let volume = Canvas.width(of: entry.volume, scale: 2)
      canvas.draw(entry.volume, x: x + columnWidth - volume, y: top, scale: 2, Self.dimText)
    }
  }
}
