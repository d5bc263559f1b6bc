extension SlidingWindow {
  /// The window's extents when they don't depend on the image; nil when an axis takes the image's own.
  package func fixedShape(rank: Int) -> [Int]? {
    let extents: [Int]
    switch roiSize {
    case .uniform(let extent): extents = Array(repeating: extent, count: rank)
    case .perAxis(let values): extents = values
    }
    return extents.count == rank && extents.allSatisfy { $0 > 0 } ? extents : nil
  }
}
