import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The weighted sums of the windows' first output, kept only where a later window adds to them.
///
/// The windows divide the image into boxes (``WindowCells``). A box has sums from its first window on to its last; then the
/// means are handed on at once. Nothing is kept of a box that only one window covers.
final class RollingSums {
  private let grid: WindowGrid
  private let weights: WindowWeights
  /// Takes the final means `[K, X, Y, Z]` of a region.
  private let finish: (Tensor, Region) throws -> Void
  private let cells: WindowCells
  private let waiting: Int
  /// Where each window, by its number in MONAI's order, stands among them.
  private let turns: [Int]
  private var sums: [Int: CellSums] = [:]
  private var hasBegun = false

  /// Means are handed on in pieces of about as many elements, which stay in the cache.
  private static let pieceLength = 1 << 17

  /// - Parameter grid: In the order `order`.
  init(
    grid: WindowGrid, order: WindowOrder, weights: WindowWeights, finish: @escaping (Tensor, Region) throws -> Void
  ) {
    self.grid = grid
    self.weights = weights
    self.finish = finish
    cells = WindowCells(grid)
    waiting = order.waiting
    var turns = [Int](repeating: 0, count: order.sequence.count)
    for (turn, window) in order.sequence.enumerated() { turns[window] = turn }
    self.turns = turns
  }

  /// Adds the output of the windows of these numbers, `[B, K, …]`, which come in their order. Its values are lost.
  /// - Throws: ``SlidingWindowError/sumsTooLarge(bytes:)``; what the receiver of the means throws.
  func add(_ output: inout Tensor, of windows: Range<Int>, onAllCores: Bool) throws {
    let channels = output.shape[1]
    if !hasBegun { try SlidingWindowError.requireMemory([channels, waiting]) }
    hasBegun = true
    let volume = grid.roi.reduce(1, *)
    output = output.converted(to: .float32)
    try output.withMutableElements(of: Float.self) { elements in
      guard let base = elements.baseAddress else { return }
      for (position, window) in windows.enumerated() {
        let numbers = grid.numbers(window)
        let values = RegionValues(
          base: base + position * channels * volume,
          origin: (0..<3).map { grid.firstPlace(axis: $0, number: numbers[$0]) }, channels: channels,
          strides: [volume, grid.roi[1] * grid.roi[2], grid.roi[2]])
        try add(values, turn: window, numbers, onAllCores)
      }
    }
  }

  private func add(_ values: RegionValues, turn: Int, _ numbers: [Int], _ onAllCores: Bool) throws {
    let window = Region((0..<3).map { grid.extent(axis: $0, number: numbers[$0]) })
    weights.withMap { map in
      if let map { values.scale(by: map, over: window, onAllCores: onAllCores) }
    }
    let covered = (0..<3).map { cells.intervals(axis: $0, of: numbers[$0]) }
    var (additions, ends, begins): ([RegionTransfer], [Int], [(cell: Int, region: Region)]) = ([], [], [])
    var final = CellSet(covered)
    for x in covered[0] {
      for y in covered[1] {
        for z in covered[2] {
          let cell = cells.number([x, y, z])
          let region = cells.region([x..<x + 1, y..<y + 1, z..<z + 1])
          let (first, last) = turnsOver([x, y, z])
          if let before = sums[cell]?.values {
            additions.append(
              RegionTransfer(region, from: last == turn ? before : values, to: last == turn ? values : before))
          } else if first == turn, last != turn {
            begins.append((cell, region))
          }
          guard last == turn else { continue }
          final.insert(x, y, z)
          ends.append(cell)
        }
      }
    }
    RegionTransfer.add(additions, channels: values.channels, onAllCores: onAllCores)
    for cell in ends { sums[cell] = nil }
    for box in final.boxes() { try handOn(values, cells.region(box), onAllCores) }
    let copies = try begins.map { cell, region in
      let new = try CellSums(region, channels: values.channels)
      sums[cell] = new
      return RegionTransfer(region, from: values, to: new.values)
    }
    RegionTransfer.copy(copies, channels: values.channels, onAllCores: onAllCores)
  }

