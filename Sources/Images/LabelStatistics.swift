package import Diagnostics
package import Tensors

/// How many voxels of a label map carry each label.
package struct LabelStatistics: Sendable, Hashable {
  /// Voxels per label, for every label that occurs, background (0) included.
  package let voxelCounts: [Int: Int]
  /// The volume of one voxel in mm³.
  package let voxelVolume: Double
  /// The voxels' centre of mass in voxel indices [i, j, k], per label.
  package let centres: [Int: [Double]]

  /// Counts the labels of `labels`, `[1, X, Y, Z]` of any type; values are rounded towards zero.
  /// - Throws: ``LabelError/severalChannels(_:)``.
  package init(labels: Volume) throws {
    guard labels.channelCount == 1 else { throw LabelError.severalChannels(labels.channelCount) }
    voxelVolume = labels.voxelVolume
    let sums = LabelRuns.sums(of: labels.voxels)
    voxelCounts = sums.mapValues(\.count)
    centres = sums.mapValues { sum in [sum.i, sum.j, sum.k].map { $0 / Double(sum.count) } }
  }

  /// All labels that occur, ascending.
  package var labels: [Int] { voxelCounts.keys.sorted() }

  /// The volume of a label in ml.
  package func millilitres(of label: Int) -> Double { Double(voxelCounts[label] ?? 0) * voxelVolume / 1000 }

  /// The part of the voxels that carry the same label in `a` and `b`, of the same shape; 1 for empty volumes.
  /// - Throws: ``LabelError/differentGrids(_:_:)``.
  package static func agreement(_ a: Volume, _ b: Volume) throws -> Double {
    try LabelComparison(a, b).agreement
  }

  /// The Dice coefficient of `label` in `a` and `b`: twice the common voxels over the voxels of both; 1 when neither
  /// has any.
  /// - Throws: ``LabelError/differentGrids(_:_:)``.
  package static func dice(_ a: Volume, _ b: Volume, label: Int) throws -> Double {
    try LabelComparison(a, b).dice(label: label)
  }
}

/// Two label maps on the same grid, compared in one pass.
package struct LabelComparison: Sendable, Hashable {
  package private(set) var voxelCount = 0
  /// Voxels with the same label in both.
  package private(set) var equalCount = 0
  /// Voxels per label: in the first, in the second, in both at once.
  private var counts: [Int: [Int]] = [:]

  /// - Throws: ``LabelError/differentGrids(_:_:)`` when the shapes differ.
  package init(_ a: Volume, _ b: Volume) throws {
    guard a.voxels.shape == b.voxels.shape else { throw LabelError.differentGrids(a.voxels.shape, b.voxels.shape) }
    let length = a.voxels.shape[3]
    let rows = length > 0 ? a.voxels.count / length : 0
    let pairs = LabelMap.withLabels(of: a.voxels) { first in
      LabelMap.withLabels(of: b.voxels) { second in
        LabelMap.reduce(rows: rows, initial: [LabelPair: Int](), merge: { $0.merge($1, uniquingKeysWith: +) }) {
          rows, counts in
          LabelPair.count(first.value, second.value, rows.lowerBound * length..<rows.upperBound * length, in: &counts)
        }
      }
    }
    for (pair, count) in pairs {
      voxelCount += count
      counts[pair.first, default: [0, 0, 0]][0] += count
      counts[pair.second, default: [0, 0, 0]][1] += count
      guard pair.first == pair.second else { continue }
      equalCount += count
      counts[pair.first, default: [0, 0, 0]][2] += count
    }
  }

  /// All labels of either map, ascending.
  package var labels: [Int] { counts.keys.sorted() }

  package var agreement: Double { voxelCount == 0 ? 1 : Double(equalCount) / Double(voxelCount) }

  package func dice(label: Int) -> Double {
    guard let count = counts[label] else { return 1 }
    return 2 * Double(count[2]) / Double(count[0] + count[1])
  }
}

package enum LabelError: DiagnosedError, Equatable {
  case severalChannels(Int)
  case differentGrids(Shape, Shape)

  package var diagnosis: Diagnosis {
    switch self {
    case .severalChannels(let count):
      Diagnosis(.data, "\(count) channels are no label map", expected: "one channel of labels")
    case .differentGrids(let a, let b):
      Diagnosis(
        .data, "label maps of the shapes \(a) and \(b) can't be compared", expected: "the same grid",
        hint: "resample the reference to the scan's grid, or name the one that belongs to this scan")
    }
  }
}

private struct LabelPair: Hashable {
  var first: Int
  var second: Int

  static func count(
    _ a: UnsafeBufferPointer<Int32>, _ b: UnsafeBufferPointer<Int32>, _ range: Range<Int>,
    in counts: inout [LabelPair: Int]
  ) {
    var start = range.lowerBound
    while start < range.upperBound {
      let (first, second) = (a[start], b[start])
      var end = start + 1
      while end < range.upperBound, a[end] == first, b[end] == second { end += 1 }
      counts[LabelPair(first: Int(first), second: Int(second)), default: 0] += end - start
      start = end
    }
  }
}

private enum LabelMap {
  /// The labels as Int32, row-major.
  static func withLabels<Result>(of voxels: Tensor, _ body: (Shared<UnsafeBufferPointer<Int32>>) throws -> Result)
    rethrows -> Result
  {
    try voxels.converted(to: .int32).withElements(of: Int32.self) { try body(Shared($0)) }
  }

  /// Accumulates over rows on all cores and merges what the pieces found.
  static func reduce<Value: Sendable>(
    rows: Int, initial: Value, merge: (inout Value, Value) -> Void,
    _ accumulate: @Sendable (Range<Int>, inout Value) -> Void
  ) -> Value {
    let pieces = min(rows, Parallel.coreCount * 4)
    var parts = [Value](repeating: initial, count: pieces)
    parts.withUnsafeMutableBufferPointer { parts in
      let target = Shared(parts)
      Parallel.forEach(pieces) { range in
        for piece in range {
          accumulate(rows * piece / pieces..<rows * (piece + 1) / pieces, &target.value[piece])
        }
      }
    }
    return parts.reduce(into: initial, merge)
  }
}
