import Pipelines
import Tensors
import Testing

@Suite struct WindowOrderTests {
  private func grid(_ size: [Int], roi: Int = 96, overlap: Double = 0.25) throws -> WindowGrid {
    try WindowGrid(
      SlidingWindow(roiSize: .uniform(roi), overlap: .uniform(overlap)), input: Shape([1, 1] + size))
  }

  /// The most voxels that wait while the windows are run in this order, counted voxel by voxel.
  private func counted(_ grid: WindowGrid, _ sequence: [Int]) -> Int {
    let size = grid.imageSize
    var turns = [(first: Int, last: Int)](repeating: (Int.max, -1), count: size.reduce(1, *))
    for (turn, window) in sequence.enumerated() {
      let origin = grid.origin(window)
      for x in origin[0]..<origin[0] + grid.roi[0] {
        for y in origin[1]..<origin[1] + grid.roi[1] {
          for z in origin[2]..<origin[2] + grid.roi[2] {
            let voxel = (x * size[1] + y) * size[2] + z
            turns[voxel] = (min(turns[voxel].first, turn), max(turns[voxel].last, turn))
          }
        }
      }
    }
    return sequence.indices.map { turn in turns.count { $0.first <= turn && turn < $0.last } }.max() ?? 0
  }

  @Test(
    "each window runs once, and as many voxels wait as are counted",
    arguments: [
      ([23, 23, 18], 8, 0.25), ([30, 9, 8], 8, 0.5), ([17, 26, 40], 9, 0.4), ([20, 20, 20], 10, 0.0),
    ])
  func waitingIsWhatIsCounted(_ size: [Int], _ roi: Int, _ overlap: Double) throws {
    let grid = try grid(size, roi: roi, overlap: overlap)
    let order = WindowOrder.leanest(for: grid)
    #expect(order.sequence.sorted() == Array(0..<grid.count))
    #expect(order.waiting == counted(grid, order.sequence))
    #expect(order.waiting <= counted(grid, Array(0..<grid.count)))
  }

  /// 105 classes of wholeBody at 1.5 mm: 0.85 GB of sums instead of 1.5.
  @Test func theLastWindowsOfAnAxisGoTogether() throws {
    let order = WindowOrder.leanest(for: try grid([273, 273, 200]))
    #expect(order.waiting * 105 * 4 < 900_000_000)
    #expect(order.sequence != Array(0..<48))
  }

  @Test func theLongestAxisCostsNothing() throws {
    let long = WindowOrder.leanest(for: try grid([273, 273, 667]))
    let longer = WindowOrder.leanest(for: try grid([273, 273, 1387]))
    #expect(long.waiting == longer.waiting)
    #expect(long.waiting * 105 * 4 < 1_200_000_000)
  }

  @Test func monaisOrderStaysWhereLittleIsSpared() throws {
    let grid = try grid([137, 137, 100])
    #expect(WindowOrder.leanest(for: grid).sequence == Array(0..<grid.count))
  }

  /// A grid of very many windows is ordered in the time of a blink, too.
  @Test(.timeLimit(.minutes(1))) func manyWindowsAreOrdered() throws {
    let grid = try grid([300, 300, 300], roi: 96, overlap: 0.95)
    let order = WindowOrder.leanest(for: grid)
    #expect(order.sequence.count == grid.count)
  }
}