  /// The turns of the first and the last window over a box.
  private func turnsOver(_ indices: [Int]) -> (first: Int, last: Int) {
    let windows = (0..<3).map { cells.axes[$0][indices[$0]].windows }
    return (turns[number(windows.map(\.lowerBound))], turns[number(windows.map(\.upperBound))])
  }

  /// The number in MONAI's order of the window with these numbers on the axes.
  private func number(_ numbers: [Int]) -> Int {
    (numbers[0] * grid.starts[1].count + numbers[1]) * grid.starts[2].count + numbers[2]
  }

  private func handOn(_ values: RegionValues, _ final: Region, _ onAllCores: Bool) throws {
    guard !final.isEmpty else { return }
    let sheet = values.channels * final.axes[1].count * final.axes[2].count
    let step = max(1, Self.pieceLength / sheet)
    for start in stride(from: final.axes[0].lowerBound, to: final.axes[0].upperBound, by: step) {
      let piece = final.limited(0, to: start..<start + step)
      let extents = piece.axes.map(\.count)
      var means = Tensor(.float32, Shape([values.channels] + extents), isZeroed: false)
      let divisors = weights.sums(over: piece, grid: grid)
      means.withMutableElements(of: Float.self) { elements in
        guard let base = elements.baseAddress else { return }
        let target = RegionValues(
          base: base, origin: piece.axes.map(\.lowerBound), channels: values.channels,
          strides: [extents.reduce(1, *), extents[1] * extents[2], extents[2]])
        RegionTransfer.copy(
          [RegionTransfer(piece, from: values, to: target)], channels: values.channels, onAllCores: onAllCores)
        target.divide(by: divisors, over: piece, onAllCores: onAllCores)
      }
      try finish(means, piece)
    }
  }
}

/// The sums of one box that wait for later windows, in pages of their own: they go back to the system at once, where an
/// allocator would keep what lies between boxes that are still in use.
private final class CellSums {
  let values: RegionValues
  private let pages: UnsafeMutableRawBufferPointer

  /// - Throws: ``SlidingWindowError/sumsTooLarge(bytes:)`` when the system has no memory left.
  init(_ region: Region, channels: Int) throws {
    let extents = region.axes.map(\.count)
    let volume = extents.reduce(1, *)
    let count = max(channels * volume, 1) * MemoryLayout<Float>.stride
    guard let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0), start != MAP_FAILED
    else {
      throw SlidingWindowError.sumsTooLarge(bytes: count)
    }
    #if canImport(Glibc)
      madvise(start, count, MADV_HUGEPAGE)
    #endif
    pages = UnsafeMutableRawBufferPointer(start: start, count: count)
    values = RegionValues(
      base: start.bindMemory(to: Float.self, capacity: channels * volume), origin: region.axes.map(\.lowerBound),
      channels: channels, strides: [volume, extents[1] * extents[2], extents[2]])
  }

  deinit { munmap(pages.baseAddress, pages.count) }
}

/// Some of the boxes that a window covers.
private struct CellSet {
  private let covered: [Range<Int>]
  private var cells: Set<[Int]> = []

  init(_ covered: [Range<Int>]) { self.covered = covered }

  mutating func insert(_ x: Int, _ y: Int, _ z: Int) { cells.insert([x, y, z]) }

  /// The boxes joined into few larger ones, as intervals per axis.
  func boxes() -> [[Range<Int>]] {
    var rest = cells
    var found: [[Range<Int>]] = []
    for x in covered[0] {
      for y in covered[1] {
        for z in covered[2] where rest.contains([x, y, z]) {
          var box = [x..<x + 1, y..<y + 1, z..<z + 1]
          for axis in (0..<3).reversed() {
            while true {
              var next = box
              next[axis] = box[axis].upperBound..<box[axis].upperBound + 1
              guard Self.members(next).allSatisfy(rest.contains) else { break }
              box[axis] = box[axis].lowerBound..<next[axis].upperBound
            }
          }
          rest.subtract(Self.members(box))
          found.append(box)
        }
      }
    }
    return found
  }

  private static func members(_ box: [Range<Int>]) -> [[Int]] {
    box[0].flatMap { x in box[1].flatMap { y in box[2].map { z in [x, y, z] } } }
  }
}
