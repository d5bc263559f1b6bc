/// An RGB picture to draw on.
struct Canvas {
  struct Colour: Hashable {
    var red: UInt8
    var green: UInt8
    var blue: UInt8

    static func grey(_ level: UInt8) -> Colour { Colour(red: level, green: level, blue: level) }

    init(red: UInt8, green: UInt8, blue: UInt8) { (self.red, self.green, self.blue) = (red, green, blue) }

    /// `0xRRGGBB`.
    init(_ code: UInt32) {
      self.init(
        red: UInt8(truncatingIfNeeded: code >> 16), green: UInt8(truncatingIfNeeded: code >> 8),
        blue: UInt8(truncatingIfNeeded: code))
    }

    /// This colour with `part` of `other` over it.
    func mixed(with other: Colour, part: Double) -> Colour {
      func mix(_ a: UInt8, _ b: UInt8) -> UInt8 { UInt8((Double(a) * (1 - part) + Double(b) * part).rounded()) }
      return Colour(red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }
  }

  let width: Int
  let height: Int
  private(set) var pixels: [UInt8]

  init(width: Int, height: Int, background: Colour) {
    self.width = width
    self.height = height
    pixels = (0..<width * height).flatMap { _ in [background.red, background.green, background.blue] }
  }

  /// Sets a pixel; outside the picture nothing happens.
  mutating func set(_ x: Int, _ y: Int, _ colour: Colour) {
    guard x >= 0, y >= 0, x < width, y < height else { return }
    let place = (y * width + x) * 3
    pixels[place] = colour.red
    pixels[place + 1] = colour.green
    pixels[place + 2] = colour.blue
  }

  mutating func fill(x: Int, y: Int, width: Int, height: Int, _ colour: Colour) {
    for row in y..<y + max(height, 0) {
      for column in x..<x + max(width, 0) { set(column, row, colour) }
    }
  }

  /// Writes `text` with its upper left corner at (x, y); one glyph pixel is `scale` pixels wide.
  mutating func draw(_ text: String, x: Int, y: Int, scale: Int, _ colour: Colour) {
    for (index, character) in text.enumerated() {
      let left = x + index * BitmapFont.advance * scale
      for (row, bits) in BitmapFont.rows(of: character).enumerated() {
        for column in 0..<BitmapFont.width where bits >> (BitmapFont.width - 1 - column) & 1 == 1 {
          fill(x: left + column * scale, y: y + row * scale, width: scale, height: scale, colour)
        }
      }
    }
  }

  /// The width of `text` in pixels.
  static func width(of text: String, scale: Int) -> Int {
    max(text.count * BitmapFont.advance - 1, 0) * scale
  }
}
