import Tensors

/// The voxels of one label: how many, and the sums of their indices.
struct LabelSum: Sendable {
  var count = 0
  var i = 0.0
  var j = 0.0
  var k = 0.0

  static func += (sum: inout LabelSum, other: LabelSum) {
    sum.count += other.count
    sum.i += other.i
    sum.j += other.j
    sum.k += other.k
  }
}

/// Label maps are mostly runs of equal voxels, so these are counted at once. The voxels are read where they lie, in the
/// order in which they lie.
enum LabelRuns {
  /// The sums of each label of `[1, X, Y, Z]`, of any type and strides; values are rounded towards zero.
  static func sums(of voxels: Tensor) -> [Int: LabelSum] {
    switch voxels.elementType {
    case .float32: sums(of: voxels, Float.self) { Int(Int32(saturating: Double($0))) }
    case .float64: sums(of: voxels, Double.self) { Int(Int32(saturating: $0)) }
    case .uint8: sums(of: voxels, UInt8.self) { Int($0) }
    case .int8: sums(of: voxels, Int8.self) { Int($0) }
    case .int16: sums(of: voxels, Int16.self) { Int($0) }
    case .uint16: sums(of: voxels, UInt16.self) { Int($0) }
    case .int32: sums(of: voxels, Int32.self) { Int($0) }
    default: sums(of: voxels.converted(to: .int32), Int32.self) { Int($0) }
    }
  }

  private static func sums<Element: Equatable & Sendable>(
    of voxels: Tensor, _: Element.Type, _ label: @Sendable (Element) -> Int
  ) -> [Int: LabelSum] {
    // Spatial axes from the one whose places lie farthest apart to the one whose places are neighbours.
    let axes = (0..<3).sorted { abs(voxels.strides[$0 + 1]) > abs(voxels.strides[$1 + 1]) }
    let (extents, strides) = (axes.map { voxels.shape[$0 + 1] }, axes.map { voxels.strides[$0 + 1] })
    guard extents.allSatisfy({ $0 > 0 }) else { return [:] }
    let pieces = min(extents[0], Parallel.coreCount * 4)
    var parts = [[Int: LabelSum]](repeating: [:], count: pieces)
    parts.withUnsafeMutableBufferPointer { parts in
      let target = Shared(parts)
      voxels.withBase { base in
        let base = Shared(base.assumingMemoryBound(to: Element.self))
        Parallel.forEach(pieces) { range in
          for piece in range {
            let planes = extents[0] * piece / pieces..<extents[0] * (piece + 1) / pieces
            target.value[piece] = count(base.value, planes, extents, strides, label)
          }
        }
      }
    }
    var sums: [Int: LabelSum] = [:]
    for part in parts {
      for (label, sum) in part {
        // The sums are of the axes in the order of memory.
        let ordered = [sum.i, sum.j, sum.k]
        var turned = LabelSum(count: sum.count)
        for (place, axis) in axes.enumerated() {
          switch axis {
          case 0: turned.i = ordered[place]
          case 1: turned.j = ordered[place]
          default: turned.k = ordered[place]
          }
        }
        sums[label, default: LabelSum()] += turned
      }
    }
    return sums
  }

  /// Labels below this are counted in an array.
  private static let small = 256

  @inline(__always)
  private static func count<Element: Equatable>(
    _ base: UnsafePointer<Element>, _ planes: Range<Int>, _ extents: [Int], _ strides: [Int], _ label: (Element) -> Int
  ) -> [Int: LabelSum] {
    let (rows, columns, step) = (extents[1], extents[2], strides[2])
    var few = [LabelSum](repeating: LabelSum(), count: small)
    var many: [Int: LabelSum] = [:]
    few.withUnsafeMutableBufferPointer { few in
      for plane in planes {
        for row in 0..<rows {
          let values = base + plane * strides[0] + row * strides[1]
          var start = 0
          while start < columns {
            let value = values[start * step]
            var end = start + 1
            while end < columns, values[end * step] == value { end += 1 }
            let length = Double(end - start)
            let run = LabelSum(
              count: end - start, i: Double(plane) * length, j: Double(row) * length,
              k: Double(start + end - 1) / 2 * length)
            let found = label(value)
            if found >= 0, found < small { few[found] += run } else { many[found, default: LabelSum()] += run }
            start = end
          }
        }
      }
    }
    for (label, sum) in few.enumerated() where sum.count > 0 { many[label] = sum }
    return many
  }
}

extension Int32 {
  /// Rounded towards zero; what lies outside becomes the limit, NaN 0.
  fileprivate init(saturating value: Double) {
    self = value.isNaN ? 0 : Int32(Swift.max(Double(Int32.min), Swift.min(Double(Int32.max), value)))
  }
}
