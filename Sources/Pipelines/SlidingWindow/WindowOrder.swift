/// An order of a grid's windows, and what it costs: the voxels whose sums must be kept because a later window adds to them.
///
/// The last window of an axis is moved back into the image, so it mostly overlaps the one before by far more than the others
/// do. Orders are tried that take these two in turn before going on, as well as those of the axes alone. In all of them the
/// first window over a voxel is the one with the lowest number on each axis, and the last the one with the highest.
package struct WindowOrder: Sendable, Equatable {
  /// The windows by their numbers in MONAI's order.
  package let sequence: [Int]
  /// The most voxels that wait at any moment.
  package let waiting: Int

  /// The order in which the fewest voxels wait; MONAI's own unless another spares a fifth of them.
  package static func leanest(for grid: WindowGrid) -> WindowOrder {
    let cells = WindowCells(grid)
    let natural = Nest(grid, loops: [0, 1, 2], pairing: [])
    let fewest = Nest.all(for: grid, cells).map { (nest: $0, waiting: $0.waiting(cells)) }.min {
      $0.waiting < $1.waiting
    }
    let waiting = natural.waiting(cells)
    guard let fewest, fewest.waiting * 5 < waiting * 4 else {
      return WindowOrder(sequence: Array(0..<grid.count), waiting: waiting)
    }
    return WindowOrder(sequence: fewest.nest.sequence(grid), waiting: fewest.waiting)
  }
}

/// Loops over the windows of three axes, one within the other. An axis whose last two windows are a pair has two loops: one
/// over its pair and its other windows, and, further inside, one over the windows of the pair.
private struct Nest {
  /// Per axis and window, what it adds to the place in the order.
  private let places: [[Int]]
  private let length: Int

  /// More orders than these aren't tried on a grid of very many windows.
  private static let mostSteps = 1 << 25

  /// - Parameters:
  ///   - loops: From the outermost; an axis of `pairing` occurs twice.
  init(_ grid: WindowGrid, loops: [Int], pairing: Set<Int>) {
    var places = grid.starts.map { Array(repeating: 0, count: $0.count) }
    var stride = 1
    var inside: Set<Int> = []
    for axis in loops.reversed() {
      let count = grid.starts[axis].count
      let isPaired = pairing.contains(axis)
      let isOfPair = isPaired && inside.insert(axis).inserted
      for number in 0..<count {
        let group = isPaired ? min(number, count - 2) : number
        places[axis][number] += stride * (isOfPair ? number - group : group)
      }
      stride *= isOfPair ? 2 : isPaired ? count - 1 : count
    }
    self.places = places
    length = stride
  }

  static func all(for grid: WindowGrid, _ cells: WindowCells) -> [Nest] {
    let irregular = (0..<3).filter { axis in
      let starts = grid.starts[axis]
      return starts.count > 2 && starts[starts.count - 1] - starts[starts.count - 2] < starts[1] - starts[0]
    }
    var nests: [Nest] = []
    for subset in 0..<1 << irregular.count {
      let pairing = irregular.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
      for loops in arrangements([0, 1, 2] + pairing) {
        let nest = Nest(grid, loops: loops, pairing: Set(pairing))
        guard (nests.count + 1) * (cells.count + nest.length) <= mostSteps else { return nests }
        nests.append(nest)
      }
    }
    return nests
  }

  /// All different arrangements of the items.
  private static func arrangements(_ items: [Int]) -> [[Int]] {
    guard !items.isEmpty else { return [[]] }
    return Set(items).sorted().flatMap { first in
      var rest = items
      rest.remove(at: rest.firstIndex(of: first) ?? 0)
      return arrangements(rest).map { [first] + $0 }
    }
  }

  /// The most voxels that wait at any moment.
  func waiting(_ cells: WindowCells) -> Int {
    var changes = [Int](repeating: 0, count: length)
    let bounds = (0..<3).map { axis in
      cells.axes[axis].map {
        (places[axis][$0.windows.lowerBound], places[axis][$0.windows.upperBound], $0.places.count)
      }
    }
    for (firstX, lastX, x) in bounds[0] {
      for (firstY, lastY, y) in bounds[1] {
        for (firstZ, lastZ, z) in bounds[2] {
          changes[firstX + firstY + firstZ] += x * y * z
          changes[lastX + lastY + lastZ] -= x * y * z
        }
      }
    }
    var (now, most) = (0, 0)
    for change in changes {
      now += change
      most = max(most, now)
    }
    return most
  }

  func sequence(_ grid: WindowGrid) -> [Int] {
    (0..<grid.count).map { index in
      let numbers = grid.numbers(index)
      return (place: (0..<3).reduce(0) { $0 + places[$1][numbers[$1]] }, index: index)
    }.sorted { $0.place < $1.place }.map(\.index)
  }
}
