/// How the windows of a grid divide the image: boxes whose voxels all lie in the same windows.
///
/// Boxes are counted row-major over the intervals of the three axes.
struct WindowCells {
  /// Places of one axis that the same windows cover.
  struct Interval: Equatable {
    let places: Range<Int>
    /// The numbers of the axis' windows.
    let windows: ClosedRange<Int>
  }

  let axes: [[Interval]]

  var count: Int { axes.reduce(1) { $0 * $1.count } }

  init(_ grid: WindowGrid) {
    axes = (0..<3).map { axis in
      let extents = grid.starts[axis].indices.map { grid.extent(axis: axis, number: $0) }
      let borders = Set(extents.flatMap { [$0.lowerBound, $0.upperBound] }).sorted()
      return zip(borders, borders.dropFirst()).compactMap { begin, end in
        // Windows begin and end in their order, so those over a place follow each other.
        let over = extents.indices.filter { extents[$0].lowerBound <= begin && extents[$0].upperBound >= end }
        guard let first = over.first, let last = over.last else { return nil }
        return Interval(places: begin..<end, windows: first...last)
      }
    }
  }

  /// The indices of the intervals of `axis` that its window of that number covers.
  func intervals(axis: Int, of number: Int) -> Range<Int> {
    let covered = axes[axis].indices.filter { axes[axis][$0].windows.contains(number) }
    guard let first = covered.first, let last = covered.last else { return 0..<0 }
    return first..<last + 1
  }

  /// The number of the box at these intervals.
  func number(_ indices: [Int]) -> Int {
    (indices[0] * axes[1].count + indices[1]) * axes[2].count + indices[2]
  }

  /// The voxels of the boxes at these intervals.
  func region(_ indices: [Range<Int>]) -> Region {
    Region(
      (0..<3).map { axis in
        let (first, last) = (axes[axis][indices[axis].lowerBound], axes[axis][indices[axis].upperBound - 1])
        return first.places.lowerBound..<last.places.upperBound
      })
  }
}
