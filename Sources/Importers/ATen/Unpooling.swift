import Graphs
import Tensors

/// Operators that put elements back to where maxima were found.
let unpoolingOperators: [ATenOperator] = [
  .value("max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor") { try unpooled($0, 2) },
  .value(
    """
    max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor
    """
  ) { try unpooled($0, 3) },
]

private func unpooled(_ call: ATenCall, _ rank: Int) throws -> Value {
  let input = try call.value("self")
  let type = call.type(input)
  let size = try call.ints("output_size")
  guard type.rank == rank + 2, size.count >= rank, size.allSatisfy({ (1...1 << 16).contains($0) }) else {
    throw call.unsupported("\(type) put back into \(size)", expected: "[N, C] and \(rank) spatial axes")
  }
  let extents = Array(size.suffix(rank))
  let leading = Array(type.shape[..<2])
  let rows = leading + [type.spatial.reduce(1, *)]
  let zeros = try filled(call, leading + [extents.reduce(1) { $0 * Dimension($1) }], 0, type.elementType)
  let placed = try call.graph.scatterElements(
    zeros, call.reshape(call.indices("indices"), rows), call.reshape(input, rows), axis: 2)
  return try call.reshape(placed, leading + extents.map { Dimension($0) })
}

/// The windows of a maximum over spatial axes.
struct MaximumWindows {
  let kernel: [Int]
  let strides: [Int]
  let padding: [Int]
  let dilations: [Int]

  /// Where each window's maximum lies among its channel's elements, counted row by row as PyTorch's `indices` are.
  /// - Parameter counts: How many windows there are along each axis.
  /// - Returns: nil where extents are open, which only matters to who asks for the places.
  func places(_ call: ATenCall, _ input: Value, counts: [Dimension]) throws -> Value? {
    let type = call.type(input)
    let extents = type.spatial.compactMap(\.constant)
    let windows = counts.compactMap(\.constant)
    let rank = kernel.count
    guard extents.count == rank, windows.count == rank,
      zip(kernel, windows).allSatisfy({ Double($0) * Double($1) <= 0x1p20 }), type.elementType.isFloatingPoint
    else { return nil }
    let after = (0..<rank).map { axis in
      let reach = (windows[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1
      return max(reach - extents[axis] - padding[axis], 0)
    }
    var result = try call.graph.padSpatial(input, before: padding, after: after, value: -.infinity)
    // Each axis becomes two: the window, and the place in it.
    for axis in 0..<rank {
      let indices = (0..<windows[axis]).flatMap { window in
        (0..<kernel[axis]).map { Int64(window * strides[axis] + $0 * dilations[axis]) }
      }
      let constant = call.graph.constant(indices, shape: [windows[axis], kernel[axis]], name: "windows")
      result = try call.graph.gather(result, constant, axis: 2 + 2 * axis)
    }
    let order = [0, 1] + (0..<rank).map { 2 + 2 * $0 } + (0..<rank).map { 3 + 2 * $0 }
    let leading = Array(type.shape[..<2]) + windows.map { Dimension($0) }
    let rows = try call.reshape(call.graph.transpose(result, order), leading + [Dimension(kernel.reduce(1, *))])
    let best = try call.graph.argMax(rows, axis: rank + 2, keepsAxis: false)
    // The place of the window's first element, and how far the maximum is from it.
    let steps = Shape(extents).contiguousStrides
    let starts = Self.sums(
      (0..<rank).map { axis in
        (0..<windows[axis]).map { ($0 * strides[axis] - padding[axis]) * steps[axis] }
      })
    let offsets = Self.sums(
      (0..<rank).map { axis in
        (0..<kernel[axis]).map { $0 * dilations[axis] * steps[axis] }
      })
    let distance = try call.graph.gather(call.graph.constant(offsets, name: "offsets"), best, axis: 0)
    return try call.graph.add(distance, call.graph.constant(starts, shape: Shape(windows), name: "starts"))
  }

  /// The sums of one entry of each list, the last list's entries running fastest.
  private static func sums(_ lists: [[Int]]) -> [Int64] {
    lists.reduce([0]) { sums, list in sums.flatMap { sum in list.map { sum + Int64($0) } } }
  }
}
