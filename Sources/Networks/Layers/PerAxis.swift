/// One number for every spatial axis, or one for each: the kernel size, stride or padding of a layer.
enum PerAxis: Sendable, Hashable {
  case all(Int)
  case each([Int])

  /// One number per axis.
  func expanded(_ count: Int) -> [Int] {
    switch self {
    case .all(let value): Array(repeating: value, count: count)
    case .each(let values): values
    }
  }

  func map(_ transform: (Int) -> Int) -> PerAxis {
    switch self {
    case .all(let value): .all(transform(value))
    case .each(let values): .each(values.map(transform))
    }
  }
}

extension PerAxis: ExpressibleByIntegerLiteral {
  init(integerLiteral value: Int) { self = .all(value) }
}
