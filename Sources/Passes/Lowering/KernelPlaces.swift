/// The coordinates of all places in a box, the last axis fastest.
func places(in extents: [Int]) -> [[Int]] {
  extents.reduce([[]]) { places, extent in places.flatMap { place in (0..<extent).map { place + [$0] } } }
}
