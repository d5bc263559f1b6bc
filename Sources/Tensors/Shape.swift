/// The extents of a tensor, outermost first: `[N, C, D, H, W]`.
package struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral {
  package var dimensions: [Int]

  package init(_ dimensions: [Int]) { self.dimensions = dimensions }
  package init(arrayLiteral elements: Int...) { dimensions = elements }

  package var rank: Int { dimensions.count }
  package subscript(axis: Int) -> Int {
    get { dimensions[axis] }
    set { dimensions[axis] = newValue }
  }

  /// The number of elements; nil when an extent is negative, or when the product of the others overflows beside an
  /// extent of 0 (its strides could not be told).
  package var checkedCount: Int? {
    var product = 1
    for extent in dimensions {
      let (next, overflow) = product.multipliedReportingOverflow(by: max(extent, 1))
      guard extent >= 0, !overflow else { return nil }
      product = next
    }
    return dimensions.contains(0) ? 0 : product
  }

  /// The number of elements of a shape that is known to be valid.
  package var count: Int { dimensions.reduce(1, *) }

  /// Row-major strides in elements.
  package var contiguousStrides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    for axis in stride(from: rank - 2, through: 0, by: -1) {
      strides[axis] = strides[axis + 1] * max(dimensions[axis + 1], 1)
    }
    return strides
  }
}

extension Shape: CustomStringConvertible {
  /// `1×1×96×96×96`, or `scalar`.
  package var description: String {
    dimensions.isEmpty ? "scalar" : dimensions.map(String.init).joined(separator: "×")
  }
}
