import Arguments

extension ArgumentReader {
  /// One positive number per spatial axis; a single number stands for all axes.
  mutating func spatial(_ name: String, default fallback: Int, dimensions: Int) throws -> [Int] {
    try checkDimensions(dimensions)
    guard let value = present(name) else { return Array(repeating: fallback, count: dimensions) }
    return try spatial(name, value, dimensions)
  }

  /// The same without a default.
  mutating func spatial(_ name: String, dimensions: Int) throws -> [Int] {
    guard let value = present(name) else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: name)
    }
    return try spatial(name, value, dimensions)
  }

  /// A list with one entry per level, each a number or one number per spatial axis.
  mutating func spatialList(_ name: String, dimensions: Int) throws -> [[Int]] {
    guard let value = present(name) else {
      throw ArgumentError.missing(component: component.className, path: component.path, name: name)
    }
    try checkDimensions(dimensions)
    guard case .list(let items) = value else {
      throw wrongKind(name, value, expected: "a list with one entry per level")
    }
    return try items.map { try spatial(name, $0, dimensions) }
  }

  private func checkDimensions(_ dimensions: Int) throws {
    guard (1...3).contains(dimensions) else {
      throw unsupported("spatial_dims", "\(dimensions)", supported: "1 to 3")
    }
  }

  private func spatial(_ name: String, _ value: PlainValue, _ dimensions: Int) throws -> [Int] {
    let expected = "a positive integer, or \(dimensions) of them"
    try checkDimensions(dimensions)
    guard let numbers = value.asInts, numbers.allSatisfy({ (1...4096).contains($0) }) else {
      throw wrongKind(name, value, expected: expected)
    }
    if case .list = value {
      guard numbers.count == dimensions else { throw wrongKind(name, value, expected: expected) }
      return numbers
    }
    return Array(repeating: numbers[0], count: dimensions)
  }
}
